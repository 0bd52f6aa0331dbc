#!/usr/bin/env bash
# hl7v2json 1.0.2 (PyPI): an HL7 v2 time is as exact as it is long: 202601311015 is a quarter past ten, and
# a time without an offset is in the zone of its sender (v2.5.1 chapter 2A, DTM). The package reads the first
# with a pattern for seconds, which finds a minute and a second in the four digits: one minute and five
# seconds past ten. It says of each time that it is five hours behind UTC, wherever it comes from: an
# admission in Berlin is six hours late. A time with an offset is an error.
# Seen: 202601311015 -> 2026-01-31T10:01:05-05:00, 20260131101500 -> 2026-01-31T10:15:00-05:00.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7v2json==1.0.2 hl7==0.4.5
"$folder/venv/bin/python" - <<'PYTHON'
from hl7v2json import parser


def recorded(time):
    message = parser.parse("\r".join((
        "MSH|^~\\&|ADT|BERLIN|EHR|BERLIN|20260131101530||ADT^A01^ADT_A01|1|P|2.5",
        f"EVN||{time}", "PID|||123^^^HOSP^MR||Doe^Ann", "PV1||I")))
    return message["segments"]["eventType"]["recordedDate/time"]


for time, seen in (
    ("202601311015", "2026-01-31T10:01:05-05:00"),
    ("20260131101500", "2026-01-31T10:15:00-05:00"),
):
    print(time, "->", recorded(time))
    assert recorded(time) == seen
try:
    print(recorded("20260131101500+0100"))
except ValueError as error:
    print("20260131101500+0100 ->", error)
else:
    raise AssertionError("a time with an offset is read")
PYTHON
