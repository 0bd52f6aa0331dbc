#!/usr/bin/env bash
# libre2-reader 0.1.0 (PyPI) reads the results that a FreeStyle Libre 2 reader keeps. The reader measures
# glucose, with a sensor or strips, and ketones with other strips; it keeps a ketone as 18 times its mmol/L.
# Each becomes a GlucoseRecord with `glucose_mg_dl`, and "all glucose values are in mg/dL", says the class. A
# ketone is put there as well, in mmol/L: 1.5, from which on ketoacidosis threatens, is a glucose that nobody
# survives, and 0.1, which is harmless, a lower one. A list, a mean or an alarm of glucose has them in it.
# LOINC has a code for each, 2339-0 for glucose and 53061-8 for ketones (loinc.org).
# Seen: `glucose_mg_dl` of 110, 1.5 and 0.1, mean 37, where there is one glucose and it is 110.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet libre2-reader==0.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from statistics import mean

from libre import parse_events

BLOOD, KETONE = 0, 1


def result(number, kind, value):
    row = ["0"] * 29
    row[:8] = [str(number), "2", "1", "31", "26", "8", "15", "0"]  # 31 January 2026, 08:15:00
    row[9], row[12] = str(kind), str(value)
    return row


records = list(parse_events(iter([result(1, BLOOD, 110), result(2, KETONE, 27), result(3, KETONE, 2)])))
for record in records:
    print(f"{record.source}: glucose_mg_dl {record.glucose_mg_dl:.1f}")
glucose = [round(record.glucose_mg_dl, 1) for record in records]
print(f"mean {mean(glucose):.0f} mg/dL")
assert [record.source for record in records] == ["blood", "ketone", "ketone"]
assert glucose == [110, 1.5, 0.1]
PYTHON
