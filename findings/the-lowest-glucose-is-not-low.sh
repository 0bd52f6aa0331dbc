#!/usr/bin/env bash
# glucose360 0.0.2 (PyPI): time below range is that below 70 mg/dL, level 1 from 54 to 69 and level 2
# below 54; time above range is that above 180, level 2 above 250 (Battelino and others, Diabetes Care
# 2019;42:1593). The package looks for low values from 40 on and for high ones up to 400: 39, the lowest
# of all, is not low, and 401 is not high, though sensors measure up to 500. It looks for whole numbers:
# 53.5 mg/dL, which is what 2.97 mmol/L are, is in neither level. 70 is low, 180 high and both in range.
# Seen: 39 and 401 in no range at all; 53.5 in no level; 70 and 180 in two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"  # it leaves its settings where it runs
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.3 pandas==2.2.3 scipy==1.15.2
"$folder/venv/bin/pip" install --quiet --no-deps glucose360==0.0.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
from glucose360 import features

SHARES = {
    "low": features.percent_time_in_hypoglycemia,
    "low 1": features.percent_time_in_level_1_hypoglycemia,
    "low 2": features.percent_time_in_level_2_hypoglycemia,
    "in range": features.percent_time_in_range,
    "high": features.percent_time_in_hyperglycemia,
    "high 1": features.percent_time_in_level_1_hyperglycemia,
    "high 2": features.percent_time_in_level_2_hyperglycemia,
}
for glucose, seen in (
    (39, []), (40, ["low", "low 2"]), (53.5, ["low"]), (60, ["low", "low 1"]),
    (70, ["low", "in range"]), (100, ["in range"]), (180, ["in range", "high"]),
    (300, ["high", "high 2"]), (401, []),
):
    readings = pandas.DataFrame({"Time": [pandas.Timestamp("2026-01-31")], "Glucose": [glucose]})
    found = [name for name, share in SHARES.items() if share(readings) == 100]
    print(f"{glucose} mg/dL: {', '.join(found) or 'nothing'}")
    assert found == seen
PYTHON
