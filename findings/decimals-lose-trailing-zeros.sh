#!/usr/bin/env bash
# fhir.resources 8.3.0 and fhirclient 4.4.0 (PyPI): a decimal loses its trailing zeros when it is
# read, although FHIR R4 says that the precision of a decimal is part of its value ("0.010 is
# regarded as different to 0.01", datatypes.html#decimal). A specific gravity of 1.020 comes back as
# 1.02, a potassium of 7.40 as 7.4. fhir.resources keeps values as Decimal, but makes them from
# floats, so that what was sent is gone before anybody can look; 1E+2 comes back as 100.0.
# Seen: "7.40 -> 7.4", "1.020 -> 1.02", "1E+2 -> 100.0" (fhirclient: 100.0).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhir.resources==8.3.0 fhirclient==4.4.0
"$folder/venv/bin/python" - <<'PYTHON'
import json
from decimal import Decimal

from fhir.resources.R4B.observation import Observation
from fhirclient.models.observation import Observation as ClientObservation

SENT = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}'
EXPECTED = {"7.40": "7.4", "1.020": "1.02", "1E+2": "100.0"}
for sent, expected in EXPECTED.items():
    read = Observation.model_validate_json(SENT % sent)
    written = read.model_dump_json().partition('"value":')[2].rstrip("}")
    held = read.valueQuantity.value
    client = json.dumps(ClientObservation(json.loads(SENT % sent)).as_json()["valueQuantity"]["value"])
    print(f"{sent} -> fhir.resources {written} (in memory {held!r}), fhirclient {client}")
    assert written == client == expected
    assert isinstance(held, Decimal) and str(held) == expected
PYTHON
