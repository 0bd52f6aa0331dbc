#!/usr/bin/env bash
# drugdose 0.1.2 (PyPI): works out the rate of a pump from an ordered dose and its unit. An hour is only
# known as "hr", the microgram as "mcg". With "h", which UCUM and SI write, the dose is taken per
# minute; with "ug", as milligrams. Neither is refused, and the maximum is compared as if the unit were
# right. The supported units are listed in the function's text.
# Seen: dopamine 5 mcg/kg/h at 13.1 mL/h, without a warning (right: 0.22); fentanyl 100 mcg/h at 600
# mL/h (right: 10); dopamine 5 ug/kg/min at 13125 mL/h (right: 13.1), "not exceeded".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet drugdose==0.1.2
"$folder/venv/bin/python" - <<'PYTHON'
from drugdose import Patient, calculate_drip

patient = Patient(weight_kg=70, age_years=50)
for drug, dose, units, concentration, rates in (
    ("dopamine", 5, ("mcg/kg/h", "mcg/kg/hr"), 1.6, (13.12, 0.22)),
    ("fentanyl", 100, ("mcg/h", "mcg/hr"), 0.01, (600, 10)),
    ("dopamine", 5, ("ug/kg/min", "mcg/kg/min"), 1.6, (13125, 13.12)),
):
    for unit, rate in zip(units, rates, strict=True):
        drip = calculate_drip(drug, patient, dose, unit, concentration)
        print(drug, dose, unit, round(drip.rate_ml_per_hr, 2), "mL/h", drip.warnings)
        assert abs(drip.rate_ml_per_hr - rate) < 0.01
        assert not drip.rate_exceeded
        assert unit != "mcg/kg/h" or not drip.warnings
PYTHON
