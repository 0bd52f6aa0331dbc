#!/usr/bin/env bash
# simple-hl7 3.3.0 (npm): PID-3 repeats in HL7 v2, a number for each authority (v2.5.1 §3.4.2.3), and so
# do names and telephones. `getComponent(3, 1)` gives the number of a patient who has one. Of a patient
# who has two, it gives the empty string, as it does where there is none: who is known to two hospitals
# has no number. `getField` has both, so that the message was read.
# Seen: "123" with one number, "" with two; family name "Doe" with one name, "" with two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" simple-hl7@3.3.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { Parser } = require("simple-hl7");

for (const [numbers, names, number, family] of [
  ["123^^^HOSP^MR", "Doe^Ann", "123", "Doe"],
  ["123^^^HOSP^MR~456^^^NAT^NI", "Doe^Ann^^^^^L~Roe^Ann^^^^^M", "", ""],
  ["", "", "", ""],
]) {
  const patient = new Parser().parse("MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260101120000||ADT^A01^ADT_A01|1|" +
    `P|2.5.1\rPID|1||${numbers}||${names}`).getSegment("PID");
  console.log(JSON.stringify([numbers, names]), "->",
              JSON.stringify([patient.getComponent(3, 1), patient.getComponent(5, 1)]));
  assert.strictEqual(patient.getField(3), numbers);
  assert.strictEqual(patient.getComponent(3, 1), number);
  assert.strictEqual(patient.getComponent(5, 1), family);
}
NODE
