#!/usr/bin/env bash
# devicecodex 0.0.2 (PyPI): convert_value takes a LOINC code, a value and the unit of the source, and
# makes kilograms, centimetres or degrees Celsius of it. The unit is not looked at: the source is always
# taken to have pounds, inches and degrees Fahrenheit. The function's text says that the unit is unused
# "currently"; neither the call nor the result shows it.
# Seen: 70 kg are 31.75 kg; 37 degrees Celsius are 2.78; 30 cm are 76.2 cm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet devicecodex==0.0.2
"$folder/venv/bin/python" - <<'PYTHON'
from devicecodex.transforms import LOINC_UNIT_CONVERSIONS, convert_value

for code, value, unit, seen in (("29463-7", 70, "kg", 31.75), ("8310-5", 37, "Cel", 2.78),
                                ("8302-2", 30, "cm", 76.2)):
    converted = round(convert_value(code, value, source_unit=unit), 2)
    print(code, value, unit, "=", converted, LOINC_UNIT_CONVERSIONS[code][0])
    assert LOINC_UNIT_CONVERSIONS[code][0] == unit
    assert converted == seen
PYTHON
