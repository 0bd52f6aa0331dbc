#!/usr/bin/env bash
# @medplum/ccda 5.1.10 (npm): C-CDA denies an entry by negationInd="true": a problem "was observed to
# not have occurred", an immunization was not given (C-CDA R2.1, Problem Observation, Immunization
# Activity), and "no known allergies" is a negated allergy without a substance. The conversion to FHIR
# does not read the attribute: the patient has the diabetes and an allergy, and had the immunization.
# Seen: Condition and AllergyIntolerance active and confirmed, Immunization completed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/ccda@5.1.10 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { convertCcdaToFhir, convertXmlToCcda } = require("@medplum/ccda");

const TEMPLATE = "2.16.840.1.113883.10.20.22";
const SNOMED = 'codeSystem="2.16.840.1.113883.6.96"';
const SINCE = '<effectiveTime><low value="20250101"/></effectiveTime>';
const AT = '<addr><streetAddressLine>1 Main St</streetAddressLine><city>Boston</city>' +
  '<state>MA</state></addr><telecom value="tel:+1(555)555-0100"/>';
const template = (root, extension) => `<templateId root="${TEMPLATE}.${root}"/>` +
  `<templateId root="${TEMPLATE}.${root}" extension="${extension}"/>`;
const section = (templates, loinc, words, entry) => `<component><section>${templates}
  <code code="${loinc}" codeSystem="2.16.840.1.113883.6.1"/><title>${words}</title>
  <text>${words}</text><entry typeCode="DRIV">${entry}</entry></section></component>`;
const concern = (templates, observation) => `<act classCode="ACT" moodCode="EVN">${templates}
  <id root="2.16.840.1.113883.19.1"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
  <statusCode code="active"/>${SINCE}
  <entryRelationship typeCode="SUBJ">${observation}</entryRelationship></act>`;

const written = `<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="US"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
${template("1.1", "2015-08-01")}<id root="2.16.840.1.113883.19.5.1"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Summary</title>
<effectiveTime value="20260101120000+0000"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-US"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.19.5" extension="1"/>${AT}
  <patient><name><given>Ann</given><family>Doe</family></name>
    <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
    <birthTime value="19800503"/><raceCode nullFlavor="UNK"/><ethnicGroupCode nullFlavor="UNK"/>
  </patient></patientRole></recordTarget>
<author><time value="20260101120000+0000"/><assignedAuthor>
  <id root="2.16.840.1.113883.4.6" extension="1234567893"/>${AT}
  <assignedPerson><name><given>Eve</given><family>Roe</family></name></assignedPerson>
</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization>
  <id root="2.16.840.1.113883.4.6" extension="1"/><name>Hospital</name>
  <telecom value="tel:+1(555)555-0100"/><addr nullFlavor="UNK"/>
</representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody>
${section(template("2.5.1", "2015-08-01"), "11450-4", "Problems", concern(
  template("4.3", "2015-08-01"),
  `<observation classCode="OBS" moodCode="EVN" negationInd="true">
   ${template("4.4", "2015-08-01")}<id root="2.16.840.1.113883.19.2"/>
   <code code="55607006" ${SNOMED}><translation code="75326-9"
     codeSystem="2.16.840.1.113883.6.1"/></code><statusCode code="completed"/>${SINCE}
   <value xsi:type="CD" code="73211009" ${SNOMED} displayName="Diabetes mellitus"/></observation>`))}
${section(template("2.6.1", "2015-08-01"), "48765-2", "Allergies", concern(
  template("4.30", "2015-08-01"),
  `<observation classCode="OBS" moodCode="EVN" negationInd="true">
   ${template("4.7", "2014-06-09")}<id root="2.16.840.1.113883.19.3"/>
   <code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/>${SINCE}
   <value xsi:type="CD" code="419199007" ${SNOMED} displayName="Allergy to substance"/>
   <participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">
     <code nullFlavor="NA"/></playingEntity></participantRole></participant></observation>`))}
${section(template("2.2.1", "2015-08-01"), "11369-6", "Immunizations",
  `<substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="true">
   ${template("4.52", "2015-08-01")}<id root="2.16.840.1.113883.19.4"/>
   <statusCode code="completed"/><effectiveTime value="20250101"/>
   <consumable><manufacturedProduct classCode="MANU">${template("4.54", "2014-06-09")}
     <manufacturedMaterial><code code="88" codeSystem="2.16.840.1.113883.12.292"
       displayName="Influenza"/></manufacturedMaterial></manufacturedProduct></consumable>
   </substanceAdministration>`)}
</structuredBody></component></ClinicalDocument>`;

const read = {};
for (const { resource } of convertCcdaToFhir(convertXmlToCcda(written)).entry) {
  const { resourceType, status, clinicalStatus, verificationStatus } = resource;
  if (!["AllergyIntolerance", "Condition", "Immunization"].includes(resourceType)) continue;
  read[resourceType] = status ??
    `${clinicalStatus.coding[0].code}, ${verificationStatus.coding[0].code}`;
  console.log("denied, and read as", resourceType, read[resourceType]);
}
assert.deepStrictEqual(read, { Condition: "active, confirmed", Immunization: "completed",
                               AllergyIntolerance: "active, confirmed" });
NODE
