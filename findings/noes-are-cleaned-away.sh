#!/usr/bin/env bash
# @bonfhir/core 2.22.1 (npm): `cleanFhirValues` makes a resource fit to be sent, without the empty values
# that FHIR forbids (R4 json.html). It takes 0 and false for empty too: a count of 0 is a unit without a
# number, "no" to the question of an allergy is no answer, a patient who is not active any more is as if
# nobody had said so. Of a list of names with one that is masked, it leaves out the empty place, and
# another name is marked as masked.
# Seen: value 0, valueBoolean false and active false gone; given ["Ann","Clare"], _given [{masked}].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @bonfhir/core@2.22.1 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { cleanFhirValues } = require("@bonfhir/core/r4b");

const masked = { extension: [{ url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                               valueCode: "masked" }] };
for (const [resource, expected] of [
  [{ valueQuantity: { value: 0, unit: "10*9/L" } }, { valueQuantity: { unit: "10*9/L" } }],
  [{ linkId: "allergy", answer: [{ valueBoolean: false }] }, { linkId: "allergy" }],
  [{ resourceType: "Patient", active: false, gender: "female" },
   { resourceType: "Patient", gender: "female" }],
  [{ given: ["Ann", null, "Clare"], _given: [null, masked, null] },
   { given: ["Ann", "Clare"], _given: [masked] }],
]) {
  const sent = JSON.stringify(resource);
  const cleaned = cleanFhirValues(resource);
  console.log(sent, "->", JSON.stringify(cleaned));
  assert.deepStrictEqual(cleaned, expected);
}
NODE
