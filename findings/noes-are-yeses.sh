#!/usr/bin/env bash
# handlebars-helpers-fhir 1.0.0 (npm) writes texts of FHIR resources by templates with conditions in
# FHIRPath: {{#if-fhir . expression='...'}} shows a block. FHIRPath says "no" with false, and exists() is
# false where there is nothing (N1, §5.1.2). Here, as the documentation says, only an empty result is a no,
# and a list with a false in it is not empty: each condition that compares, or asks whether something
# exists, is met by everybody. Who has no allergies is written to have some. A path alone, as in its
# examples, works.
# Seen: "yes" for exists(), active and birthDate < @1950-01-01 that are all false; "no" for a path to
# nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" handlebars-helpers-fhir@1.0.0 \
  handlebars@4.7.8 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const Handlebars = require("handlebars");
const fhirpath = require("fhirpath");
require("handlebars-helpers-fhir").registerWith(Handlebars);

const patient = { resourceType: "Patient", active: false, birthDate: "1980-05-03",
                  name: [{ family: "Doe" }] };
for (const [expression, value, shown] of [
  ["Patient.name", [{ family: "Doe" }], "yes"],
  ["Patient.address", [], "no"],
  ["Patient.address.exists()", [false], "yes"],
  ["Patient.active", [false], "yes"],
  ["Patient.birthDate < @1950-01-01", [false], "yes"],
]) {
  const template = Handlebars.compile(`{{#if-fhir . expression='${expression}'}}yes{{else}}no{{/if-fhir}}`);
  const seen = [fhirpath.evaluate(patient, expression), template(patient)];
  console.log(expression, ...seen);
  assert.deepStrictEqual(seen, [value, shown]);
}
NODE
