#!/usr/bin/env bash
# edfio 0.4.18 (PyPI): an EDF+ file marked EDF+D is discontinuous: each data record says when it began,
# and between two of them the recording may have paused. The signal is read as one piece without a word,
# and the recording's duration is that of the data. The annotations keep their true times, so that an
# event after the pause lies outside the recording, and everything after the pause is read as if it
# had followed at once. pyEDFlib refuses such a file.
# Seen: two seconds recorded, at 0 s and at 3600 s: duration 2.0 s, an annotation at 3600.5 s.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet edfio==0.4.18 pyedflib==0.1.42
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import edfio
import pyedflib


def fields(width, *values):
    return b"".join(str(value).ljust(width).encode() for value in values)


def record(*parts):
    return bytes(range(8)) + "".join(parts).encode().ljust(80, b"\0")


header = (
    fields(8, 0) + fields(80, "X F 02-MAY-1951 X", "Startdate 02-MAR-2020 X X X")
    + fields(8, "02.03.20", "23.30.00", 768) + fields(44, "EDF+D") + fields(8, 2, 1)
    + fields(4, 2) + fields(16, "ECG II", "EDF Annotations") + fields(80, "", "")
    + fields(8, "uV", "", -500, -1, 500, 1, -2048, -32768, 2047, 32767) + fields(80, "", "")
    + fields(8, 4, 40) + fields(32, "", "")
)
with open("paused.edf", "wb") as file:
    file.write(header)
    file.write(record("+0\x14\x14\0"))
    file.write(record("+3600\x14\x14\0", "+3600.5\x14arrhythmia\x14\0"))

edf = edfio.read_edf("paused.edf")
(signal,) = edf.signals
(event,) = edf.annotations
print("duration", edf.duration, "s,", len(signal.data), "samples at", signal.sampling_frequency, "Hz")
print(event.text, "at", event.onset, "s")
assert (edf.reserved, edf.duration, len(signal.data), event.onset) == ("EDF+D", 2.0, 8, 3600.5)
try:
    pyedflib.EdfReader("paused.edf")
except OSError as error:
    print("pyEDFlib:", error)
    assert "discontinuous" in str(error)
else:
    raise AssertionError("pyEDFlib reads the file")
PYTHON
