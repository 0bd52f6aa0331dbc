#!/usr/bin/env bash
# paas-national-prescription-extractor 2.0.8 (PyPI): reads the directions of a US prescription and
# writes them anew, with the days that the supply lasts, for pharmacies and insurers. "Three times
# daily" before meals, "every 4 to 6 hours as needed" and "every 14 days" all become "once daily", and
# metformin tablets a nasal spray. The days follow the new directions. No result says that anything was
# not understood.
# Seen: insulin three times daily is once daily; Humira every 14 days is once daily, "every other week"
# is right; a tablet of metformin is "1 spray(s)", and 60 of them last 365 days.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet paas-national-prescription-extractor==2.0.8
"$folder/venv/bin/python" - <<'PYTHON'
from paas_extractor import PrescriptionDataExtractor, PrescriptionInput

extractor = PrescriptionDataExtractor()
for drug, quantity, directions, days, seen in (
    ("Humalog KwikPen", "15", "inject 15 units before meals three times daily", 28,
     "Inject 15.0 units once daily"),
    ("Albuterol HFA", "1", "1-2 puffs every 4 to 6 hours as needed", 100,
     "Inhale 2.0 puff(s) once daily"),
    ("Humira", "2", "inject 40 mg every 14 days", 7, "Inject as directed once daily"),
    ("Humira", "2", "inject 40 mg every other week", 28, "Inject as directed every other week"),
    ("Metformin 500 mg", "60", "1 tablet twice daily", 365, "Use 1 spray(s) twice daily"),
):
    read = extractor.extract_prescription_data(PrescriptionInput(drug, quantity, directions))
    print(f"{drug}, {directions} -> {read.standardized_sig}, {read.calculated_day_supply} days")
    assert (read.standardized_sig, read.calculated_day_supply) == (seen, days)
    assert not read.warnings
PYTHON
