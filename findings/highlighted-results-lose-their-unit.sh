#!/usr/bin/env bash
# @sourceblock-ug/sb-sl7 2.0.18 (npm) reads HL7 v2. A backslash begins and ends an escape sequence, as in
# \H\7.4\N\, by which a laboratory highlights a result (v2.5.1 §2.7). The package takes each backslash to
# protect the sign that follows, as programming languages do: where a field ends with a sequence, the "|"
# behind it does not end the field. The unit belongs to the result then, the normal range is the unit, and
# whether the result is final is nowhere. Reading changes the message, too: what is asked for, and is not
# there, is added to it.
# Seen: OBX-5 "\H\7.4\N|mmol/L", OBX-6 "3.5-5.1", OBX-11 ""; PID-3 written with a second number "~" after it
# was asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @sourceblock-ug/sb-sl7@2.0.18 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { Message } = require("@sourceblock-ug/sb-sl7");

const header = "MSH|^~\\&|LAB|A|EHR|B|20260131101500||ORU^R01|1|P|2.5.1";
const fields = ["OBX-5", "OBX-6", "OBX-7", "OBX-8", "OBX-11"];
const read = (value) => {
  const message = new Message(`${header}\rOBX|1|ST|2823-3^Potassium^LN||${value}|mmol/L|3.5-5.1|H|||F`);
  return fields.map((field) => message.getString(field));
};
const seen = ["7.4", "\\H\\7.4\\N\\"].map(read);
seen.forEach((one) => console.log(one));
assert.deepStrictEqual(seen, [
  ["7.4", "mmol/L", "3.5-5.1", "H", "F"],
  ["\\H\\7.4\\N|mmol/L", "3.5-5.1", "H", "", ""],
]);

const message = new Message(`${header}\rPID|1||123^^^A^MR||Doe^Ann`);
const before = message.render().split("\r")[1];
assert.strictEqual(message.getString("PID-3[2].1"), "");
const after = message.render().split("\r")[1];
console.log(before, "after reading", after);
assert.deepStrictEqual([before, after],
  ["PID|1||123^^^A^MR||Doe^Ann", "PID|1||123^^^A^MR~||Doe^Ann"]);
NODE
