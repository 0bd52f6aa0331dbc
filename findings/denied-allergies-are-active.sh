#!/usr/bin/env bash
# @imranq2/fhirpatientsummary 1.0.45 (npm) makes an International Patient Summary of a record. Whether an
# allergy or a problem was disproved (refuted), or recorded by mistake (entered-in-error), is in its
# verificationStatus, a modifier, which has to be read (R4 conformance-rules.html#isModifier). The text
# of the summary does without: the disproved allergy is under "Active", with no remark, and the disproved
# diabetes is in the problem list. A result that was entered in error is a result.
# Seen: all five in the text, and neither "refuted" nor "error".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @imranq2/fhirpatientsummary@1.0.45 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { ComprehensiveIPSCompositionBuilder } = require("@imranq2/fhirpatientsummary");

const HL7 = "http://terminology.hl7.org/CodeSystem";
const patient = { resourceType: "Patient", id: "p", name: [{ given: ["Ann"], family: "Doe" }],
                  birthDate: "1980-05-03", gender: "female" };
const subject = { reference: "Patient/p" };
const effectiveDateTime = new Date(Date.now() - 5 * 24 * 3600 * 1000).toISOString();
const concept = (system, code, text) => ({ text, coding: [{ system, code, display: text }] });
const sct = (code, text) => concept("http://snomed.info/sct", code, text);
const allergy = (code, text, status) => ({ resourceType: "AllergyIntolerance", id: `a${code}`,
  patient: subject, code: sct(code, text),
  ...(status === "refuted" && { clinicalStatus: { coding: [{ code: "active",
                                system: `${HL7}/allergyintolerance-clinical` }] } }),
  verificationStatus: { coding: [{ code: status,
                                   system: `${HL7}/allergyintolerance-verification` }] } });
const problem = (code, text, status) => ({ resourceType: "Condition", id: `c${code}`, subject,
  code: sct(code, text), clinicalStatus: { coding: [{ code: "active",
                                           system: `${HL7}/condition-clinical` }] },
  verificationStatus: { coding: [{ system: `${HL7}/condition-ver-status`, code: status }] } });
const record = [patient, allergy("764146007", "Penicillin", "refuted"),
  allergy("91935009", "Peanut", "entered-in-error"), problem("73211009", "Diabetes", "refuted"),
  problem("195967001", "Asthma", "confirmed"),
  { resourceType: "Observation", id: "r", status: "entered-in-error", subject, effectiveDateTime,
    category: [{ coding: [{ system: `${HL7}/observation-category`, code: "laboratory" }] }],
    code: concept("http://loinc.org", "2823-3", "Potassium"),
    valueQuantity: { value: 9, unit: "mmol/L" } }];
console.info = () => {}; // the package tells what it does
(async () => {
  const builder = new ComprehensiveIPSCompositionBuilder().setPatient(patient);
  await builder.readBundleAsync({ resourceType: "Bundle", type: "collection",
                                  entry: record.map((resource) => ({ resource })) }, "UTC");
  const summary = await builder.buildBundleAsync("1", "Clinic", "http://example.org/", "UTC");
  const words = summary.entry[0].resource.section.map(({ text }) =>
    text.div.replace(/(<[^>]*>\s*)+/g, " | ")).join("\n");
  console.log(words);
  assert.match(words, /\| Active \|[^\n]* Penicillin \|[^\n]* Peanut \|/);
  assert.match(words, / Diabetes \|/);
  assert.match(words, / Asthma \|/);
  assert.match(words, / Potassium \|[^\n]* 9 mmol\/L \|/);
  assert.doesNotMatch(words, /refuted|error/i);
})();
NODE
