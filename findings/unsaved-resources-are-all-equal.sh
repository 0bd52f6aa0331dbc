#!/usr/bin/env bash
# fhirpy 2.3.1 (PyPI): two resources are equal when their references are, whatever they contain. A
# resource that has no id yet has no reference, and none is equal to none: every resource that was not
# saved is equal to every other, a prescription to a patient. "in", index, remove and a list without
# doubles find the first of them. Two versions of a saved resource are equal too.
# Seen: a potassium of 4.7 equals one of 7.4 and a Patient; of three unsaved, one is left without
# doubles.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpy==2.3.1
"$folder/venv/bin/python" - <<'PYTHON'
from fhirpy import SyncFHIRClient

client = SyncFHIRClient("https://ehr.example/fhir")


def potassium(value, **others):
    return client.resource("Observation", status="final", code={"text": "Potassium"},
                           valueQuantity={"value": value, "unit": "mmol/L"}, **others)


unsaved = [potassium(4.7), potassium(7.4), client.resource("Patient", birthDate="1980-05-03")]
once = []
for resource in unsaved:
    if resource not in once:
        once.append(resource)
print("unsaved equal:", unsaved[0] == unsaved[1], unsaved[0] == unsaved[2], "left:", len(once))
print("saved equal:", potassium(4.7, id="1") == potassium(7.4, id="1"))
assert unsaved[0] == unsaved[1] == unsaved[2]
assert unsaved.index(unsaved[1]) == 0
assert len(once) == 1
assert potassium(4.7, id="1") == potassium(7.4, id="1")
assert potassium(4.7, id="1") != potassium(4.7, id="2")
PYTHON
