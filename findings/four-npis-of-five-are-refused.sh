#!/usr/bin/env bash
# npi 0.1.0 (npm): the check digit of a National Provider Identifier counts the prefix 80840 as well,
# and makes the sum end in 0 (45 CFR 162.406; CMS: "Requirements for NPI and NPI Check Digit"). The
# package leaves the prefix away and takes the last digit of the sum itself. The two agree for one
# number in five, among them the example that CMS works out, 1234567893, so that a try with it finds nothing
# wrong.
# Seen: of the nine digits 100000000 to 100009999, 2000 of 10000 valid NPIs pass, and 8000 invalid ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" npi@0.1.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { NPI } = require("npi");

// Luhn over 80840 and the ten digits: every second digit from the right is doubled
const right = (npi) => [...`80840${npi}`].reverse().reduce((sum, digit, index) => {
  const doubled = digit * 2;
  return sum + (index % 2 ? doubled - (doubled > 9 ? 9 : 0) : Number(digit));
}, 0) % 10 === 0;
const count = { "valid, passed": 0, "valid, refused": 0, "invalid, passed": 0 };
for (let nine = 100000000; nine < 100010000; nine += 1)
  for (let digit = 0; digit < 10; digit += 1) {
    const npi = `${nine}${digit}`;
    const { isValid } = new NPI(npi);
    if (right(npi)) count[isValid ? "valid, passed" : "valid, refused"] += 1;
    else if (isValid) count["invalid, passed"] += 1;
  }
console.log(count);
assert.deepStrictEqual(count, { "valid, passed": 2000, "valid, refused": 8000,
                                "invalid, passed": 8000 });
assert(right("1234567893") && new NPI("1234567893").isValid);
NODE
