#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): the usual form of the day of a vaccination in C-CDA is the bare value of
# effectiveTime, whose type is then the schema's own (C-CDA R2.1, Immunization Activity). The conversion
# to FHIR reads it with xsi:type="TS", or as a low. The usual form it gives as an "unknown" occurrence,
# and metadata.errors is empty: whether the next dose is due, nobody can say.
# Seen: occurrenceString "unknown" without xsi:type; occurrenceDateTime 2026-01-31 with it and as a low.
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


def document(time):
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
<component><structuredBody><component><section>{template("2.2.1", "2015-08-01")}
  <code code="11369-6" codeSystem="2.16.840.1.113883.6.1"/><title>Immunizations</title>
  <text>Immunizations</text><entry typeCode="DRIV">
  <substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="false">
   {template("4.52", "2015-08-01")}<id root="2.16.840.1.113883.19.7"/>
   <statusCode code="completed"/>{time}
   <consumable><manufacturedProduct classCode="MANU">{template("4.54", "2014-06-09")}
    <manufacturedMaterial><code code="115" codeSystem="2.16.840.1.113883.12.292"
      displayName="Tdap"/></manufacturedMaterial></manufacturedProduct></consumable>
  </substanceAdministration></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


READ = {"occurrenceDateTime": "2026-01-31"}
for time, expected in (
    ('<effectiveTime value="20260131"/>', {"occurrenceString": "unknown"}),
    ('<effectiveTime xsi:type="TS" value="20260131"/>', READ),
    ('<effectiveTime xsi:type="IVL_TS"><low value="20260131"/></effectiveTime>', READ),
):
    converted = convert_document(document(time))
    assert not converted["metadata"]["errors"]
    vaccination = next(
        entry["resource"]
        for entry in converted["bundle"]["entry"]
        if entry["resource"]["resourceType"] == "Immunization"
    )
    read = {
        member: value for member, value in vaccination.items() if member.startswith("occurrence")
    }
    print(time, "->", read)
    assert read == expected
PYTHON
