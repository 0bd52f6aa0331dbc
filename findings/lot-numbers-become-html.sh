#!/usr/bin/env bash
# certificate-fhir-convertor 1.3.5 (npm) makes FHIR of vaccination certificates, and what is to be signed as
# a SMART Health Card. FHIR's strings are plain Unicode, without any markup (R4 datatypes.html#string). The
# package fills templates in a way that is meant for web pages, where ' & / and other signs are escaped:
# O'Brien is "O&#39;Brien", whom no identity card has, and the vaccine's lot A/12, by which a recall finds
# those whom it concerns, is "A&#x2F;12". Of a text without such signs nothing is seen.
# Seen: name "Ann O&#39;Brien", lotNumber "A&#x2F;12", performer "Mother &amp; Child Clinic".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" certificate-fhir-convertor@1.3.5 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { certificateToSmartHealthJson } = require("certificate-fhir-convertor");

const card = certificateToSmartHealthJson({
  credentialSubject: { name: "Ann O'Brien", dob: "1980-05-03", gender: "Female" },
  evidence: [{ vaccine: "COVISHIELD", icd11Code: "XM9QW8", batch: "A/12", date: "2021-05-03", dose: 1,
               totalDoses: 2, facility: { name: "Mother & Child Clinic" } }],
}, {});
const [patient, immunization] = card.credentialSubject.fhirBundle.entry.map(({ resource }) => resource);
const seen = [patient.name[0].text, immunization.lotNumber, immunization.performer[0].actor.display];
console.log(seen);
assert.deepStrictEqual(seen, ["Ann O&#39;Brien", "A&#x2F;12", "Mother &amp; Child Clinic"]);
NODE
