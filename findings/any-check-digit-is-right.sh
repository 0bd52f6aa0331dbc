#!/usr/bin/env bash
# nhs 2.0.0 (PyPI): an NHS number's tenth digit is a check digit, so that one wrong digit is noticed.
# The package's validate() works the digit out of the first nine, and does not compare it with the
# tenth: with any last digit a number is valid, unless its first nine never get one (a check digit of
# 10). So pass most numbers with wrong digits among the nine. nhs-number (PyPI) compares.
# Seen: 9434765919 valid with all ten last digits, and 9434756919 with two digits in each other's place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nhs==2.0.0 nhs-number==2.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import nhs
import nhs_number

numbers = [f"943476591{digit}" for digit in range(10)] + ["9434756919"]
passed = [number for number in numbers if nhs.validate(number)]
right = [number for number in numbers if nhs_number.is_valid(number)]
print("nhs:", *passed)
print("nhs-number:", *right)
assert passed == numbers
assert right == ["9434765919"]
PYTHON
