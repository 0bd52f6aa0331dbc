#!/usr/bin/env bash
# cgmquantify-updated 0.5.3 (PyPI): PIR is the "percent time inside range", the counterpart of POR, which is
# that outside. It counts what is below the upper limit or above the lower one, which every number is: it is
# 100 for everybody. MAGE, the "mean amplitude of glucose excursions" (Service and others, Diabetes
# 1970;19:644), is how far glucose swings. The package takes the first readings of the table in the place of
# the peaks and valleys, and adds them up as they are: where glucose hardly moves, the swings are as large
# as the glucose.
# Seen: PIR 100 and POR 25 of the same readings; MAGE 120 for swings between 119 and 121 mg/dL.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 pandas==2.2.3 scipy==1.15.2 matplotlib==3.10.1 \
  statsmodels==0.14.4
"$folder/venv/bin/pip" install --quiet --no-deps cgmquantify-updated==0.5.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import cgmquantify
import pandas


def table(glucose):
    times = pandas.date_range("2026-01-31", periods=len(glucose), freq="5min")
    return pandas.DataFrame({"Time": times, "Glucose": glucose})


readings = table([100, 100, 40, 300, 100, 100, 100, 100])
inside, outside = cgmquantify.PIR(readings), cgmquantify.POR(readings)
print(f"inside {inside:.0f} %, outside {outside:.0f} %")
assert (inside, outside) == (100, 25)

steady = table([120] * 30 + [119, 121] * 15)
swings = cgmquantify.MAGE(steady)
print(f"119 to 121 mg/dL: mean amplitude {swings:.0f}")
assert 115 < swings < 125
PYTHON
