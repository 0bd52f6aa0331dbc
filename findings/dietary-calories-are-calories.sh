#!/usr/bin/env bash
# ucumvert 0.3.2 (PyPI): a UCUM code is looked up in pint by its name, and some names mean other things
# there. "[Cal]", the calorie of nutrition labels, is 1 kcal_th in UCUM (4.5 Other Legacy Units). Here it
# is a calorie, so that a feed of 1500 [Cal] has 1.5 kcal. The minute and the second of an angle, ' and
# '' (4.3), become a minute and a second of time, and do not convert to degrees.
# Seen: 1 [Cal] = 0.001 kcal; ' = 60 s, '' = 1 s.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ucumvert==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
for code, other, expected in (("[Cal]", "kcal", 0.001), ("'", "s", 60), ("''", "s", 1)):
    read = units.from_ucum(code).to(units.from_ucum(other).units)
    print(f"1 {code} = {read.magnitude:g} {other}")
    assert round(read.magnitude, 9) == expected
PYTHON
