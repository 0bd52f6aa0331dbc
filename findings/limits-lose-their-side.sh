#!/usr/bin/env bash
# @imranq2/fhirpatientsummary 1.0.45 (npm) makes an International Patient Summary of a record. A range
# of reference may have a low only, or a high only (R4 Observation.referenceRange). The summary writes
# either as the bare limit: of a glucose that should be above 70 mg/dL, the range is "70 mg/dL", of a
# cholesterol that should be below 200, "200 mg/dL". Which side is the good one, nobody can tell.
# Seen: "70 mg/dL" for a low, "200 mg/dL" for a high, "12 g/dL - 16 g/dL" for both.
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
const quantity = (value, unit) => ({ value, unit, code: unit, system: "http://unitsofmeasure.org" });
const result = (code, display, value, referenceRange) => ({ resourceType: "Observation", category,
  id: `r${code}`, status: "final", subject: { reference: "Patient/p" }, effectiveDateTime,
  code: { text: display, coding: [{ system: "http://loinc.org", code, display }] },
  valueQuantity: value, referenceRange: [referenceRange] });
const record = [patient,
  result("2345-7", "Glucose", quantity(80, "mg/dL"), { low: quantity(70, "mg/dL") }),
  result("2093-3", "Cholesterol", quantity(180, "mg/dL"), { high: quantity(200, "mg/dL") }),
  result("718-7", "Hemoglobin", quantity(14, "g/dL"),
         { low: quantity(12, "g/dL"), high: quantity(16, "g/dL") })];
console.info = () => {}; // the package tells what it does
(async () => {
  const builder = new ComprehensiveIPSCompositionBuilder().setPatient(patient);
  await builder.readBundleAsync({ resourceType: "Bundle", type: "collection",
                                  entry: record.map((resource) => ({ resource })) }, "UTC");
  const summary = await builder.buildBundleAsync("1", "Clinic", "http://example.org/", "UTC");
  const { text } = summary.entry[0].resource.section.find(({ code }) =>
    code.coding.some((coding) => coding.code === "30954-2"));
  const ranges = Object.fromEntries([...text.div.matchAll(/<tr.*?<\/tr>/gs)].map(([row]) =>
    [...row.matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell]) => cell.trim()))
    .filter((cells) => cells.length).map(([name, , , range]) => [name, range]));
  console.log(ranges);
  assert.deepStrictEqual(ranges, { Glucose: "70 mg/dL", Cholesterol: "200 mg/dL",
                                   Hemoglobin: "12 g/dL - 16 g/dL" });
})();
NODE
