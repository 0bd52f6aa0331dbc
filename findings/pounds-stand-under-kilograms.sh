#!/usr/bin/env bash
# flat-fhir 0.1.4 (PyPI): writes FHIR Observations into a sheet for a language model, a column for each
# code. The columns are called after a unit, as body_weight_kg, and the value is put there whatever unit
# it has. FHIR's vital signs profiles allow pounds, inches and degrees Fahrenheit. Neither the unit nor
# a comparator is in the row, nor that the observation was entered in error.
# Seen: body_weight_kg 154 of 154 [lb_av], body_temperature_c 98.6 of [degF], body_height_cm 68 of
# [in_i], glucose_mg_dl 5.5 of mmol/L, creatinine_mg_dl 0.2 of <0.2, entered in error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flat-fhir==0.1.4
"$folder/venv/bin/python" - <<'PYTHON'
from flat_fhir.extractors import extract_observation

for code, category, quantity, status, column in (
    ("29463-7", "vital-signs", {"value": 154, "code": "[lb_av]"}, "final", "body_weight_kg"),
    ("8310-5", "vital-signs", {"value": 98.6, "code": "[degF]"}, "final", "body_temperature_c"),
    ("8302-2", "vital-signs", {"value": 68, "code": "[in_i]"}, "final", "body_height_cm"),
    ("2345-7", "laboratory", {"value": 5.5, "code": "mmol/L"}, "final", "glucose_mg_dl"),
    ("2160-0", "laboratory", {"value": 0.2, "comparator": "<", "code": "mg/dL"},
     "entered-in-error", "creatinine_mg_dl"),
):
    ((_, row),) = extract_observation({
        "resourceType": "Observation", "id": "1", "status": status,
        "category": [{"coding": [{"code": category}]}], "effectiveDateTime": "2026-01-01",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": {"system": "http://unitsofmeasure.org", "unit": quantity["code"], **quantity}})
    filled = {name: value for name, value in row.items() if value != ""}
    print(quantity, status, "->", filled)
    assert filled == {"timestamp": "2026-01-01", "source_resource_id": "1",
                      column: quantity["value"]}
PYTHON
