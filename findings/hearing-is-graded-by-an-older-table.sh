#!/usr/bin/env bash
# audiogram 0.1.0 (PyPI): grades a hearing loss by "WHO 2021". WHO's World Report on Hearing of that
# year (Table 1.3) begins mild at 20 dB, moderate at 35, moderately severe at 50, severe at 65, profound
# at 80 and complete at 95. The package has the limits of Clark's older table (26, 41, 56, 71 and 91
# dB), so that many a loss is a grade milder, and one that WHO calls mild is normal. A complete loss
# does not exist.
# Seen: 22 dB normal, 38 mild, 52 moderate, 68 moderately severe, 82 severe, 100 profound.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet audiogram==0.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from audiogram import severity_from_thresholds

for decibels, seen, who in (
    (22, "normal", "mild"), (38, "mild", "moderate"), (52, "moderate", "moderately severe"),
    (68, "moderately_severe", "severe"), (82, "severe", "profound"), (100, "profound", "complete"),
):
    thresholds = {frequency: decibels for frequency in (500, 1000, 2000, 4000)}
    grade = severity_from_thresholds(thresholds, standard="who2021")
    print(decibels, "dB:", grade, "(WHO 2021:", who + ")")
    assert grade == seen
PYTHON
