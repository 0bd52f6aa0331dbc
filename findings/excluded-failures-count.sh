#!/usr/bin/env bash
# pycomorb 1.20261001.1 (PyPI) calculates comorbidity indices, one of them made for Germany's ICD-10-GM.
# There, a code of outpatient care ends with a letter for how sure the diagnosis is: G is certain, V
# suspected, Z what was once, and A excluded (BfArM, ICD-10-GM, additional signs of the certainty of
# diagnoses). The letter is not read, and nothing is said of it: who was examined for heart failure, and
# has none, has heart failure, and the index of one who has it.
# Seen: "Congestive heart failure" and the same index for I50.9, I50.9G, I50.9V, I50.9Z and I50.9A.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycomorb==1.20261001.1 pandas==2.3.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
import pycomorb

CODES = ["I50.9", "I50.9G", "I50.9V", "I50.9Z", "I50.9A", "J00G"]
diagnoses = pandas.DataFrame({"id": CODES, "code": CODES, "age": 40, "year": 2023})
found = pycomorb.comorbidity(
    "charlson", diagnoses, implementation="sokolowski", return_categories=True
).set_index("id")
read = found.loc[CODES, ["Congestive heart failure", "Charlson Comorbidity Index"]]
print(read)
certain = read.loc["I50.9G"].tolist()
assert certain[0] == 1
assert certain[1] > read.loc["J00G"].tolist()[1]
assert read.loc["J00G"].tolist()[0] == 0
for code in CODES[:-1]:
    assert read.loc[code].tolist() == certain
PYTHON
