#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): the effectiveTime of a C-CDA problem has its onset as low and, once it is
# resolved, the end as high (C-CDA R2.1, Problem Observation). The C-CDA on FHIR guide, which the package
# implements, makes them onsetDateTime and abatementDateTime. A problem that has both becomes an
# onsetPeriod, "it began between 2020 and 2021", without an abatement: when the asthma ended is now
# when it began. Where the onset is unknown, the abatement is written.
# Seen: onsetPeriod 2020 to 2021 and no abatement; abatementDateTime 2021 with an unknown onset.
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
<component><structuredBody><component><section>{template("2.5.1", "2015-08-01")}
  <code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problems</title>
  <text>Problems</text><entry typeCode="DRIV">
  <act classCode="ACT" moodCode="EVN">{template("4.3", "2015-08-01")}
   <id root="2.16.840.1.113883.19.5"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
   <statusCode code="completed"/><effectiveTime><low value="2020"/><high value="2021"/></effectiveTime>
   <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
    {template("4.4", "2015-08-01")}<id root="2.16.840.1.113883.19.6"/>
    <code code="64572001" codeSystem="2.16.840.1.113883.6.96">
     <translation code="75323-6" codeSystem="2.16.840.1.113883.6.1"/></code>
    <statusCode code="completed"/><effectiveTime>{time}</effectiveTime>
    <value xsi:type="CD" code="195967001" codeSystem="2.16.840.1.113883.6.96"
      displayName="Asthma"/>
   </observation></entryRelationship></act></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


for time, expected in (
    ('<low value="2020"/><high value="2021"/>', {"onsetPeriod": {"start": "2020", "end": "2021"}}),
    ('<low nullFlavor="UNK"/><high value="2021"/>', {"abatementDateTime": "2021"}),
):
    converted = convert_document(document(time))
    assert not converted["metadata"]["errors"]
    problem = next(
        entry["resource"]
        for entry in converted["bundle"]["entry"]
        if entry["resource"]["resourceType"] == "Condition"
    )
    read = {
        member: value
        for member, value in problem.items()
        if member.startswith(("onset", "abatement"))
    }
    print(time, "->", read)
    assert read == expected
PYTHON
