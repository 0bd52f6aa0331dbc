#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): a problem that a C-CDA codes in ICD-10 only has a nullFlavor for SNOMED CT and
# the ICD-10 code as a translation (C-CDA R2.1, Problem Observation, value). Where there is no
# originalText beside it, the conversion drops the code, and what a clinician reads of the condition are
# the words that Python has for its own object. With an originalText, the code becomes a coding.
# Seen: text "code=None code_system=None ..." and no coding; with originalText, a coding I10.
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
<component><structuredBody><component><section>{template("2.5.1", "2015-08-01")}
  <code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problems</title>
  <text>Problems</text><entry typeCode="DRIV">
  <act classCode="ACT" moodCode="EVN">{template("4.3", "2015-08-01")}
   <id root="2.16.840.1.113883.19.5"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
   <statusCode code="active"/><effectiveTime><low value="2020"/></effectiveTime>
   <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
    {template("4.4", "2015-08-01")}<id root="2.16.840.1.113883.19.6"/>
    <code code="64572001" codeSystem="2.16.840.1.113883.6.96">
     <translation code="75323-6" codeSystem="2.16.840.1.113883.6.1"/></code>
    <statusCode code="completed"/><effectiveTime><low value="2020"/></effectiveTime>{value}
   </observation></entryRelationship></act></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


ICD = (
    '<translation code="I10" codeSystem="2.16.840.1.113883.6.90" displayName="Hypertension"/>'
)
for words, coded, expected in (
    ("", [], "code=None code_system=None"),
    ("<originalText>High blood pressure</originalText>", ["I10"], "High blood pressure"),
):
    value = f'<value xsi:type="CD" nullFlavor="OTH">{words}{ICD}</value>'
    converted = convert_document(document(value))
    assert not converted["metadata"]["errors"]
    problem = next(
        entry["resource"]
        for entry in converted["bundle"]["entry"]
        if entry["resource"]["resourceType"] == "Condition"
    )
    print(value, "->", problem["code"])
    assert [coding["code"] for coding in problem["code"].get("coding", [])] == coded
    assert problem["code"]["text"].startswith(expected)
PYTHON
