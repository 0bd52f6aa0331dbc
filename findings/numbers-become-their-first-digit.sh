#!/usr/bin/env bash
# hl7find 1.0.2 (PyPI) finds values in HL7 v2 by their place, as PID.3.1. A field that has one component
# only may be asked for its first, which is all of it: what would follow is left out (v2.5.1 §2.6). Where no
# "^" stands in the field, the package takes the first letter of the text instead: the number of a patient
# is its first digit, and a creatinine of 7.4 is 7. In MSH, whose first field is the separator itself
# (MSH-1), everything is one place off: MSH.3 is the sending facility instead of the application.
# Seen: PID.3.1 "1" for 123456 and "123456" for 123456^^^HOSP; OBX.5.1 "7"; MSH.9 is the control id.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7find==1.0.2
"$folder/venv/bin/python" - <<'PYTHON'
from hl7find import HL7Message


def message(number):
    return HL7Message("\r".join((
        "MSH|^~\\&|LAB|HOSP|EHR|CLINIC|20260131101500||ORU^R01|77|P|2.5.1",
        f"PID|1||{number}||Doe^Ann||19800503|F",
        "OBX|1|NM|2160-0^Creatinine^LN||7.4|mg/dL|||||F",
    )))


bare, full = message("123456"), message("123456^^^HOSP^MR")
seen = {
    "PID.3 of 123456": bare.find("PID.3"),
    "PID.3.1 of 123456": bare.find("PID.3.1"),
    "PID.3.1 of 123456^^^HOSP^MR": full.find("PID.3.1"),
    "PID.7.1": bare.find("PID.7.1"),
    "OBX.5.1": bare.find("OBX.5.1"),
    "OBX.6.1": bare.find("OBX.6.1"),
    "MSH.3": bare.find("MSH.3"),
    "MSH.9": bare.find("MSH.9"),
}
for place, value in seen.items():
    print(place, value)
assert list(seen.values()) == ["123456", "1", "123456", "1", "7", "m", "HOSP", "77"]
PYTHON
