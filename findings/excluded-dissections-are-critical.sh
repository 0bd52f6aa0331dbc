#!/usr/bin/env bash
# radreport 0.4.0 (PyPI) looks for critical findings in a radiology report "with negation awareness" and
# exports them to FHIR. It sees a negation that comes before the word only. "No aortic dissection" is
# none; "Aortic dissection has been excluded" is a critical finding, in FHIR an Observation whose
# interpretation is "Abnormal", in a final DiagnosticReport.
# Seen: nothing exported for "No"; "Abnormal" for excluded, not seen, absent and ruled out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet radreport==0.4.0
"$folder/venv/bin/python" - <<'PYTHON'
from radreport import CriticalFindingsDetector, FHIRExporter, ReportParser

for words, expected in (
    ("No aortic dissection.", []),
    ("Aortic dissection has been excluded.", [("aortic dissection", "Abnormal")]),
    ("Pulmonary embolism is not seen.", [("pulmonary embolism", "Abnormal")]),
    ("Pneumothorax is absent.", [("pneumothorax", "Abnormal")]),
    ("Pulmonary embolism ruled out.", [("pulmonary embolism", "Abnormal")]),
):
    parsed = ReportParser().parse(f"FINDINGS:\n{words}\n\nIMPRESSION:\n{words}\n", modality="CT")
    report = FHIRExporter().export(CriticalFindingsDetector().detect(parsed), patient_id="1")
    read = [
        (finding["code"]["text"], finding["interpretation"][0]["coding"][0]["display"])
        for finding in report.get("contained", [])
        if finding["resourceType"] == "Observation" and "interpretation" in finding
    ]
    print(words, "->", report["status"], read)
    assert report["status"] == "final"
    assert read == expected
PYTHON
