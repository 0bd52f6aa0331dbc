#!/usr/bin/env bash
# draymed 2.1.9 (PyPI), Sensyne Health's helpers: `stage` says how long a pregnancy has lasted, from the
# date on which the child is due. Many go on beyond that date; the risks rise from 41 weeks on, and
# induction is offered for that reason (NICE NG207, Prevention of prolonged pregnancy). The package stops
# at 280 days: who is two weeks overdue has 40 weeks and 0 days, as on the day itself and on every day
# after it.
# Seen: due today 40 weeks 0 days; a week ago 40 weeks 0 days, right 41; two weeks ago 40, right 42.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet draymed==2.1.9
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import date, timedelta

from draymed.pregnancy import stage

for overdue, seen in (
    (-7, "39 weeks 0 days"), (0, "40 weeks 0 days"), (7, "40 weeks 0 days"), (14, "40 weeks 0 days"),
):
    told = stage(date.today() - timedelta(days=overdue)).string
    print(f"due {-overdue} days from now: {told}")
    assert told == seen
PYTHON
