#!/usr/bin/env bash
# fhir_flex 2.0.0 (PyPI) makes the record of a care programme of a FHIR Patient. FHIR says nothing there
# about what somebody has agreed to: that is a Consent (R4 consent.html). The package gives consent to calls
# and messages to everyone who has a telephone or an e-mail address of any kind, even an old one, and consent
# to e-mail with an address. It takes the first identifier for the medical record number, whatever its type
# says, here the social security number. Who has no "active" is inactive.
# Seen: an old telephone: consent to call and message; mrn 123-45-6789 instead of M1; status inactive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhir_flex==2.0.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhir_simple.patient_mapping import fhir_patient_to_detailed_json

IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
PATIENT = {
    "resourceType": "Patient",
    "identifier": [
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "123-45-6789"},
        {"type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "MR"}]}, "value": "M1"},
    ],
    "name": [{"family": "Doe"}],
}
OLD_TELEPHONE = [{"system": "phone", "use": "old", "value": "555-0100"}]
CONSENTS = ("is_consent_to_call", "is_consent_to_message", "is_consent_to_email")
for telecom, expected in (([], (False, False, False)), (OLD_TELEPHONE, (True, True, False))):
    record = fhir_patient_to_detailed_json(PATIENT | {"telecom": telecom})
    print(telecom, "->", {name: record[name] for name in (*CONSENTS, "mrn", "status")})
    assert tuple(record[name] for name in CONSENTS) == expected
    assert (record["mrn"], record["ssn"], record["status"]) == ("123-45-6789", None, "inactive")
PYTHON
