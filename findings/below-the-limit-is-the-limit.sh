#!/usr/bin/env bash
# open-epic 0.1.1 (PyPI), for patients' own apps at MyChart: `format_quantity` writes a Quantity for people.
# Its comparator, a modifier that says how the value is to be read (R4 datatypes.html#Quantity), is left
# out: a troponin below 0.01, which is none that could be measured, and one of 0.01 are the same words, and
# so are a filtration rate above 90 and one of 90. Nothing says that something was left out.
# Seen: "0.01 ng/mL" for < 0.01 and for 0.01, "90 mL/min" for > 90.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet open-epic==0.1.1 fhir.resources==8.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhir.resources.R4B.quantity import Quantity
from open_epic import format_quantity

for comparator, value, unit in (
    (None, "0.01", "ng/mL"),
    ("<", "0.01", "ng/mL"),
    (">", "90", "mL/min"),
):
    quantity = {"value": value, "unit": unit}
    if comparator:
        quantity["comparator"] = comparator
    written = format_quantity(Quantity.model_validate(quantity))
    print(comparator or "", value, unit, "->", written)
    assert written == f"{value} {unit}"
PYTHON
