#!/usr/bin/env bash
# icd 0.1.3 (PyPI) finds the comorbidities of the Charlson and Elixhauser indices in ICD-10 codes. As
# ICD-10 prints them, with a dot after the third character, a condition which an index lists by three
# characters is found, and one which it lists by more is not, without a word. Of one patient's codes, the
# heart failure counts, and the diabetes does not.
# Seen: E119 and I509: diabetes and heart failure; E11.9 and I50.9: heart failure only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet icd==0.1.3 pandas==2.2.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import icd
import pandas

codes = pandas.DataFrame(
    {"patient": ["plain", "dotted"], "first": ["E119", "E11.9"], "second": ["I509", "I50.9"]}
)
for mapping, diabetes in (
    ("charlson10", "diabetes_wo_complications"),
    ("quan_elixhauser10", "diabetes_uncomplicated"),
):
    found = icd.icd_to_comorbidities(codes, "patient", ["first", "second"], mapping=mapping)
    found = found.set_index("patient")
    read = {
        name: [condition for condition in found if bool(found.loc[name, condition])]
        for name in ("plain", "dotted")
    }
    print(mapping, read)
    assert sorted(read["plain"]) == sorted(["congestive_heart_failure", diabetes])
    assert read["dotted"] == ["congestive_heart_failure"]
PYTHON
