#!/usr/bin/env bash
# elixhauser-ahrq 2026.1.3 (PyPI) calculates the Elixhauser index of a stay in hospital. Some of its
# conditions, as heart and kidney failure, count only if they were there on admission. Where that is not
# known, AHRQ's own program leaves them missing (CMR_Mapping_Program of the Comorbidity Software Refined for
# ICD-10-CM). Here it is an argument that may be left out, as in the package's own first example, and then
# they are false: they are not there, the risk is low, and nothing is said. That example's documentation
# promises heart failure and kidney failure.
# Seen: kidney and heart failure with diabetes: score 21, High; without the argument 0, Low; for its example
# diabetes, hypertension and obesity, score -7.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet elixhauser-ahrq==2026.1.3 pandas==2.2.3 numpy==1.26.4 \
  openpyxl==3.1.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from elixhauser_ahrq import ElixhauserMapper, ElixhauserScorer

mapper, scorer = ElixhauserMapper(), ElixhauserScorer()


def risk(codes, on_admission=None):
    flags = mapper.map_patient_diagnoses(codes, on_admission)
    score = scorer.calculate_score(flags)
    found = sorted(name for name, value in flags.items() if value)
    return found, {type(value) for value in flags.values()}, score, scorer.stratify_risk(score).value


stay = ["J189", "N186", "I509", "E119"]  # pneumonia, with kidney and heart failure and diabetes
known, unknown = risk(stay, ["Y"] * 4), risk(stay)
example = risk(["I509", "E119", "I10", "N183", "E6601"])
for one in (known, unknown, example):
    print(*one)
assert known == (["DIAB_UNCX", "HF", "RENLFL_SEV"], {bool}, 21, "High")
assert unknown == (["DIAB_UNCX"], {bool}, 0, "Low")
assert not {"HF", "RENLFL_MOD", "RENLFL_SEV"} & set(example[0])
PYTHON
