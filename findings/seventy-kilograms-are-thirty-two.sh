#!/usr/bin/env bash
# devicecodex 0.0.2 (PyPI) has codes and units for the measurements of wearables and scales. `convert_value`
# takes a LOINC code, a value and the unit that it is in, and gives the value in one unit per code. It does not
# look at the unit: a weight was in pounds, a temperature in Fahrenheit. FHIR's vital signs allow kilograms and
# Celsius as well, and most records have these (R4 observation-vitalsigns.html). `normalize_code` calls 8302-2,
# 39156-5, 2708-6 and 59408-5 legacy, and replaces them. The first three are the codes by which FHIR's vital
# signs know height, BMI and oxygen saturation, and US Core's wants the fourth beside the third.
# Seen: 70 kg are 31.75 kg, 37 Cel are 2.78 Cel, 480 L/min are 28800 L/min; no vital sign of the four remains.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet devicecodex==0.0.2
"$folder/venv/bin/python" - <<'PYTHON'
from devicecodex.interop import normalize_code
from devicecodex.interop.expected_units import LOINC_EXPECTED_UNITS
from devicecodex.transforms import convert_value

for code, value, seen in (("29463-7", 70.0, 31.75), ("8310-5", 37.0, 2.78), ("33452-4", 480.0, 28800.0)):
    unit = LOINC_EXPECTED_UNITS[code]
    converted = convert_value(code, value, unit)
    print(f"{code}: {value} {unit} are {converted:.2f} {unit}")
    assert round(converted, 2) == seen

for code, seen in (
    ("8302-2", "3137-7"), ("39156-5", "89270-3"), ("2708-6", "71853-6"), ("59408-5", "103209-3"),
):
    print(code, "is", normalize_code(code))
    assert normalize_code(code) == seen
PYTHON
