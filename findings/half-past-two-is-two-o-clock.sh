#!/usr/bin/env bash
# ishne-to-csv 1.2 (PyPI) makes tables of Holter recordings, ECGs of a day, in the ISHNE format, with the
# moment of each sample. The format gives the time at which the recording began as three short integers,
# hour, minute and second, of two bytes each, like its dates (Badilini, Ann Noninvasive Electrocardiol
# 1998;3:263). The package reads three single bytes: the hour, its empty second byte as the minute, and the
# minute as the second. What happened at half past two is at two o'clock. ishneholterlib 2020.5.29 (PyPI)
# reads it rightly.
# Seen: 14:30:15 as 14:00:30, in the table too; ishneholterlib 14:30:15.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ishne-to-csv==1.2 pandas==2.2.3 numpy==1.26.4 \
  ishneholterlib==2020.5.29
cd "$folder"
TZ=UTC "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import struct

import pandas
from ishneholterlib import Holter
from ishne_to_csv import read_ishne


def shorts(*values):
    return struct.pack(f"<{len(values)}h", *values)


def crc(data):  # CRC-CCITT of the header, as the format wants it
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


header = struct.pack("<iiiih", 0, 200, 522, 522, 1)
header += b"Ann".ljust(40, b"\0") + b"Doe".ljust(40, b"\0") + b"1".ljust(20, b"\0")
header += shorts(2, 1) + shorts(3, 5, 1980) + shorts(31, 1, 2026) + shorts(1, 2, 2026)
header += shorts(14, 30, 15)
header += shorts(1, *[1] + [-9] * 11, *[1] + [-9] * 11, *[1000] + [-9] * 11) + shorts(0)
header += b"recorder".ljust(40, b"\0") + shorts(200) + bytes(80 + 80 + 88)
with open("holter.ecg", "wb") as file:
    file.write(b"ISHNE1.0" + struct.pack("<H", crc(header)) + header + shorts(*range(200)))

table = read_ishne("holter.ecg", verbose=False, metadata_file="holter.json")
with open("holter.json") as file:
    began = json.load(file)["Start Time"]
first = str(pandas.Timestamp(int(table["time"][0])))
right = Holter("holter.ecg").start_time
print("ishne-to-csv", began, first)
print("ishneholterlib", right)
assert (began, first, str(right)) == ("14:00:30", "2026-01-31 14:00:30", "14:30:15")
PYTHON
