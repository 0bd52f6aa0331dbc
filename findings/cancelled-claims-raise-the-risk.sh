#!/usr/bin/env bash
# hccinfhir 0.4.0 (PyPI) calculates the risk score of a Medicare patient from FHIR ExplanationOfBenefits.
# The status of one, a modifier, says whether it was cancelled or entered in error, and "use" whether
# anything was done at all: a predetermination asks what a service would cost (R4 explanationofbenefit
# .html, status and use). Neither is read: the diagnosis of a claim that was taken back, or never made,
# counts as the patient's, and the score is the same as for the claim that stands.
# Seen: 0.562 and HCC 37 (diabetes) for all four; 0.396 without a claim.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hccinfhir==0.4.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from hccinfhir import Demographics, HCCInFHIR


def coded(system, code):
    return {"coding": [{"system": system, "code": code}]}


CLAIM_TYPE = "https://bluebutton.cms.gov/resources/variables/nch_clm_type_cd"
HCPCS = "https://bluebutton.cms.gov/resources/codesystem/hcpcs"
PATIENT = Demographics(
    age=70, sex="M", dual_elgbl_cd="00", orig_disabled=False, new_enrollee=False, esrd=False
)
CLAIM = {
    "resourceType": "ExplanationOfBenefit",
    "id": "1",
    "status": "active",
    "type": coded(CLAIM_TYPE, "71"),
    "use": "claim",
    "patient": {"reference": "Patient/1"},
    "billablePeriod": {"start": "2026-01-31", "end": "2026-01-31"},
    "created": "2026-02-01",
    "insurer": {"display": "Medicare"},
    "provider": {"display": "Clinic"},
    "outcome": "complete",
    "insurance": [{"focal": True, "coverage": {"reference": "Coverage/1"}}],
    "diagnosis": [
        {
            "sequence": 1,
            "diagnosisCodeableConcept": coded("http://hl7.org/fhir/sid/icd-10-cm", "E1169"),
        }
    ],
    "item": [
        {
            "sequence": 1,
            "diagnosisSequence": [1],
            "productOrService": coded(HCPCS, "99213"),
            "servicedPeriod": {"start": "2026-01-31", "end": "2026-01-31"},
        }
    ],
}
model = HCCInFHIR(model_name="CMS-HCC Model V28")
for claims, expected in (
    ([], (0.396, [])),
    ([CLAIM], (0.562, ["37"])),
    ([CLAIM | {"status": "cancelled"}], (0.562, ["37"])),
    ([CLAIM | {"status": "entered-in-error"}], (0.562, ["37"])),
    ([CLAIM | {"use": "predetermination"}], (0.562, ["37"])),
):
    result = model.run(claims, PATIENT)
    said = [f"{claim['status']} {claim['use']}" for claim in claims]
    print(said, "->", round(result.risk_score, 3), result.hcc_list)
    assert (round(result.risk_score, 3), list(result.hcc_list)) == expected
PYTHON
