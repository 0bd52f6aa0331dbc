#!/usr/bin/env bash
# @imranq2/fhirpatientsummary 1.0.45 (npm) makes an International Patient Summary of a record. The text
# of a section has to have enough "to make it clinically safe for a human to just read the narrative" (R4
# Composition.section.text). The text of the results has only those whose LOINC code is in a list of the
# package. Lithium, digoxin, HIV, an arterial pH, a blood culture and the eGFR of 2021 are not, and are
# left out without a word, though the section has them as entries.
# Seen: potassium and sodium in the text; none of the six others; eight results as entries.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @imranq2/fhirpatientsummary@1.0.45 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { ComprehensiveIPSCompositionBuilder } = require("@imranq2/fhirpatientsummary");

const patient = { resourceType: "Patient", id: "p", name: [{ given: ["Ann"], family: "Doe" }],
                  birthDate: "1980-05-03", gender: "female" };
const effectiveDateTime = new Date(Date.now() - 5 * 24 * 3600 * 1000).toISOString();
const category = [{ coding: [{ code: "laboratory",
  system: "http://terminology.hl7.org/CodeSystem/observation-category" }] }];
const result = ([code, display, value]) => ({ resourceType: "Observation", id: `r${code}`, category,
  status: "final", subject: { reference: "Patient/p" }, effectiveDateTime, ...value,
  code: { text: display, coding: [{ system: "http://loinc.org", code, display }] } });
const quantity = (value, unit) => ({ valueQuantity: { value, unit, code: unit,
                                                      system: "http://unitsofmeasure.org" } });
const results = [
  ["2823-3", "Potassium", quantity(4.1, "mmol/L")], ["2951-2", "Sodium", quantity(140, "mmol/L")],
  ["14334-7", "Lithium", quantity(2.6, "mmol/L")], ["10535-3", "Digoxin", quantity(3.5, "ng/mL")],
  ["68961-2", "HIV 1 Ab", { valueCodeableConcept: { text: "Reactive" } }],
  ["2744-1", "pH of arterial blood", quantity(7.1, "[pH]")],
  ["600-7", "Blood culture", { valueCodeableConcept: { text: "Candida auris" } }],
  ["98979-8", "eGFR (CKD-EPI 2021)", quantity(12, "mL/min/{1.73_m2}")],
].map(result);
const entry = [patient, ...results].map((resource) => ({ resource }));
console.info = () => {}; // the package tells what it does
(async () => {
  const builder = new ComprehensiveIPSCompositionBuilder().setPatient(patient);
  await builder.readBundleAsync({ resourceType: "Bundle", type: "collection", entry }, "UTC");
  const summary = await builder.buildBundleAsync("1", "Clinic", "http://example.org/", "UTC");
  const section = summary.entry[0].resource.section.find(({ code }) =>
    code.coding.some((coding) => coding.code === "30954-2"));
  const words = results.map(({ code }) => [code.text, section.text.div.includes(code.text)]);
  console.log(words, "entries:", section.entry.length);
  assert.deepStrictEqual(words.filter(([, there]) => there).map(([name]) => name),
                         ["Potassium", "Sodium"]);
  assert.strictEqual(section.entry.length, 8);
})();
NODE
