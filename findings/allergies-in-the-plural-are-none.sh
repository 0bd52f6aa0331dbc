#!/usr/bin/env bash
# drugdose 0.1.2 (PyPI): a patient's allergy to a class of drugs is sought as a piece of the class's
# name. That of ceftriaxone is "Third-generation cephalosporin antibiotic", which has no
# "cephalosporins" in it. Of an allergy that is written in the plural, as classes often are, there is no
# warning.
# Seen: a warning for cephalosporin, opioid and NSAID; none for cephalosporins, opioids and NSAIDs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet drugdose==0.1.2
"$folder/venv/bin/python" - <<'PYTHON'
from drugdose import Patient, calculate_dose, get_drug

for drug, allergy in (("ceftriaxone", "cephalosporin"), ("morphine", "opioid"),
                      ("ketorolac", "NSAID")):
    route = get_drug(drug).available_routes[0]
    for name, warned in ((allergy, True), (f"{allergy}s", False)):
        patient = Patient(weight_kg=70, age_years=50, allergies=[name])
        flags = calculate_dose(drug, patient, route).contraindications
        found = [flag.detail for flag in flags if flag.category == "allergy"]
        print(f"{drug}, allergy to {name}:", *found or ["no warning"])
        assert bool(found) == warned
PYTHON
