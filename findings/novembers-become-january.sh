#!/usr/bin/env bash
# hl7_tea 2.0.1 (PyPI) reads HL7 v2 and tells a patient's age. A date of birth may be a year and a month
# only, six digits (v2.5.1 chapter 2A, DTM). The package looks for a day in them, and finds a month and a
# day of one digit each: who was born in November 1980, 198011, was born on the first of January, and who
# was in December, on the second. From January on they are a year too old. The other ten months, and a year
# alone, are an error.
# Seen: age in March 2026: 46 for 198011 and 198012, right 45, as for 19801103; ValueError for 198005 and
# 1980.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7_tea==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime

from hl7_tea import Message


def age(born):
    message = Message(f"MSH|^~\\&|LAB|A|EHR|B|20260301||ADT^A01|1|P|2.5.1\rPID|1||1||Doe^Ann||{born}|F")
    try:
        return message.get_patient_age(datetime(2026, 3, 1))
    except ValueError as error:
        return type(error).__name__


seen = {born: age(born) for born in ("19801103", "198011", "198012", "198005", "1980")}
print(seen)
assert seen == {
    "19801103": 45, "198011": 46, "198012": 46, "198005": "ValueError", "1980": "ValueError",
}
PYTHON
