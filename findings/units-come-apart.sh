#!/usr/bin/env bash
# tiny-hl7 1.0.7 (npm) reads HL7 v2 and writes it. A "^" that belongs to a text, as in the unit 10^9/L, is
# sent as \S\ so that it does not separate (v2.5.1 §2.7). It is read as "^", and escaped again when the
# message is written, as long as no field before it has components. In a result, the code of the test is
# before the unit, and has: what was one unit becomes the unit "10" with the text "9/L", though nothing was
# changed. A "|" in a field behind a code moves all that follows by one.
# Seen: OBX-6 10\S\9/L written as 10^9/L, read again as "10" and "9/L"; the same unit behind a test without
# components as it was; OBX-8 "4-10", which is OBX-7's, behind a unit with "|".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" tiny-hl7@1.0.7 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { parse, serialize } = require("tiny-hl7");

const header = "MSH|^~\\&|LAB|A|EHR|B|20260131101500||ORU^R01|1|P|2.5.1";
const result = (test, unit) => `OBX|1|NM|${test}||5.2|${unit}|4-10|N|||F`;
const again = (segment) => serialize(parse(`${header}\r${segment}`)).split("\r")[1];

const coded = again(result("26464-8^Leukocytes^LN", "10\\S\\9/L"));
const plain = again(result("WBC", "10\\S\\9/L"));
const moved = parse(`${header}\r${again(result("26464-8^Leukocytes^LN", "a\\F\\b"))}`)[1];
const { "OBX.6.1": unit, "OBX.6.2": text } = parse(`${header}\r${coded}`)[1];
console.log(coded);
console.log(plain);
console.log({ unit, text, "OBX.8 for a|b": moved["OBX.8"] });
assert.strictEqual(coded, result("26464-8^Leukocytes^LN", "10^9/L"));
assert.strictEqual(plain, result("WBC", "10\\S\\9/L"));
assert.deepStrictEqual([unit, text, moved["OBX.8"]], ["10", "9/L", "4-10"]);
NODE
