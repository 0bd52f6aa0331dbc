#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): the components of an Observation are known by their codes, and their order
# says nothing. `formatObservationValue` joins the values of a blood pressure in the order in which the
# server lists them, without a word of what they are: where the diastolic comes first, "80 mmHg / 120
# mmHg". What has no value, for a reason that is recorded, is an empty place beside the stroke. A urine
# strip is a row of words of which nobody can say what was negative.
# Seen: "120 mmHg / 80 mmHg" or "80 mmHg / 120 mmHg" for one pressure; "/ 120 mmHg"; "Negative / Trace".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { formatObservationValue } = require("@medplum/core");

const component = (code, display, value) => ({
  code: { coding: [{ system: "http://loinc.org", code, display }] }, ...value });
const pressure = (value) => ({ valueQuantity: { value, unit: "mmHg", code: "mm[Hg]",
                                                system: "http://unitsofmeasure.org" } });
const systolic = component("8480-6", "Systolic blood pressure", pressure(120));
const diastolic = component("8462-4", "Diastolic blood pressure", pressure(80));
const unmeasured = component("8462-4", "Diastolic blood pressure",
                             { dataAbsentReason: { text: "not audible" } });
const strip = (code, display, text) => component(code, display, { valueCodeableConcept: { text } });
for (const [parts, expected] of [
  [[systolic, diastolic], "120 mmHg / 80 mmHg"],
  [[diastolic, systolic], "80 mmHg / 120 mmHg"],
  [[unmeasured, systolic], "/ 120 mmHg"],
  [[strip("5792-7", "Glucose", "Negative"), strip("5804-0", "Protein", "Trace")], "Negative / Trace"],
]) {
  const written = formatObservationValue({ resourceType: "Observation", status: "final",
                                           code: { text: "Panel" }, component: parts });
  console.log(parts.map(({ code }) => code.coding[0].display).join(", "), "->", written);
  assert.strictEqual(written, expected);
}
NODE
