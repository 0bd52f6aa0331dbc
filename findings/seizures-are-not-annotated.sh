#!/usr/bin/env bash
# edf-reader 0.1.3 (PyPI) reads EEGs in EDF+, "annotations and discontinuities". An annotation there is an
# onset, a duration if it has one, and its text: +5<21>10<20>Seizure<20> (EDF+ specification, 2.2.2). The
# package looks for the duration behind the first <20>, where the text is, takes the text for a number that
# it cannot read, and skips the annotation. All that have a text are skipped, so that a recording with seizures
# has none, as one has where nobody found any. The recording's own marks of its time are there. In files that
# do not pause (EDF+C), the annotations are not looked for at all.
# Seen: no annotations for "Seizure" and "Apnoea"; edfio 0.4.18 (PyPI) reads both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet edf-reader==0.1.3 edfio==0.4.18
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import struct

import edfio
from edf_reader import EdfWrapper

ANNOTATIONS = b"+0\x14\x14\x00+5\x1510\x14Seizure\x14\x00+20\x14Apnoea\x14\x00"
SIGNALS = (
    (("EEG Fp1", "EDF Annotations"), 16), (("", ""), 80), (("uV", ""), 8), ((-100, -1), 8),
    ((100, 1), 8), ((-32768, -32768), 8), ((32767, 32767), 8), (("", ""), 80), ((4, 40), 8),
    (("", ""), 32),
)


def padded(value, size):
    return str(value).ljust(size).encode()


for kind in ("EDF+D", "EDF+C"):
    header = b"".join(
        padded(value, size)
        for value, size in (
            (0, 8), ("X X X X", 80), ("Startdate 31-JAN-2026 X X X", 80), ("31.01.26", 8),
            ("10.15.00", 8), (768, 8), (kind, 44), (1, 8), (30, 8), (2, 4),
            *((value, size) for values, size in SIGNALS for value in values),
        )
    )
    with open("recording.edf", "wb") as file:
        file.write(header + struct.pack("<4h", 0, 1, 2, 3) + ANNOTATIONS.ljust(80, b"\0"))
    texts = [note.text for note in edfio.read_edf("recording.edf").annotations] if kind == "EDF+C" else None
    read = EdfWrapper("recording.edf")
    print(kind, "edf-reader:", read.annotations, len(read.segment_markers), "mark; edfio:", texts)
    assert read.annotations == [] and len(read.segment_markers) == 1
    assert texts in (None, ["Seizure", "Apnoea"])
PYTHON
