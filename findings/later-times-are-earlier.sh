#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): FHIRPath compares times as moments, with their offsets (§6.2 Comparison).
# This implementation compares the letters. What was issued at 23:30 in Boston is half an hour later than
# what was seen at 05:00 in Berlin, but "2026-01-31" comes before "2026-02-01": the result was there
# before the specimen. One moment that is written with two offsets does not equal itself. The npm package
# fhirpath 5.2.2 answers the other way each time.
# Seen: issued > effective false, issued = the same moment in UTC false; fhirpath: true, true.
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

const result = { resourceType: "Observation", status: "final", code: { text: "Potassium" },
                 effectiveDateTime: "2026-02-01T05:00:00+01:00", issued: "2026-01-31T23:30:00-05:00" };
for (const expression of [
  "Observation.issued > Observation.effective",
  "Observation.issued = @2026-02-01T04:30:00Z",
  "Observation.effective < @2026-02-01T04:30:00Z",
]) {
  const [medplum] = evalFhirPath(expression, result);
  const [fhirpath] = evaluate(result, expression, {}, r4);
  console.log(expression, "->", medplum, "fhirpath:", fhirpath);
  assert.deepStrictEqual([medplum, fhirpath], [false, true]);
}
NODE
