#!/usr/bin/env bash
# icd-validator 0.1 (PyPI) says whether a code is one of ICD-10. Its pattern leaves out the letter U, which
# the classification kept for new diseases of uncertain aetiology: U07.1, COVID-19, in use since 2020, is not
# valid, nor is U09.9 for what comes after it. It looks at the beginning alone: of ICD-9, anything that
# starts with three digits is a code, such as a telephone number.
# Seen: U07.1 and U09.9 not valid; 5550100 and 123456789 valid codes of ICD-9.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet icd-validator==0.1 pandas==2.2.3
"$folder/venv/bin/python" - <<'PYTHON'
from icd_validator.validator import validate_icd9, validate_icd10

for validate, code, valid in (
    (validate_icd10, "E11.9", True), (validate_icd10, "U07.1", False),
    (validate_icd10, "U09.9", False), (validate_icd9, "250.00", True),
    (validate_icd9, "5550100", True), (validate_icd9, "123456789", True),
):
    said = validate(code)
    print(said)
    assert ("is not a valid" not in said) == valid
PYTHON
