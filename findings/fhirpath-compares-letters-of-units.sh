#!/usr/bin/env bash
# fhirpathpy 2.2.4 (PyPI): FHIRPath compares quantities by what they are ("4 'cm' = 0.04 'm'" is its
# specification's own kind of example, §6.1 Equality of Quantity). This implementation compares the
# unit's letters: the expression is false, "7 days" is not "1 week" in UCUM units, and an order of two
# units of one dimension (1 mg against 1 kg) is a TypeError. Calendar words are converted ("1 year =
# 12 months" is true). A rule that compares a dose or a length in another unit is silently false.
# Seen: [False] for centimetres and metres, [True] for calendar words, TypeError for the order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpathpy==2.2.4
"$folder/venv/bin/python" - <<'PYTHON'
from fhirpathpy import evaluate

EXPECTED = {"4 'cm' = 0.04 'm'": [False], "1 year = 12 months": [True]}
for expression, expected in EXPECTED.items():
    print(expression, "->", evaluate({}, expression, []))
    assert evaluate({}, expression, []) == expected
try:
    evaluate({}, "1 'mg' < 1 'kg'", [])
except TypeError:
    print("1 'mg' < 1 'kg' -> TypeError")
else:
    raise SystemExit("an order of units of one dimension is answered now")
PYTHON
