#!/usr/bin/env bash
# @imranq2/fhirpatientsummary 1.0.45 (npm) makes an International Patient Summary of a record. An order
# with doNotPerform, a modifier, asks not to give (R4 MedicationRequest.doNotPerform), and what has the
# intent "proposal" is not decided yet. Both are in the summary's list of medications, worded exactly as
# the one that is given: whoever trusts the list gives the warfarin that was forbidden.
# Seen: warfarin (not to be given), aspirin (ordered) and heparin (proposed), no difference but the name.
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
const authoredOn = new Date(Date.now() - 5 * 24 * 3600 * 1000).toISOString();
const order = (code, text, rest) => ({ resourceType: "MedicationRequest", id: `m${code}`, authoredOn,
  status: "active", intent: "order", subject: { reference: "Patient/p" },
  medicationCodeableConcept: { text, coding: [{ code, display: text,
    system: "http://www.nlm.nih.gov/research/umls/rxnorm" }] }, ...rest });
const record = [patient, order("11289", "Warfarin", { doNotPerform: true }),
  order("1191", "Aspirin", {}), order("5224", "Heparin", { intent: "proposal" })];
console.info = () => {}; // the package tells what it does
(async () => {
  const builder = new ComprehensiveIPSCompositionBuilder().setPatient(patient);
  await builder.readBundleAsync({ resourceType: "Bundle", type: "collection",
                                  entry: record.map((resource) => ({ resource })) }, "UTC");
  const summary = await builder.buildBundleAsync("1", "Clinic", "http://example.org/", "UTC");
  const { text } = summary.entry[0].resource.section.find(({ code }) =>
    code.coding.some((coding) => coding.code === "10160-0"));
  const rows = [...text.div.matchAll(/<tr.*?<\/tr>/gs)].map(([row]) =>
    row.replace(/(<[^>]*>\s*)+/g, " | ")).filter((row) => row.includes("Request"));
  console.log(rows.join("\n"));
  assert.deepStrictEqual(rows.map((row) => /Warfarin|Aspirin|Heparin/.exec(row)[0]).sort(),
                         ["Aspirin", "Heparin", "Warfarin"]);
  const others = rows.map((row) => row.replace(/Warfarin|Aspirin|Heparin|\b\d{4,5}\b(?=[^-]*\()/g, ""));
  assert.strictEqual(new Set(others).size, 1);
})();
NODE
