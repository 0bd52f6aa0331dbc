#!/usr/bin/env bash
# brightohir 2.1.2 (PyPI): converts HL7 v2 to FHIR. The parts of a name have fixed places: family, given,
# second names, suffix, prefix, degree, type (v2.5.1 chapter 2A, XPN), and most are empty. The conversion
# counts only those that are there: in the usual form of a legal name, "Doe^Ann^^^^^L", the letter of the
# type is a second given name, a suffix becomes one too, and a family name alone has the given name "L".
# A code that has a text only has its text as the code.
# Seen: given ["Ann", "L"]; given ["Ann", "Jr"] with prefix ["L"]; given ["L"]; code "Peanut".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet brightohir==2.1.2
"$folder/venv/bin/python" - <<'PYTHON'
from brightohir import v2_to_r5


def convert(resource_type, name, allergy):
    message = (
        r"MSH|^~\&|ADT|HOSP|EHR|HOSP|20260131||ADT^A01^ADT_A01|1|P|2.5.1",
        "EVN||20260131",
        f"PID|1||123^^^HOSP^MR||{name}||19800503|F",
        "PV1|1|I",
        f"AL1|1|FA^Food allergy^HL70127|{allergy}|SV|Hives",
    )
    return next(
        entry["resource"]
        for entry in v2_to_r5("\r".join(message))["entry"]
        if entry["resource"]["resourceType"] == resource_type
    )


for name, expected in (
    ("Doe^Ann", {"family": "Doe", "given": ["Ann"]}),
    ("Doe^Ann^^^^^L", {"family": "Doe", "given": ["Ann", "L"]}),
    ("Doe^Ann^^Jr^Dr^^L", {"family": "Doe", "given": ["Ann", "Jr"], "prefix": ["L"]}),
    ("Doe^^^^^^L", {"family": "Doe", "given": ["L"]}),
):
    read = convert("Patient", name, "762952008^Peanut^SCT")["name"]
    print(name, "->", read)
    assert read == [expected]
code = convert("AllergyIntolerance", "Doe^Ann", "^Peanut")["code"]
print("^Peanut ->", code)
assert code == {"coding": [{"code": "Peanut"}]}
PYTHON
