#!/usr/bin/env bash
# medspacy 1.3.1 (PyPI) reads clinical notes and marks what they negate, by the rules of ConText that it
# brings. They reach further than the words: where there is "no doubt of pneumonia" or "no change" in it,
# where one "cannot rule it out", and where a test is "negative for influenza, positive for
# pneumonia", the patient has none. "Pneumonia is not present" is a pneumonia.
# Seen: is_negated true for "no pneumonia" and for these four, false for "is not present".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet medspacy==1.3.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from loguru import logger

logger.remove()
import medspacy
from medspacy.ner import TargetRule

read = medspacy.load()
read.get_pipe("medspacy_target_matcher").add(TargetRule("pneumonia", "PROBLEM"))
for words, expected in (
    ("There is no pneumonia.", True),
    ("There is no doubt of pneumonia.", True),
    ("No change in the pneumonia.", True),
    ("We cannot rule out pneumonia.", True),
    ("Negative for influenza, positive for pneumonia.", True),
    ("Pneumonia is not present.", False),
):
    (problem,) = read(words).ents
    print(words, "-> negated" if problem._.is_negated else "-> present")
    assert problem._.is_negated is expected
PYTHON
