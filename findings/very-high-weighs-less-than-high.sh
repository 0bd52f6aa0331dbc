#!/usr/bin/env bash
# glucostats 1.0.0 (PyPI): the Glycemia Risk Index of a sensor's glucose is 3.0 x the share below 54 mg/dL +
# 2.4 x the share to 70 + 1.6 x the share above 250 + 0.8 x the share from 180 to 250 (Klonoff and others,
# J Diabetes Sci Technol 2023;17:1226). The package has the last two weights exchanged: the worse the
# glucose, the lower the risk. Who goes from 200 to 300 for a fifth of the time seems to improve.
# Seen: a fifth of the time at 200: 32, right 16; at 300: 16, right 32; at 50: 60 and at 65: 48, as they should.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet glucostats==1.0.0 pandas==2.2.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
from glucostats.stats.risks_stats import glycemia_risk

EXPECTED = {50: (60, 60), 65: (48, 48), 200: (32, 16), 300: (16, 32)}
signals = pandas.concat(
    pandas.DataFrame(
        {
            "time": pandas.date_range("2026-01-31", periods=101, freq="5min"),
            "glucose": [100.0] * 81 + [float(glucose)] * 20,
        },
        index=[str(glucose)] * 101,
    )
    for glucose in EXPECTED
)
risks = glycemia_risk(signals)["gri"]
for glucose, (seen, published) in EXPECTED.items():
    print(f"a fifth of the time at {glucose} mg/dL: {risks[str(glucose)]:.1f}, published {published}")
    assert round(risks[str(glucose)], 6) == seen
PYTHON
