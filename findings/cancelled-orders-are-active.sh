#!/usr/bin/env bash
# brightohir 2.1.2 (PyPI): converts HL7 v2 to FHIR. ORC-1 says what to do with an order: NW is a new one,
# CA cancels it and DC discontinues it (v2.5.1 table 0119). IAM-6 does so for an allergy: A adds it, D
# deletes it (table 0323). The conversion of a drug order or an allergy does not read them: the message
# that cancels warfarin is an active order of warfarin, and the one that deletes an allergy confirms it.
# For the order of a test it reads CA.
# Seen: "active" for NW, CA and DC; "active confirmed" for A and D; ServiceRequest "revoked" for CA.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet brightohir==2.1.2
"$folder/venv/bin/python" - <<'PYTHON'
from brightohir import v2_to_r5

PATIENT = "PID|1||123^^^HOSP^MR||Doe^Ann||19800503|F"


def convert(kind, resource_type, *segments):
    header = rf"MSH|^~\&|CPOE|HOSP|PHARMACY|HOSP|20260131||{kind}|1|P|2.5.1"
    return next(
        entry["resource"]
        for entry in v2_to_r5("\r".join((header, *segments)))["entry"]
        if entry["resource"]["resourceType"] == resource_type
    )


for control, expected in (("NW", "active"), ("CA", "revoked"), ("DC", "completed")):
    drug = convert(
        "RDE^O11^RDE_O11", "MedicationRequest", PATIENT, f"ORC|{control}|1^CPOE",
        "RXE|1^Q24H|11289^Warfarin^RXNORM|5||mg^mg^UCUM", "RXR|PO^Oral^HL70162",
    )
    test = convert(
        "OML^O21^OML_O21", "ServiceRequest", PATIENT, f"ORC|{control}|1^CPOE",
        "OBR|1|1^CPOE||2823-3^Potassium^LN",
    )
    print(control, "-> drug:", drug["status"], "test:", test["status"])
    assert (drug["status"], test["status"]) == ("active", expected)
for action in ("A", "D"):
    allergy = convert(
        "ADT^A60^ADT_A60", "AllergyIntolerance", "EVN||20260131", PATIENT, "PV1|1|I",
        f"IAM|1|DA^Drug allergy^HL70127|7980^Penicillin G^RXNORM|SV|Rash|{action}",
    )
    read = [
        allergy[member]["coding"][0]["code"]
        for member in ("clinicalStatus", "verificationStatus")
    ]
    print(action, "-> allergy:", *read)
    assert read == ["active", "confirmed"]
PYTHON
