#!/usr/bin/env bash
# healthchain 0.16.1 (PyPI): `merge_bundles` joins the results of several servers, and leaves out doubles
# if asked to. FHIR's id is unique for one type on one server (R4 resource.html#id). Here it is taken for
# unique by itself: of two hospitals that each have a Condition/1, the second's diagnosis is dropped, and
# within one result a Patient/1 is dropped because there is a Condition/1. The bundles' fullUrls, which
# tell them apart, are not looked at.
# Seen: asthma of hospital A; neither its Patient/1 nor the diabetes of hospital B.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet healthchain==0.16.1 fhir.resources==8.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhir.resources.R4B.bundle import Bundle
from healthchain.fhir import merge_bundles


def found(base, *resources):
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one}
        for one in resources
    ]
    return Bundle.model_validate(
        {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    )


def condition(text):
    subject = {"reference": "Patient/1"}
    return {"resourceType": "Condition", "id": "1", "subject": subject, "code": {"text": text}}


hospital_a = found(
    "https://a.example/fhir", condition("Asthma"), {"resourceType": "Patient", "id": "1"}
)
hospital_b = found("https://b.example/fhir", condition("Diabetes"))
for deduplicate in (False, True):
    merged = merge_bundles([hospital_a, hospital_b], deduplicate=deduplicate)
    kept = [entry.fullUrl for entry in merged.entry]
    print("deduplicate:", deduplicate, kept)
    assert len(kept) == (1 if deduplicate else 3)
assert kept == ["https://a.example/fhir/Condition/1"]
PYTHON
