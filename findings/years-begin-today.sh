#!/usr/bin/env bash
# fhir-helpers 0.12.0 (PyPI): a FHIR date may be a year or a month (R4 datatypes.html#date). The package
# fills what is missing with the day on which the program runs: who was born in 1980 has their birthday
# today, every day, and what began in March 2019 began on the 15th if it is the 15th. A diagnosis of this
# year was always made today, is the newest of the list and passes every "in the last 30 days".
# Seen: 1980 as today's day and month of 1980; onset in this year as today; 2019-03-02 as it is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhir-helpers==0.12.0
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import date

from fhir_helpers.resources.condition import ConditionDict
from fhir_helpers.resources.patient import PatientDict

before = date.today()
born = PatientDict({"resourceType": "Patient", "birthDate": "1980"}).birthdate
began = [
    ConditionDict({"resourceType": "Condition", "onsetDateTime": onset}).onset_datetime.date()
    for onset in (str(before.year), "2019-03-02")
]
after = date.today()
print("born in 1980:", born, "today:", after, "began this year and on 2019-03-02:", *began)
assert born.year == 1980
assert (born.month, born.day) in {(day.month, day.day) for day in (before, after)}
assert began[0] in (before, after)
assert began[1] == date(2019, 3, 2)
PYTHON
