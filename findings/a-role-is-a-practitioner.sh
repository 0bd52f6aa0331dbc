#!/usr/bin/env bash
# sqlonfhir 0.0.2 (PyPI) makes tables of FHIR by SQL on FHIR's ViewDefinitions. There, getReferenceKey(Type)
# gives the key of what a reference means, and nothing if its type is another (SQL on FHIR 2.0, additional
# functions). The package asks whether the reference begins with the letters of the type: PractitionerRole/5
# is Practitioner 5, whoever that is, and MedicationRequest/7 is the medication 7. A key is joined with the
# id in another table, and finds a row there. That of a reference to a version, which is the same patient,
# is "1/_history/2" and finds none.
# Seen: keys "5" and "7" for the wrong types, None for Device/5, "1/_history/2" for Patient/1/_history/2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sqlonfhir==0.0.2 fhirpathpy==2.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import sqlonfhir


def key(reference, kind):
    provenance = {"resourceType": "Provenance", "id": "1", "target": [{"reference": reference}]}
    view = {
        "resource": "Provenance",
        "select": [{"column": [{"name": "key", "path": f"target.getReferenceKey({kind})"}]}],
    }
    return sqlonfhir.evaluate([provenance], view)[0]["key"]


for reference, kind, expected in (
    ("Practitioner/5", "Practitioner", "5"),
    ("PractitionerRole/5", "Practitioner", "5"),
    ("MedicationRequest/7", "Medication", "7"),
    ("Device/5", "Practitioner", None),
    ("Patient/1/_history/2", "Patient", "1/_history/2"),
):
    found = key(reference, kind)
    print(f"{reference} as a {kind}: {found}")
    assert found == expected
PYTHON
