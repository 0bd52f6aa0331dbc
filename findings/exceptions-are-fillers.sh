#!/usr/bin/env bash
# clinicalcompress 0.1.1 (PyPI) shortens clinical notes for language models "without losing (or flipping)
# clinical meaning", and checks itself: the result "can never contain a lost negation or a reversed clinical
# meaning". It drops "except" like "the", as a filler: who has no allergies except penicillin has no known
# drug allergies penicillin, and is to take what was excepted. "Refuses blood products." and "Hold warfarin."
# have no number, no side and none of its negations, and are dropped whole. Each of its checks passes.
# Seen: "No known drug allergies penicillin.", "Resume all home medications lisinopril 10 mg."; all passed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet clinicalcompress==0.1.1
"$folder/venv/bin/python" - <<'PYTHON'
from clinicalcompress import compress

for note, seen in (
    ("No known drug allergies except penicillin.", "No known drug allergies penicillin."),
    ("Resume all home medications except lisinopril 10 mg.",
     "Resume all home medications lisinopril 10 mg."),
    ("Denies pain except in the left leg.", "Denies pain in left leg."),
    ("No fever. Refuses blood products. Hold warfarin.", "No fever."),
):
    result = compress(note, strict=True)
    print(f"{note!r} -> {result.compressed_text!r}, all passed: {result.safety.all_passed}")
    assert result.compressed_text == seen
    assert result.safety.all_passed
PYTHON
