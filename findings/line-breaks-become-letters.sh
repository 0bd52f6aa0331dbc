#!/usr/bin/env bash
# hl7apy 1.3.5 (PyPI): a message that is parsed and written again, as an interface that changes one field
# does, is another message. In formatted text (FT), which reports are sent in, \.br\ begins a new line
# and \.sp\ leaves one out (HL7 v2.5 §2.7, Use of escape sequences in text fields). The package knows
# the escapes of the delimiters and of highlighting, and escapes the backslashes of all others: \.br\
# becomes \E\.br\E\, which the receiver shows as the letters "\.br\", the report in one line.
# Seen: \T\ and \H\ kept; "\E\.br\E\" for \.br\, with nothing changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7apy==1.3.5
"$folder/venv/bin/python" - <<'PYTHON'
from hl7apy.parser import parse_message

REPORT = r"Chest \T\ abdomen\.br\\H\No mass\N\\.sp\Dr Roe"
SENT = "\r".join((
    r"MSH|^~\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01^ORU_R01|1|P|2.5",
    "PID|1||123^^^HOSP^MR||Doe^Ann",
    "OBR|1|||18748-4^Report^LN",
    f"OBX|1|FT|18748-4^Report^LN||{REPORT}||||||F",
))
written = parse_message(SENT).to_er7()
print(REPORT, "->", written.split("|")[-7])
assert written != SENT
assert written == SENT.replace(r"\.br\\H", r"\E\.br\E\\H").replace(r"\.sp\D", r"\E\.sp\E\D")
PYTHON
