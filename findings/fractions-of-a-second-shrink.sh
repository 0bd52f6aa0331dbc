#!/usr/bin/env bash
# pyEDFlib 0.1.42 (PyPI): the header of an EDF+ file has whole seconds; the first time-keeping
# annotation has the fraction at which the recording really began (EDF+ 2.2.4). getStartdatetime() makes
# a tenth of the fraction: a recording that began at 0.75 s began at 0.075 s. An event is placed beside
# a video or another device by this time. edfio (PyPI) gives 0.75 s.
# Seen: 23:30:00.075 for a start at 23:30:00 and 0.75 s; edfio 23:30:00.75.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet edfio==0.4.18 pyedflib==0.1.42
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import edfio
import pyedflib


def fields(width, *values):
    return b"".join(str(value).ljust(width).encode() for value in values)


header = (
    fields(8, 0) + fields(80, "X F 02-MAY-1951 X", "Startdate 02-MAR-2020 X X X")
    + fields(8, "02.03.20", "23.30.00", 768) + fields(44, "EDF+C") + fields(8, 1, 1)
    + fields(4, 2) + fields(16, "ECG II", "EDF Annotations") + fields(80, "", "")
    + fields(8, "uV", "", -500, -1, 500, 1, -2048, -32768, 2047, 32767) + fields(80, "", "")
    + fields(8, 4, 40) + fields(32, "", "")
)
with open("began.edf", "wb") as file:
    file.write(header + bytes(8) + b"+0.75\x14\x14\0".ljust(80, b"\0"))


def start(name):
    with pyedflib.EdfReader(name) as reader:
        return reader.getStartdatetime()


print("pyEDFlib", start("began.edf"))
print("edfio", edfio.read_edf("began.edf").starttime)
assert start("began.edf").microsecond == 75_000
assert edfio.read_edf("began.edf").starttime.microsecond == 750_000
PYTHON
