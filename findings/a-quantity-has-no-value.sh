#!/usr/bin/env bash
# fhirpathrs 0.1.5 (PyPI): `Observation.value.ofType(Quantity).value` is FHIRPath for the number of a result, as
# FHIR R5's search parameters and SQL on FHIR write it (FHIRPath 2.0, 5.2.4 ofType). The package finds the
# quantity, and neither a value nor a unit in it: no result has a number, and a question whether potassium
# is above 6 is empty. With `as` in the place of `ofType`, or `first()` between, the number is there.
# Seen: [] for ofType(Quantity).value and .unit; 6.8 for as(Quantity).value and ofType(Quantity).first().value.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpathrs==0.1.5
"$folder/venv/bin/python" - <<'PYTHON'
from fhirpathrs import evaluate

POTASSIUM = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
    "valueQuantity": {"value": 6.8, "unit": "mmol/L"},
}
for path, seen in (
    ("Observation.value.ofType(Quantity).exists()", True),
    ("Observation.value.ofType(Quantity).value", []),
    ("Observation.value.ofType(Quantity).unit", []),
    ("Observation.value.ofType(Quantity).value > 6", []),
    ("Observation.value.ofType(Quantity).first().value", 6.8),
    ("Observation.value.as(Quantity).value", 6.8),
    ("(Observation.value as Quantity).value > 6", True),
):
    print(path, "->", evaluate(path, POTASSIUM))
    assert evaluate(path, POTASSIUM) == seen
PYTHON
