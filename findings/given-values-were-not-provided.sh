#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): a C-CDA result may have any type of HL7 v3 (C-CDA R2.1, Result Observation,
# value [1..1], "xsi:type" open). The conversion to FHIR knows some of them. For a real number, a yes or
# no, a moment or a text of type ED, it writes that the value is unknown, "not provided in source C-CDA
# document": the record then says of a result that is in the document, a pH of 7.1, that it is not.
# metadata.errors is empty. An integer is kept.
# Seen: INT 3 as valueInteger; "Value not provided in source C-CDA document" for REAL, BL, TS and ED.
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
    <code code="2744-1" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
    <effectiveTime value="20260131"/>{value}
   </observation></component></organizer></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


MISSING = "Value not provided in source C-CDA document"
for value, expected in (
    ('<value xsi:type="INT" value="3"/>', 3),
    ('<value xsi:type="REAL" value="7.1"/>', MISSING),
    ('<value xsi:type="BL" value="true"/>', MISSING),
    ('<value xsi:type="TS" value="20260131"/>', MISSING),
    ('<value xsi:type="ED">Growth of Candida auris</value>', MISSING),
):
    converted = convert_document(document(value))
    assert not converted["metadata"]["errors"]
    result = next(
        entry["resource"]
        for entry in converted["bundle"]["entry"]
        if entry["resource"]["resourceType"] == "Observation"
    )
    read = result.get("valueInteger") or result["dataAbsentReason"]["text"]
    print(value, "->", read)
    assert read == expected
    assert sum(member.startswith("value") for member in result) == (expected == 3)
PYTHON
