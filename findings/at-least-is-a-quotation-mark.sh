#!/usr/bin/env bash
# hl7 0.4.5 (PyPI, python-hl7): `escape` makes a text fit for a field of HL7 v2, and a character that is
# not ASCII becomes \Xdd..\, the bytes of the message's character set in hexadecimal (v2.5.1 §2.7.5).
# Here it is the character's number in Unicode: "≥" is \X2265\, and the two bytes 22 and 65 are the
# letters '"e'. So read hl7's own `unescape`, hl7parser (npm) and node-hl7-client (npm): "INR ≥5" arrives
# as 'INR "e5'. "µ" has a number below 256 and arrives.
# Seen: "INR \X2265\5" written, 'INR "e5' read by all three; "µg" read as it was sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  hl7parser@1.0.1 node-hl7-client@4.0.0 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7==0.4.5
cat > "$folder/write.py" <<'PYTHON'
import json

import hl7

message = hl7.parse("MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01^ORU_R01|1|P|2.5.1\r")
texts = [(text, message.escape(text)) for text in ("INR ≥5", "5 µg")]
print(json.dumps([(text, escaped, message.unescape(escaped)) for text, escaped in texts]))
PYTHON
"$folder/venv/bin/python" "$folder/write.py" > "$folder/written.json"
node - <<'NODE'
const assert = require("node:assert");
const { create } = require("hl7parser");
const { Message } = require("node-hl7-client");

const seen = require("./written.json").map(([text, escaped, own]) => {
  const sent = "MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01^ORU_R01|1|P|2.5.1\r" +
    `OBX|1|ST|1-8^Remark^LN||${escaped}||||||F`;
  return [text, escaped, own, create(sent).get("OBX.5").toString(),
          new Message({ text: sent }).get("OBX.5").toString()];
});
console.log(seen);
assert.deepStrictEqual(seen, [
  ["INR ≥5", "INR \\X2265\\5", 'INR "e5', 'INR "e5', 'INR "e5'],
  ["5 µg", "5 \\Xb5\\g", "5 µg", "5 µg", "5 µg"],
]);
NODE
