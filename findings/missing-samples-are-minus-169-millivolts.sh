#!/usr/bin/env bash
# ecgdatakit 2.0.3 (PyPI): a WFDB signal of format 16 has the value -32768 where there is no valid
# sample, as when a lead is off (WFDB_INVALID_SAMPLE). The value is scaled like a measurement.
# PhysioNet's wfdb (PyPI) gives NaN.
# Seen: samples of 0, -168.96 and 1 mV; wfdb 0, NaN and 1 mV.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ecgdatakit==2.0.3 wfdb==4.3.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import math
import struct

import wfdb
from ecgdatakit import FileParser

SAMPLES = (1024, -32768, 1224)
with open("ecg.dat", "wb") as file:
    file.write(struct.pack("<3h", *SAMPLES))
with open("ecg.hea", "w") as file:
    checksum = (sum(SAMPLES) + 32768) % 65536 - 32768
    file.write(f"ecg 1 250 3\necg.dat 16 200(1024)/mV 16 0 {SAMPLES[0]} {checksum} 0 II\n")

(lead,) = FileParser().parse("ecg.hea").leads
expected = wfdb.rdrecord("ecg").p_signal[:, 0].tolist()
print("ecgdatakit", lead.samples.tolist(), lead.units)
print("wfdb", expected)
assert lead.units == "mV"
assert [round(sample, 2) for sample in lead.samples.tolist()] == [0, -168.96, 1]
assert expected[0] == 0 and math.isnan(expected[1]) and expected[2] == 1
PYTHON
