#!/usr/bin/env bash
# fhir-agent-tools 0.1.0 (PyPI): functions with which a language model reads FHIR resources. The value
# of a Quantity is its number: neither the unit nor a comparator such as "<" is in the value or in the
# summary. A value in components, as a blood pressure, or a Ratio is null, like one that is absent. The
# summary of a medication that must not be given (doNotPerform) is that of an order.
# Seen: <5 mmol/L, 5 mg/dL and 5 are all 5; 120/80 null; 1:160 null; warfarin active, order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhir-agent-tools==0.1.0 fhir.resources==8.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhir_agent_tools.medication_request import get_medication_request_summary
from fhir_agent_tools.observation import get_observation_summary

PATIENT = {"reference": "Patient/1"}


def part(name, value):
    return {"code": {"text": name}, "valueQuantity": {"value": value, "unit": "mmHg"}}


def told(**value):
    answer = get_observation_summary({"resourceType": "Observation", "status": "final",
                                      "code": {"text": "Result"}, "subject": PATIENT, **value})
    assert answer["success"]
    return answer["data"]


numbers = [told(valueQuantity={"value": 5, **others}) for others in (
    {"comparator": "<", "unit": "mmol/L"}, {"unit": "mg/dL"}, {})]
pressure = told(component=[part("Systolic", 120), part("Diastolic", 80)])
titre = told(valueRatio={"numerator": {"value": 1}, "denominator": {"value": 160}})
for summary in (*numbers, pressure, titre):
    print(summary)
assert [str(summary["value"]) for summary in numbers] == ["5", "5", "5"]
assert numbers[0] == numbers[1] == numbers[2]
assert pressure["value"] is None and titre["value"] is None

forbidden = get_medication_request_summary({
    "resourceType": "MedicationRequest", "status": "active", "intent": "order",
    "doNotPerform": True, "medicationCodeableConcept": {"text": "Warfarin"}, "subject": PATIENT})
print(forbidden["data"])
assert (forbidden["data"]["medication"], forbidden["data"]["status"]) == ("Warfarin", "active")
assert "True" not in str(forbidden["data"])
PYTHON
