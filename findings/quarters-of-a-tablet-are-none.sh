#!/usr/bin/env bash
# @atomic-ehr/fhirpath 0.1.4 (npm): FHIRPath's "mod" is the remainder of a division, of decimals too
# (N1, §6.6 Math, mod). Where the divisor is a whole number, this implementation rounds the remainder
# to one: what is left of 2.25 tablets is 0, so that the dose is a whole number of tablets, and what is
# left of 7.5 after division by 2 is 2, as much as the divisor. fhirpath 5.2.2 (npm) has the remainders.
# Seen: 2.25 mod 1 = 0 and "whole tablets" true, 7.5 mod 2 = 2, 30.4 mod 7 = 2; fhirpath 0.25, 1.5, 2.4.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" \
  @atomic-ehr/fhirpath@0.1.4 fhirpath@5.2.2 >/dev/null
node --input-type=module - <<'NODE'
import assert from "node:assert";
import { evaluate } from "@atomic-ehr/fhirpath";
import fhirpath from "fhirpath";

for (const [expression, seen, right] of [
  ["2.25 mod 1", 0, 0.25],
  ["7.5 mod 2", 2, 1.5],
  ["30.4 mod 7", 2, 2.4],
]) {
  const [answer] = await evaluate(expression, { input: {} });
  const [other] = fhirpath.evaluate({}, expression);
  console.log(expression, "->", answer, "fhirpath:", other);
  assert.strictEqual(answer, seen);
  assert(Math.abs(other - right) < 1e-9);
}
const whole = "(225 / 100) mod 1 = 0";
const answers = [await evaluate(whole, { input: {} }), fhirpath.evaluate({}, whole)];
console.log("whole tablets of 100 ug in 225 ug:", JSON.stringify(answers));
assert.deepStrictEqual(answers, [[true], [false]]);
NODE
