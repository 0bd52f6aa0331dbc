#!/usr/bin/env bash
# healthchain 0.16.1 (PyPI) writes FHIR resources as a CDA document, with templates that it brings. Of a
# medication it reads neither the status nor, without a timing, the dates: a warfarin that was stopped
# (R4 MedicationStatement.status), taken from March 2019 to January 2020, is "Active", since the day on
# which the document was made. A problem that was refuted is one of the problem list, and its onset is
# written as 2019-03-01, which no CDA date may be (HL7 v3 data types, TS: 20190301).
# Seen: displayName="Active" for a stopped one, no 2019 or 2020 in its entry; the refuted problem, listed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "healthchain[cda]==0.16.1" fhir.resources==8.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import logging
from xml.etree import ElementTree

from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.medicationstatement import MedicationStatement
from healthchain.interop import FormatType, create_interop

logging.disable(logging.INFO)  # the package tells what it loads
V3 = "{urn:hl7-org:v3}"
HL7 = "http://terminology.hl7.org/CodeSystem"
SUBJECT = {"reference": "Patient/1"}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
warfarin = MedicationStatement.model_validate(
    {
        "resourceType": "MedicationStatement",
        "status": "stopped",
        "subject": SUBJECT,
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": "11289", "display": "Warfarin"}]
        },
        "effectivePeriod": {"start": "2019-03-01", "end": "2020-01-31"},
    }
)
refuted = Condition.model_validate(
    {
        "resourceType": "Condition",
        "subject": SUBJECT,
        "verificationStatus": {
            "coding": [{"system": f"{HL7}/condition-ver-status", "code": "refuted"}]
        },
        "code": {
            "coding": [
                {"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"}
            ]
        },
        "onsetDateTime": "2019-03-01",
    }
)
document = ElementTree.fromstring(
    create_interop().from_fhir([warfarin, refuted], dest_format=FormatType.CDA)
)
medication = document.find(f".//{V3}substanceAdministration")
status = medication.find(f".//{V3}observation/{V3}value").get("displayName")
years = {value[:4] for part in medication.iter() for value in part.attrib.values()}
print("warfarin:", status, "with the years it was taken:", sorted(years & {"2019", "2020"}))
assert status == "Active"
assert not years & {"2019", "2020"}
problem = document.find(f".//{V3}act//{V3}observation")
onset = problem.find(f"{V3}effectiveTime/{V3}low").get("value")
text = ElementTree.tostring(problem, encoding="unicode")
print("problem:", problem.find(f"{V3}value").get("displayName"), onset, "no word of refuted")
assert problem.get("negationInd") is None
assert "refuted" not in text
assert onset == "2019-03-01"
PYTHON
