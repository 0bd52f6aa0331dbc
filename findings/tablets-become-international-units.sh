#!/usr/bin/env bash
# @medplum/ccda 5.1.10 (npm): where the product of a C-CDA medication is a unit dose, a 5 mg tablet, its
# doseQuantity "is a unitless number that indicates the number of products given" (C-CDA R2.1,
# Medication Activity, CONF:1098-16878). The conversion to FHIR adds a unit, in UCUM: two tablets are
# two international units, so that a dose nobody wrote looks precise and coded.
# Seen: {"system":"http://unitsofmeasure.org","value":2,"code":"[IU]","unit":"[IU]"}.
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
const AT = '<addr><streetAddressLine>1 Main St</streetAddressLine><city>Boston</city>' +
  '<state>MA</state></addr><telecom value="tel:+1(555)555-0100"/>';
const template = (root, extension) => `<templateId root="${TEMPLATE}.${root}"/>` +
  `<templateId root="${TEMPLATE}.${root}" extension="${extension}"/>`;
const section = (templates, loinc, words, entry) => `<component><section>${templates}
  <code code="${loinc}" codeSystem="2.16.840.1.113883.6.1"/><title>${words}</title>
  <text>${words}</text><entry typeCode="DRIV">${entry}</entry></section></component>`;

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
${section(template("2.1.1", "2014-06-09"), "10160-0", "Medications",
  `<substanceAdministration classCode="SBADM" moodCode="EVN">${template("4.16", "2014-06-09")}
   <id root="2.16.840.1.113883.19.2"/><statusCode code="active"/>
   <effectiveTime xsi:type="IVL_TS"><low value="20250101"/></effectiveTime>
   <effectiveTime xsi:type="PIVL_TS" institutionSpecified="true" operator="A">
     <period value="24" unit="h"/></effectiveTime>
   <routeCode code="C38288" codeSystem="2.16.840.1.113883.3.26.1.1" displayName="Oral"/>
   <doseQuantity value="2"/>
   <consumable><manufacturedProduct classCode="MANU">${template("4.23", "2014-06-09")}
     <manufacturedMaterial><code code="855332" codeSystem="2.16.840.1.113883.6.88"
       displayName="warfarin sodium 5 MG Oral Tablet"/></manufacturedMaterial>
   </manufacturedProduct></consumable></substanceAdministration>`)}
</structuredBody></component></ClinicalDocument>`;

const order = convertCcdaToFhir(convertXmlToCcda(written)).entry.map(({ resource }) => resource)
  .find(({ resourceType }) => resourceType === "MedicationRequest");
const dose = order.dosageInstruction[0].doseAndRate[0].doseQuantity;
console.log(order.medicationCodeableConcept.text, "->", JSON.stringify(dose));
assert.deepStrictEqual(dose, { system: "http://unitsofmeasure.org", value: 2, code: "[IU]",
                               unit: "[IU]" });
NODE
