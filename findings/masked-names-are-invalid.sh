#!/usr/bin/env bash
# @solarahealth/fhir-r4 1.2.0 and @asymmetrik/fhir-json-schema-validator 0.9.8 (npm): where an item of a
# list has no value, as a name that is masked, FHIR's JSON has null in its place, so that its extensions
# stay beside it (R4 json.html#primitive, with this example). Both packages, one from the definitions and
# one with the JSON schema that HL7 publishes, say that such a patient is not valid FHIR. An app that
# refuses what does not validate refuses the patient who is protected.
# Seen: valid without the masked name, not valid with it: "received null", "should be string".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @solarahealth/fhir-r4@1.2.0 @asymmetrik/fhir-json-schema-validator@0.9.8 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const Validator = require("@asymmetrik/fhir-json-schema-validator");
const { createPatientSchema } = require("@solarahealth/fhir-r4");

const validator = new Validator();
const masked = { extension: [{ url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                               valueCode: "masked" }] };
for (const [name, valid] of [
  [{ family: "Doe", given: ["Ann"] }, true],
  [{ family: "Doe", given: ["Ann", null], _given: [null, masked] }, false],
]) {
  const patient = { resourceType: "Patient", name: [name] };
  const { success, error } = createPatientSchema().safeParse(patient);
  const problems = validator.validate(patient).map(({ message }) => message);
  console.log(JSON.stringify(name.given), error?.issues.map(({ message }) => message), problems);
  assert.strictEqual(success, valid);
  assert.strictEqual(problems.length === 0, valid);
  assert.strictEqual(problems.includes("should be string"), !valid);
}
NODE
