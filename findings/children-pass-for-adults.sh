#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): FHIRPath adds a quantity of time to a date by the calendar (§6.7 Date/Time
# Arithmetic). This implementation writes the number behind the date: "2026-01-31 + 1 month" is
# "2026-01-311", and the eighteenth birthday of a child born on 17 May 2020 is "2020-05-1718". That
# sorts before 2026, so that the usual test for an adult is true for a child of five. Subtracting
# gives a number that is none. The npm package fhirpath 5.2.2 answers false.
# Seen: "2026-01-311", "2020-05-1718", adult: true; fhirpath: "2026-02-28", "2038-05-17", false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @medplum/core@5.2.13 fhirpath@5.2.2 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { evalFhirPath } = require("@medplum/core");
const { evaluate } = require("fhirpath");
const r4 = require("fhirpath/fhir-context/r4");

const child = { resourceType: "Patient", birthDate: "2020-05-17" };
for (const [expression, seen, right] of [
  ["@2026-01-31 + 1 month", "2026-01-311", "2026-02-28"],
  ["Patient.birthDate + 18 years", "2020-05-1718", "2038-05-17"],
  ["Patient.birthDate + 18 years <= @2026-01-01", true, false],
  ["@2026-01-01 - 18 years", NaN, "2008-01-01"],
]) {
  const [medplum] = evalFhirPath(expression, child);
  const [fhirpath] = evaluate(child, expression, {}, r4);
  console.log(expression, "->", medplum, "fhirpath:", String(fhirpath));
  assert.deepStrictEqual(medplum, seen);
  assert.strictEqual(typeof right === "boolean" ? fhirpath : String(fhirpath), right);
}
NODE
