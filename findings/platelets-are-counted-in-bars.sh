#!/usr/bin/env bash
# nodehl7 2.0.0 (npm): in HL7 v2, \F\ stands for the field separator "|" and \S\ for the component separator
# "^" (v2.5.1 §2.7.4). The parser has the two in each other's place: a laboratory's unit 10^9/L, which has
# to be sent as 10\S\9/L, is read as "10|9/L", and "T2|weighted" as "T2^weighted". \T\, \R\ and \E\ are read
# rightly. Fields that repeat are not divided: the type of a patient's first number is "MR~456".
# Seen: "10|9/L" for 10\S\9/L, "T2^weighted" for T2\F\weighted; "&", "~" and "\" for the others; "MR~456".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" nodehl7@2.0.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const Parser = require("nodehl7");

const message = [
  String.raw`MSH|^~\&|LAB|HOSPITAL|APP|CLINIC|20260131233015-0500||ORU^R01|1|P|2.5.1`,
  "PID|1||123^^^HOSPITAL^MR~456^^^CLINIC^PI||Doe^Ann",
  "OBR|1|||57021-8^CBC^LN",
  String.raw`OBX|1|NM|777-3^Platelets^LN||150|10\S\9/L|150-400||||F`,
  String.raw`OBX|2|ST|^Remark||T2\F\weighted||||||F`,
  String.raw`OBX|3|ST|^Remark||\T\\R\\E\||||||F`,
].join("\r");
new Parser({}).parse(message, "1").then((parsed) => {
  const [platelets, remark, others] = parsed.getSegments("OBX").map(({ parts }) => parts);
  console.log("10\\S\\9/L:", platelets[5], "T2\\F\\weighted:", remark[4], "\\T\\\\R\\\\E\\:", others[4]);
  assert.deepStrictEqual([platelets[5], remark[4], others[4]], ["10|9/L", "T2^weighted", "&~\\"]);
  const numbers = parsed.get("PID", "Patient identifier list");
  console.log("PID-3:", JSON.stringify(numbers));
  assert.strictEqual(numbers[4], "MR~456");
});
NODE
