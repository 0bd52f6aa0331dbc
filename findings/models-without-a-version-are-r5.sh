#!/usr/bin/env bash
# fhir.resources 8.3.0 (PyPI): the models that are imported without a version are FHIR R5. An R4
# MedicationRequest, as every US EHR sends it, is refused ("medicationCodeableConcept: extra inputs
# are not permitted"), while an R4 Observation of a simple kind passes, so that a quick trial with an
# Observation looks as if R4 were read. R4 is read by fhir.resources.R4B only; there is no R4.
# Seen: Observation accepted, MedicationRequest refused by the plain import, accepted by R4B.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhir.resources==8.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util

from fhir.resources.medicationrequest import MedicationRequest
from fhir.resources.observation import Observation
from fhir.resources.R4B.medicationrequest import MedicationRequest as R4BMedicationRequest

OBSERVATION = '{"resourceType":"Observation","status":"final","code":{"text":"Pulse"}}'
ORDER = (
    '{"resourceType":"MedicationRequest","status":"active","intent":"order",'
    '"medicationCodeableConcept":{"text":"Warfarin 5 mg"},"subject":{"reference":"Patient/1"}}'
)
Observation.model_validate_json(OBSERVATION)
print("R4 Observation: accepted by the plain import")
try:
    MedicationRequest.model_validate_json(ORDER)
except ValueError as error:
    print("R4 MedicationRequest: refused by the plain import")
    assert "medicationCodeableConcept" in str(error)
else:
    raise SystemExit("the plain import reads R4 now")
R4BMedicationRequest.model_validate_json(ORDER)
print("R4 MedicationRequest: accepted by R4B")
assert importlib.util.find_spec("fhir.resources.R4") is None
PYTHON
