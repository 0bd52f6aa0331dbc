#!/usr/bin/env bash
# brightohir 2.1.2 (PyPI): converts HL7 v2 to FHIR. RXA-20 of a vaccination message says whether it was
# given (CP), refused (RE) or not (NA), RXA-18 why it was refused, RXA-21 "D" takes it back, and the
# amount 999 stands for an unknown one (v2.5.1 §4.14.7 and table 0322; CDC's guide for immunizations).
# The conversion reads none of them: each is a completed vaccination, the refused one with a dose of 999.
# Seen: status "completed" for CP, RE, NA and a deleted one; doseQuantity 0.5 mL, and 999 for RE.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet brightohir==2.1.2
"$folder/venv/bin/python" - <<'PYTHON'
from brightohir import v2_to_r5


def vaccination(amount, unit, refusal, completion, action):
    fields = ["RXA", "0", "1", "20260131", "20260131", "115^Tdap^CVX", amount, unit]
    fields += [""] * 10 + [refusal, "", completion, action]
    message = (
        r"MSH|^~\&|CLINIC|HOSP|IIS|STATE|20260131||VXU^V04^VXU_V04|1|P|2.5.1",
        "PID|1||123^^^HOSP^MR||Doe^Ann||19800503|F",
        "ORC|RE||1^CLINIC",
        "|".join(fields),
    )
    return next(
        entry["resource"]
        for entry in v2_to_r5("\r".join(message))["entry"]
        if entry["resource"]["resourceType"] == "Immunization"
    )


GIVEN = {"value": 0.5, "unit": "mL"}
for sent, dose in (
    (("0.5", "mL^mL^UCUM", "", "CP", "A"), GIVEN),
    (("999", "", "00^Parental decision^NIP002", "RE", "A"), {"value": 999}),
    (("999", "", "", "NA", "A"), {"value": 999}),
    (("0.5", "mL^mL^UCUM", "", "CP", "D"), GIVEN),
):
    read = vaccination(*sent)
    print(sent, "->", read["status"], read["doseQuantity"], read.get("statusReason"))
    assert read["status"] == "completed"
    assert "statusReason" not in read
    assert read["doseQuantity"]["value"] == dose["value"]
PYTHON
