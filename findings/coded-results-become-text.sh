#!/usr/bin/env bash
# @redoxengine/redox-hl7-v2 1.0.1 (npm) and hl7types 0.9.5 (PyPI): OBX-2 names the type of the result in
# OBX-5 (HL7 v2.5.1 §7.4.2.5). Both packages have schemas for every field, and read OBX-5 as text all the
# same. Written again, without a change, its separators are escaped as if they were letters of the text:
# "less than 5", a structured number (SN), is the text "<^5", and a coded blood group has no code any
# more. OBX-2 still says SN and CE.
# Seen: "<\S\5" for "<^5" and "A\S\Group A\S\L" for "A^Group A^L" from both; 5.0 unchanged.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @redoxengine/redox-hl7-v2@1.0.1 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7types==0.9.5
printf '%s\r' 'MSH|^~\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01^ORU_R01|1|P|2.5.1' \
  'PID|1||123^^^HOSP^MR||Doe^Ann||19800503|F' 'OBR|1|55||24323-8^CMP^LN' \
  'OBX|1|NM|2345-7^Glucose^LN||5.0|mmol/L|||||F' 'OBX|2|SN|1988-5^CRP^LN||<^5|mg/L|||||F' \
  'OBX|3|CE|883-9^ABO group^LN||A^Group A^L||||||F' > "$folder/sent.hl7"
cat > "$folder/read.js" <<'NODE'
const { readFileSync, writeFileSync } = require("node:fs");
const { Generator, Parser } = require("@redoxengine/redox-hl7-v2");
writeFileSync("redox.hl7", new Generator().write(new Parser().parse(readFileSync("sent.hl7", "utf8"))));
NODE
node "$folder/read.js"
"$folder/venv/bin/python" - <<'PYTHON'
from pathlib import Path

from hl7types.hl7.v2_5_1.messages import ORU_R01


def results(message):
    return [line.split("|")[5] for line in message.split("\r") if line.startswith("OBX")]


sent = Path("sent.hl7").read_bytes().decode()
message = ORU_R01.model_validate_er7(sent)
for name, written in (
    ("redox", Path("redox.hl7").read_bytes().decode()),
    ("hl7types", message.model_dump_er7()),
):
    print(name, results(sent), "->", results(written))
    assert results(sent) == ["5.0", "<^5", "A^Group A^L"]
    assert results(written) == ["5.0", r"<\S\5", r"A\S\Group A\S\L"]
PYTHON
