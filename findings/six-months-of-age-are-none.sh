#!/usr/bin/env bash
# cqlpy 0.3.1 (PyPI), for quality measures: CQL's age at a date is asked for in years, months or days, and
# that of an infant in months (CQL 1.5, Author's Guide, CalculateAgeAt). A duration counts whole periods
# and a difference the boundaries that were crossed (Duration; Difference). The package takes the unit of
# an age and gives years all the same: whoever is under one is 0 months old, and due for no vaccination.
# From 31 January to 1 February is a month, and from eleven in the evening to one in the morning no day
# boundary. What is compared by the day is compared by the second.
# Seen: 0 months at 6 months; duration 1 month, right 0; difference 0 days, right 1; before, by day: true.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet cqlpy==0.3.1 python-dateutil==2.9.0.post0
"$folder/venv/bin/python" - <<'PYTHON'
from cqlpy.operators import (
    DateTimePrecision, before, calculate_age_at, difference_between, duration_between,
)
from cqlpy.types import DateTime

YEAR, MONTH, DAY = DateTimePrecision.Year, DateTimePrecision.Month, DateTimePrecision.Day
born, today = DateTime(2025, 7, 31), DateTime(2026, 1, 31)
for what, value, seen, right in (
    ("age in months", calculate_age_at(born, today, MONTH), 0, 6),
    ("age in days", calculate_age_at(born, today, DAY), 0, 184),
    ("months from 31 January to 1 February",
     duration_between(DateTime(2026, 1, 31), DateTime(2026, 2, 1), MONTH), 1, 0),
    ("day boundaries from 23:00 to 1:00",
     difference_between(DateTime(2026, 1, 31, 23), DateTime(2026, 2, 1, 1), DAY), 0, 1),
    ("year boundaries from 31 December to 1 January",
     difference_between(DateTime(2025, 12, 31), DateTime(2026, 1, 1), YEAR), 0, 1),
    ("10:00 before 12:00 by the day",
     before(DateTime(2026, 1, 31, 10), DateTime(2026, 1, 31, 12), DAY), True, False),
):
    print(f"{what}: {value.value}, right {right}")
    assert value.value == seen
PYTHON
