#!/usr/bin/env bash
# spezi-data-pipeline 0.1.1 (PyPI): the day of an observation is taken after its time was moved to UTC,
# and the time of the day and the offset are then gone. What was measured in the evening in Boston
# belongs to the next day, what was measured in the morning in Auckland to the day before. A month
# becomes its first day. The reference to the patient is not read: every observation is nobody's.
# Seen: 2024-03-01T20:30-05:00 is 2024-03-02; 2024-03-02T06:30+13:00 is 2024-03-01; UserId None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==3.1.1 fhir.resources==8.3.0
"$folder/venv/bin/pip" install --quiet --no-deps spezi-data-pipeline==0.1.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from fhir.resources.R4B.observation import Observation
from spezi_data_pipeline.data_flattening.fhir_resources_flattener import ObservationFlattener

TIMES = {"2024-03-01T20:30:00-05:00": "2024-03-02", "2024-03-02T06:30:00+13:00": "2024-03-01",
         "2024-03": "2024-03-01"}
weight = {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]}
observations = [
    Observation(status="final", code=weight, subject={"reference": "Patient/1"},
                effectiveDateTime=time, valueQuantity={"value": 70, "unit": "kg"})
    for time in TIMES
]
frame = ObservationFlattener().flatten(observations).df
days = [str(day) for day in frame["EffectiveDateTime"]]
for time, day, user in zip(TIMES, days, frame["UserId"], strict=True):
    print(time, "->", day, user)
assert days == list(TIMES.values())
assert set(frame["UserId"]) == {None}
PYTHON
