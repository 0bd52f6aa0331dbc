#!/usr/bin/env bash
# healthchain 0.16.1 (PyPI): `resolve_reference` finds what a reference in a Bundle means. An absolute
# address means the entry with this fullUrl, and none if there is none (R4 bundle.html#references). Here the
# end of the address is enough: patient 1 of another hospital is our patient 1, who happens to have the
# number. A reference to a version, which is patient 1 as well, is not found.
# Seen: https://b.example/fhir/Patient/1 is https://a.example/fhir/Patient/1; Patient/1/_history/2 is None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet healthchain==0.16.1 fhir.resources==8.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhir.resources.R4B.bundle import Bundle
from healthchain.fhir import resolve_reference

ours = {"resourceType": "Patient", "id": "1", "meta": {"versionId": "2"}, "birthDate": "1980-05-17"}
record = Bundle.model_validate(
    {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"fullUrl": "https://a.example/fhir/Patient/1", "resource": ours}],
    }
)
for reference, resolved in (
    ("Patient/1", True),
    ("https://a.example/fhir/Patient/1", True),
    ("https://b.example/fhir/Patient/1", True),
    ("https://b.example/fhir/Patient/2", False),
    ("Patient/1/_history/2", False),
):
    patient = resolve_reference(record, reference)
    print(reference, "->", patient and f"our patient, born {patient.birthDate}")
    assert (patient is not None) is resolved
PYTHON
