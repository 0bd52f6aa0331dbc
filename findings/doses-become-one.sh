#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): the dose of a C-CDA medication is an interval of quantities (IVL_PQ: C-CDA
# R2.1, Medication Activity, doseQuantity and rateQuantity). It may say low and high in place of one
# value, or a nullFlavor when nobody knows. The conversion to FHIR looks at the value alone, and where
# there is none it writes 1: "at most 20 mg" is a dose of 1, "5 to 10 mL/h" a rate of 1, and so is what
# is unknown. A number without a unit, which nobody wrote, is then the dose of the record.
# Seen: 20 mg as 20 mg; a range, an upper limit, an unknown dose and a range of rates as {"value": 1}.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ccda-to-fhir==0.3
"$folder/venv/bin/python" - <<'PYTHON'
import json
import logging

from ccda_to_fhir import convert_document

logging.disable(logging.INFO)
TEMPLATE = "2.16.840.1.113883.10.20.22"
AT = (
    "<addr><streetAddressLine>1 Main St</streetAddressLine><city>Boston</city><state>MA</state>"
    '</addr><telecom value="tel:+1(555)555-0100"/>'
)


def template(root, extension):
    return (
        f'<templateId root="{TEMPLATE}.{root}"/>'
        f'<templateId root="{TEMPLATE}.{root}" extension="{extension}"/>'
    )


def document(dose):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="US"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
{template("1.1", "2015-08-01")}<id root="2.16.840.1.113883.19.5.1"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Summary</title>
<effectiveTime value="20260101120000+0000"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-US"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.19.5" extension="1"/>{AT}
  <patient><name><given>Ann</given><family>Doe</family></name>
    <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
    <birthTime value="19800503"/><raceCode nullFlavor="UNK"/><ethnicGroupCode nullFlavor="UNK"/>
  </patient></patientRole></recordTarget>
<author><time value="20260101120000+0000"/><assignedAuthor>
  <id root="2.16.840.1.113883.4.6" extension="1234567893"/>{AT}
  <assignedPerson><name><given>Eve</given><family>Roe</family></name></assignedPerson>
</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization>
  <id root="2.16.840.1.113883.4.6" extension="1"/><name>Hospital</name>
  <telecom value="tel:+1(555)555-0100"/><addr nullFlavor="UNK"/>
</representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody><component><section>{template("2.1.1", "2014-06-09")}
  <code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/><title>Medications</title>
  <text>Medications</text><entry typeCode="DRIV">
  <substanceAdministration classCode="SBADM" moodCode="EVN">{template("4.16", "2014-06-09")}
   <id root="2.16.840.1.113883.19.2"/><statusCode code="active"/>
   <effectiveTime xsi:type="IVL_TS"><low value="20250101"/></effectiveTime>{dose}
   <consumable><manufacturedProduct classCode="MANU">{template("4.23", "2014-06-09")}
    <manufacturedMaterial><code code="7052" codeSystem="2.16.840.1.113883.6.88"
      displayName="morphine"/></manufacturedMaterial></manufacturedProduct></consumable>
  </substanceAdministration></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


ONE = {"value": 1}
TWENTY = {"value": 20, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
for written, element, expected in (
    ('<doseQuantity value="20" unit="mg"/>', "doseQuantity", TWENTY),
    (
        '<doseQuantity><low value="10" unit="mg"/><high value="20" unit="mg"/></doseQuantity>',
        "doseQuantity",
        ONE,
    ),
    ('<doseQuantity><high value="20" unit="mg"/></doseQuantity>', "doseQuantity", ONE),
    ('<doseQuantity nullFlavor="UNK"/>', "doseQuantity", ONE),
    (
        '<rateQuantity><low value="5" unit="mL/h"/><high value="10" unit="mL/h"/></rateQuantity>',
        "rateQuantity",
        ONE,
    ),
):
    converted = convert_document(document(written))
    assert not converted["metadata"]["errors"]
    statement = next(
        entry["resource"]
        for entry in converted["bundle"]["entry"]
        if entry["resource"]["resourceType"] == "MedicationStatement"
    )
    dose = statement["dosage"][0]["doseAndRate"][0]
    print(written, "->", json.dumps(dose))
    assert dose == {element: expected}
PYTHON
