#!/usr/bin/env bash
# fhirclient 4.4.0 (PyPI): what FHIR's JSON says of a primitive value in its underscored member is read
# without a word and thrown away, although everything else that the models do not know is an error.
# A birth date or death that is masked is as if it had never been recorded, the time of birth is
# gone, and `as_json()`, which one would send back at an update, no longer has it.
# Seen: _birthDate and _deceasedDateTime gone from as_json(); an unknown member is refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirclient==4.4.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhirclient.models.fhirabstractbase import FHIRValidationError
from fhirclient.models.patient import Patient

STRUCTURES = "http://hl7.org/fhir/StructureDefinition"
BORN = {"url": f"{STRUCTURES}/patient-birthTime", "valueDateTime": "2019-05-03T10:07:00Z"}
MASKED = {"url": f"{STRUCTURES}/data-absent-reason", "valueCode": "masked"}
patient = Patient({
    "resourceType": "Patient",
    "birthDate": "2019-05-03",
    "_birthDate": {"extension": [BORN]},
    "_deceasedDateTime": {"extension": [MASKED]},
})
print(patient.as_json(), "deceasedDateTime:", patient.deceasedDateTime)
assert patient.as_json() == {"resourceType": "Patient", "birthDate": "2019-05-03"}
assert patient.deceasedDateTime is None
try:
    Patient({"resourceType": "Patient", "birthdate": "2019-05-03"})
except FHIRValidationError as error:
    print(str(error).splitlines()[-1].strip().split(" on ")[0].split(" for ")[0], "is refused")
else:
    raise SystemExit("an unknown member is read now")
PYTHON
