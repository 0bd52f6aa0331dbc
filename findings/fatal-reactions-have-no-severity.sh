#!/usr/bin/env bash
# ccda-to-fhir 0.3 (PyPI): the severity of a reaction in C-CDA is one of six from mild to fatal (C-CDA
# R2.1, Severity Observation, value set 2.16.840.1.113883.3.88.12.3221.6.8). FHIR has three, and
# HL7's own map from one to the other (C-CDA on FHIR, ConceptMap CF-Severity) has the three of the same
# name. The conversion does as the map does: of a fatal reaction it writes what it was and no severity,
# as of one that nobody graded.
# Seen: severe, moderate and mild for the three; none for fatal and the two in between.
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


def document(severity):
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
<component><structuredBody><component><section>{template("2.6.1", "2015-08-01")}
  <code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/><title>Allergies</title>
  <text>Allergies</text><entry typeCode="DRIV">
  <act classCode="ACT" moodCode="EVN">{template("4.30", "2015-08-01")}
   <id root="2.16.840.1.113883.19.8"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
   <statusCode code="active"/><effectiveTime><low value="2020"/></effectiveTime>
   <entryRelationship typeCode="SUBJ">
   <observation classCode="OBS" moodCode="EVN">{template("4.7", "2014-06-09")}
    <id root="2.16.840.1.113883.19.9"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>
    <statusCode code="completed"/><effectiveTime><low value="2020"/></effectiveTime>
    <value xsi:type="CD" code="416098002" codeSystem="2.16.840.1.113883.6.96"
      displayName="Drug allergy"/>
    <participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">
     <code code="7980" codeSystem="2.16.840.1.113883.6.88" displayName="Penicillin G"/>
    </playingEntity></participantRole></participant>
    <entryRelationship typeCode="MFST" inversionInd="true">
    <observation classCode="OBS" moodCode="EVN">{template("4.9", "2014-06-09")}
     <id root="2.16.840.1.113883.19.10"/>
     <code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/>
     <value xsi:type="CD" code="39579001" codeSystem="2.16.840.1.113883.6.96"
       displayName="Anaphylaxis"/>
     <entryRelationship typeCode="SUBJ" inversionInd="true">
     <observation classCode="OBS" moodCode="EVN">{template("4.8", "2014-06-09")}
      <code code="SEV" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/>
      <value xsi:type="CD" code="{severity}" codeSystem="2.16.840.1.113883.6.96"/>
     </observation></entryRelationship>
    </observation></entryRelationship>
   </observation></entryRelationship></act></entry></section></component></structuredBody></component>
</ClinicalDocument>"""


for words, severity, expected in (
    ("fatal", "399166001", None),
    ("severe", "24484000", "severe"),
    ("moderate to severe", "371924009", None),
    ("moderate", "6736007", "moderate"),
    ("mild to moderate", "371923003", None),
    ("mild", "255604002", "mild"),
):
    converted = convert_document(document(severity))
    assert not converted["metadata"]["errors"]
    allergy = next(
        entry["resource"]
        for entry in converted["bundle"]["entry"]
        if entry["resource"]["resourceType"] == "AllergyIntolerance"
    )
    (reaction,) = allergy["reaction"]
    print(words, "->", reaction["manifestation"][0]["text"], reaction.get("severity"))
    assert reaction["manifestation"][0]["text"] == "Anaphylaxis"
    assert reaction.get("severity") == expected
PYTHON
