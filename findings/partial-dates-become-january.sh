#!/usr/bin/env bash
# fhirclient 4.4.0 (PyPI): a FHIR date may be a year or a month ("2019", "2019-05"), and problems
# and allergies often have no more. The attribute that programs use, `.date`, is then a datetime at
# midnight of the first of January or of the first of the month, in no way marked; "since 2019" is
# shown as "1 Jan 2019". Only `.as_json()` still has what was sent.
# Seen: "2019 -> 2019-01-01 00:00:00", "2019-05 -> 2019-05-01 00:00:00".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirclient==4.4.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhirclient.models.condition import Condition

EXPECTED = {"2019": "2019-01-01 00:00:00", "2019-05": "2019-05-01 00:00:00"}
for sent, expected in EXPECTED.items():
    condition = Condition({"subject": {"reference": "Patient/1"}, "onsetDateTime": sent})
    print(f"{sent} -> {condition.onsetDateTime.date} (as_json: {condition.onsetDateTime.as_json()})")
    assert str(condition.onsetDateTime.date) == expected
    assert condition.onsetDateTime.as_json() == sent
PYTHON
