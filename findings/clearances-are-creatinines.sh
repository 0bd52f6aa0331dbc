#!/usr/bin/env bash
# open-medicine 0.12.0 (PyPI) calculates scores and doses for language models, and writes each as a FHIR
# Observation with a LOINC code. 2160-0 is creatinine in serum or plasma, in mass per volume
# (loinc.org/2160-0). The package gives this code to a creatinine clearance, as which 2164-2 would do, and
# "as an approximation" to doses of warfarin and other anticoagulants. None has a unit: a clearance of 25
# mL/min is a final creatinine of 25, and 7.5 mg of warfarin are one of 7.5, in a record in which the next
# dose depends on it. The value of a dose of enoxaparin is the clearance too; the dose is in the words of
# the interpretation only.
# Seen: code 2160-0, status final and no unit, with 25 for a clearance, 25 for 60 mg of enoxaparin and 7.5
# for 7.5 mg of warfarin.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydantic==2.11.7
"$folder/venv/bin/pip" install --quiet --no-deps open-medicine==0.12.0
"$folder/venv/bin/python" - <<'PYTHON'
from open_medicine.mcp.calculators import cockcroft_gault, enoxaparin_dosing, warfarin_initiation

results = {
    "clearance of 25 mL/min": cockcroft_gault.calculate_cockcroft_gault(
        cockcroft_gault.CockcroftGaultParams(
            age=80, weight=60, is_female=True, serum_creatinine=1.7
        )
    ),
    "enoxaparin, 60 mg once daily": enoxaparin_dosing.calculate_enoxaparin_dosing(
        enoxaparin_dosing.EnoxaparinDosingParams(crcl=25, weight=60, indication="vte_treatment")
    ),
    "warfarin, 7.5 mg daily": warfarin_initiation.calculate_warfarin_initiation(
        warfarin_initiation.WarfarinInitiationParams(age=50, indication="af_vte")
    ),
}
seen = {}
for name, result in results.items():
    observation = result.to_fhir("Patient/1")
    seen[name] = (
        observation["status"], observation["code"]["coding"][0]["code"], observation["valueQuantity"],
    )
    print(name, *seen[name])
assert seen == {
    "clearance of 25 mL/min": ("final", "2160-0", {"value": 25}),
    "enoxaparin, 60 mg once daily": ("final", "2160-0", {"value": 25}),
    "warfarin, 7.5 mg daily": ("final", "2160-0", {"value": 7.5}),
}
PYTHON
