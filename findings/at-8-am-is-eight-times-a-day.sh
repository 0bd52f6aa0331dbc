#!/usr/bin/env bash
# dose-instruction-parser 2025.1024a0 (PyPI), of Public Health Scotland, makes numbers of the directions
# of prescriptions: how often in which time. A comment in it says that the 8 of "8 am" must not become
# eight times a day. It is taken away, and found again by the next rule: "at 8 am" is eight times a day,
# beside "in the morning", once. Of "every 8 to 12 hours" it means to take the shorter time, and compares
# the letters: 12 comes before 8, as it does before 6. "On Mon and Thurs" is zero times a week. The model
# that finds the phrases in a text is not needed for this: these are the rules for one phrase.
# Seen: 8 a day; once in 12 hours; 0 a week; and "every 4 to 6 hours" once in 4 hours.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps dose-instruction-parser==2025.1024a0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from dose_instruction_parser.di_frequency import get_frequency_info

for phrase, seen in (
    ("in the morning", (1, 1, "Day")),
    ("at 8 am", (8, 8, "Day")),
    ("every 4 to 6 hours", (1, 1, "4 Hour")),
    ("every 8 to 12 hours", (1, 1, "12 Hour")),
    ("every 6 to 12 hours", (1, 1, "12 Hour")),
    ("on mon and thurs", (0, 0, "Week")),
):
    print(f"{phrase!r}: at least {seen[0]}, at most {seen[1]} in one {seen[2]}")
    assert get_frequency_info(phrase) == seen
PYTHON
