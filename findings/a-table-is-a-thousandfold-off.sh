#!/usr/bin/env bash
# labunits 0.2.1 (PyPI): a table of laboratory units by LOINC code, with a factor each. Two factors are a
# thousandfold off by the table's own units. For norepinephrine (2666-6), 1 pg/mL is 5.91 nmol/L,
# while the row of the same substance in urine (2668-2) has 5.91 nmol in a microgram, which makes it
# 5.91 pmol/L, the unit that epinephrine (1465-4) has. For acetylcholinesterase (2099-0), 1 U/mL is
# 1 U/L, where a litre has a thousand millilitres.
# Seen: 400 pg/mL = 2364 nmol/L (right: 2.364); 10 U/mL = 10 U/L (right: 10000).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet labunits==0.2.1
"$folder/venv/bin/python" - <<'PYTHON'
from labunits.converters import si_unit, to_si_unit, traditional_unit

for code, value, units, seen in (
    ("2666-6", 400, ("pg/mL", "nmol/L"), 2364),
    ("2668-2", 1, ("μg/24 h", "nmol/day"), 5.91),
    ("2099-0", 10, ("U/mL", "U/L"), 10),
):
    converted = to_si_unit(value, code)
    print(code, value, traditional_unit(code), "=", converted, si_unit(code))
    assert (traditional_unit(code), si_unit(code)) == units
    assert round(converted, 6) == seen
PYTHON
