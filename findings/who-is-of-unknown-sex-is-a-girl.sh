#!/usr/bin/env bash
# pygrowthstandards 0.1.3 (PyPI) compares children with the growth standards of WHO, which are for boys and
# for girls; there are none for both together. It takes "M", "F" or "U" for the sex and "U" if nothing is
# said, and gives everyone who is not "M" the girls' standard without a word: who is of unknown sex, and also
# "m" and "male", as FHIR writes it. WHO calls a weight below -2 underweight: a boy of a year and 7.5 kg is,
# and by the girls' standard he is not.
# Seen: -2.28 for "M"; -1.46 for "F", "U", "m", "male" and no sex.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pygrowthstandards==0.1.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pygrowthstandards import functional

for sex, seen in (("M", -2.28), ("F", -1.46), ("U", -1.46), ("m", -1.46), ("male", -1.46)):
    zscore = functional.zscore("weight", 7.5, sex, age_days=365)
    print(f"{sex!r}: {zscore:.2f}")
    assert round(zscore, 2) == seen
assert round(functional.zscore("weight", 7.5, age_days=365), 2) == -1.46
PYTHON
