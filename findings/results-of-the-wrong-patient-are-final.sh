#!/usr/bin/env bash
# hl7gen 0.2.0 (PyPI) makes FHIR of HL7 v2 results. OBX-11 says whether a result is final: W is "post
# original as wrong, e.g., transmitted for wrong patient", D asks for its deletion, and P is preliminary
# (v2.5.1 table 0085). The package does not read it and calls each Observation final: the laboratory that
# takes back a potassium of another patient sends it a second time. The address moves: the second part of
# XAD, a flat or a floor, becomes the city, and the city the state (v2.5.1 2A, XAD).
# Seen: final for F, P, W and D; city "Apt 2", state "Boston".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7gen==0.2.0 hl7apy==1.3.5 fhir.resources==8.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from hl7gen.fhir_export import message_to_fhir

for status in "FPWD":
    bundle = message_to_fhir("\r".join((
        "MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260131101500||ORU^R01^ORU_R01|1|P|2.5",
        "PID|1||123^^^HOSP^MR||Doe^Ann||19800101|F|||1 Elm St^Apt 2^Boston^MA^02101",
        "OBR|1|||24326-1^Electrolytes^LN",
        f"OBX|1|NM|2823-3^Potassium^LN||6.8|mmol/L|3.5-5.1|HH|||{status}",
    )), fhir_version="R4B")
    patient, *_, result = [entry["resource"] for entry in bundle["entry"]]
    address = patient["address"][0]
    print(status, "->", result["status"], result["valueQuantity"]["value"], dict(address))
    assert (result["status"], float(result["valueQuantity"]["value"])) == ("final", 6.8)
    assert (address["city"], address["state"]) == ("Apt 2", "Boston")
PYTHON
