#!/usr/bin/env bash
# agp-tool 0.1.0.7 (PyPI) has the Low Blood Glucose Index of Kovatchev and others among its results. The
# index is the mean risk over all readings, where a reading that is not low counts as 0 (Diabetes Care
# 1998;21:1870); above 5 the risk of severe hypoglycaemia is high. The package takes the mean of the low
# readings alone: how often somebody is low makes no difference, and a single low value in an otherwise
# steady day is a risk of 22.5, as if the whole day had been like that. Its high index is made the same way.
# Seen: 1 reading of 288 at 50 mg/dL: 22.5, right 0.08; all 288: 22.5, right 22.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet agp-tool==0.1.0.7
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math

import pandas
from agp.metrics import compute_risk_indices


def risk(glucose):
    return 10 * min(0, 1.509 * (math.log(glucose) ** 1.084 - 5.381)) ** 2


for low, published in ((1, 0.08), (144, 11.25), (288, 22.5)):
    day = [50.0] * low + [120.0] * (288 - low)
    index, _ = compute_risk_indices(pandas.Series(day))
    over_all = sum(risk(glucose) for glucose in day if glucose < 100) / len(day)
    print(f"{low} of 288 readings at 50 mg/dL: {index:.2f}, over all readings {over_all:.2f}")
    assert round(over_all, 2) == published
    assert round(index, 1) == 22.5
PYTHON
