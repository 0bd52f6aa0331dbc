#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): C-CDA writes a result below or above a limit as an interval (IVL_PQ), and
# says with "inclusive" whether the limit belongs to it: "< 0.01" is a high of 0.01 that is not inclusive
# (HL7 v3 data types, IVL.highClosed). The conversion to FHIR does not read that: "less than" and "at
# most" are both "<=", "more than" and "at least" both ">=", though FHIR has all four. A troponin below
# the limit of detection is then one that may have been detected.
# Seen: "<=" and ">=", with inclusive="false" and without.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ccda-to-fhir==0.3
"$folder/venv/bin/python" - <<'PYTHON'
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


def document(value):
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
<component><structuredBody><component><section>{template("2.3.1", "2015-08-01")}
  <code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><title>Results</title>
  <text>Results</text><entry typeCode="DRIV">
  <organizer classCode="BATTERY" moodCode="EVN">{template("4.1", "2015-08-01")}
   <id root="2.16.840.1.113883.19.3"/><code code="24323-8" codeSystem="2.16.840.1.113883.6.1"/>
   <statusCode code="completed"/><component><observation classCode="OBS" moodCode="EVN">
    {template("4.2", "2015-08-01")}<id root="2.16.840.1.113883.19.4"/>
    <code code="10839-9" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
    <effectiveTime value="20260131"/>{value}
   </observation></component></organizer></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


for limit, comparator in (("high", "<="), ("low", ">=")):
    for inclusive in ("true", "false"):
        value = (
            f'<value xsi:type="IVL_PQ"><{limit} value="0.01" unit="ng/mL" '
            f'inclusive="{inclusive}"/></value>'
        )
        converted = convert_document(document(value))
        assert not converted["metadata"]["errors"]
        result = next(
            entry["resource"]
            for entry in converted["bundle"]["entry"]
            if entry["resource"]["resourceType"] == "Observation"
        )
        read = result["valueQuantity"]
        print(value, "->", read["comparator"], read["value"], read["code"])
        assert (read["comparator"], read["value"], read["code"]) == (comparator, 0.01, "ng/mL")
PYTHON
