#!/usr/bin/env bash
# pyAKI 0.0.2 (PyPI), for the stages of acute kidney injury of KDIGO: where no earlier creatinine is known,
# it calculates one from the ideal body weight by Devine, which is 50 kg for a man and 2.3 kg for each inch
# above 60 (Drug Intell Clin Pharm 1974;8:650). It takes 60 from the kilograms instead of the inches: 50 +
# 2.3 x inches - 60. The ideal weight of a man of 170 cm is 144 kg, and the creatinine that he is thought to
# have had 1.8 mg/dL. One that has doubled counts as normal. Version 1.0.13, for Python 3.12, is the same.
# Seen: man of 170 cm, 70 kg, 60 years: baseline 1.815, right 1.04; stage 0 at 2.2 mg/dL, right stage 2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 pandas==2.2.0 pbr==6.0.0 'setuptools<81'
"$folder/venv/bin/pip" install --quiet --no-deps pyaki==0.0.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
from pyAKI.probes import CreatinineBaselineMethod, RelativeCreatinineProbe
from pyAKI.utils import Dataset, DatasetType

man = pandas.Series({"weight": 70, "age": 60, "height": 170, "gender": "M"})
measured = pandas.DataFrame({"creat": [1.0, 1.8, 2.2]},
                            index=pandas.date_range("2026-01-31", periods=3, freq="h"))
probe = RelativeCreatinineProbe(method=CreatinineBaselineMethod.CALCULATED)
baseline = probe.creatinine_baseline(measured, man).iloc[0]
ideal = 50 + 2.3 * (170 / 2.54 - 60)
adjusted = ideal + 0.4 * (man["weight"] - ideal)
right = (140 - man["age"]) * adjusted / (72 * 72)
print(f"baseline {baseline:.3f}, with Devine's weight of {ideal:.1f} kg {right:.2f}")
assert (round(baseline, 3), round(ideal, 1), round(right, 2)) == (1.815, 65.9, 1.04)

staged, _ = probe.probe([Dataset(DatasetType.CREATININE, measured),
                         Dataset(DatasetType.DEMOGRAPHICS, man)])
for creatinine, stage in zip(measured["creat"], staged.df["rel_creatinine_stage"]):
    print(f"{creatinine} mg/dL: stage {stage:.0f}, {creatinine / right:.1f} times the baseline")
    assert stage == 0
PYTHON
