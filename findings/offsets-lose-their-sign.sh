#!/usr/bin/env bash
# hl7v2 1.8.0 (npm): a time of HL7 v2 may end with its offset from UTC (HL7 v2.5.1 §2.A.22 DTM). Parsed
# and written again, without a change, the offset's sign is gone, and its digits stand behind the seconds
# as if they belonged to them. Where the time ends at the minute, seconds are made up. A birth date of
# which only the month is known becomes its first day.
# Seen: 20260131233015-0330 as 202601312330150330, 202601312330-0500 as 202601312330000500 and 198005
# as 19800501.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  hl7v2@1.8.0 hl7v2-dictionary@1.8.0 >/dev/null
cat > "$folder/read.mjs" <<'NODE'
import assert from "node:assert";
import { HL7Message } from "hl7v2";

const sent = ["MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260131233015-0330||ORU^R01^ORU_R01|1|P|2.5.1",
  "PID|1||123^^^HOSP^MR||Doe^Ann||198005|F", "OBR|1|55||2345-7^Glucose^LN|||20260131233015-0330",
  "OBX|1|NM|2345-7^Glucose^LN||5.0|mmol/L|||||F|||202601312330-0500"];
const written = HL7Message.parse(sent.join("\r")).toHL7String().split("\r");
for (const [segment, field, expected] of [[0, 6, "202601312330150330"], [1, 7, "19800501"],
  [2, 7, "202601312330150330"], [3, 14, "202601312330000500"]]) {
  const [before, after] = [sent, written].map((message) => message[segment].split("|")[field]);
  console.log(before, "->", after);
  assert.strictEqual(after, expected);
}
NODE
node "$folder/read.mjs"
