#!/usr/bin/env bash
# fhiry 5.2.2 (PyPI): makes a table of FHIR Bundles. Of a file or a Bundle, the codings become a column
# of codes. Of a folder, the table of each file is treated a second time, as if the columns of codes had
# codings in them: they are replaced with columns of empty strings. The conditions, medicines and
# results are there, and nothing says which they are; a refuted diagnosis is no longer refuted.
# Seen: code.coding.codes "44054006" of a file; code.coding.codes.codes "" of the folder with that file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhiry==5.2.2 pandas==2.3.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json
import os

from fhiry import Fhiry

condition = {
    "resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
    "verificationStatus": {"coding": [{"code": "refuted"}]},
}
os.mkdir("bundles")
with open("bundles/1.json", "w") as file:
    json.dump({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": condition}]}, file)


def codes(frame):
    return {name: frame[name][0] for name in frame.columns if "coding" in name}


one = codes(Fhiry().process_file("bundles/1.json"))
reader = Fhiry()
reader.folder = "bundles"
reader.process_source()
print("file:", one)
print("folder:", codes(reader.df))
assert one == {"code.coding.codes": "44054006", "verificationStatus.coding.codes": "refuted"}
assert codes(reader.df) == {"code.coding.codes.codes": "", "verificationStatus.coding.codes.codes": ""}
PYTHON
