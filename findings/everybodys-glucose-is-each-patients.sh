#!/usr/bin/env bash
# diametrics 0.4.3 (PyPI) analyses the readings of glucose sensors, of one patient or, with a column ID, of
# many. `auc` calculates the area under each one's curve. It takes the readings of all for each: who is
# always at 100 mg/dL has the same as who is always at 300, and it is that of neither. Alone, each has the
# right one, and average_glc is right of the same table. `glycemic_risk_index` has weights of its own: the
# Glycemia Risk Index gives 3.0 and 2.4 to the lows, 1.6 to very high and 0.8 to high (Klonoff and others, J
# Diabetes Sci Technol 2023;17:1226), the package 0.5, 0.2, 0.5 and 0.2.
# Seen: auc 200 for both, alone 100 and 300; a day at 200 mg/dL has a risk of 20, right 80.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 pandas==2.2.3 scipy==1.15.2 scikit-learn==1.6.1 \
  plotly==5.24.1 openpyxl==3.1.5
"$folder/venv/bin/pip" install --quiet --no-deps diametrics==0.4.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
from diametrics import metrics

times = list(pandas.date_range("2026-01-31", periods=288, freq="5min"))
both = pandas.DataFrame({
    "ID": ["Ann"] * 288 + ["Bob"] * 288, "time": times * 2, "glc": [100] * 288 + [300] * 288,
})


def values(table, column):
    return [float(value) for value in table[column]]


alone = [
    values(metrics.auc(both[both.ID == name].drop(columns="ID")), "auc")[0]
    for name in ("Ann", "Bob")
]
together = values(metrics.auc(both), "auc")
means = values(metrics.average_glc(both), "avg_glc")
print("auc alone", alone, "together", together, "means together", means)
assert (alone, together, means) == ([100, 300], [200, 200], [100, 300])

risks = {}
for glucose in (50, 65, 200, 300):
    day = pandas.DataFrame({"time": times, "glc": [glucose] * 288})
    risks[glucose] = values(metrics.glycemic_risk_index(day.assign(ID="Ann"), "mg"), "gri")[0]
print("risk of a whole day", risks)
assert risks == {50: 50, 65: 20, 200: 20, 300: 50}
PYTHON
