#!/usr/bin/env bash
# phenopackets 2.0.2.post5 (PyPI), the GA4GH Phenopacket Schema's own Python package: a measurement is a
# Quantity, whose "value" is required (phenopacket-schema 2.0, Quantity). Written as JSON, the usual form
# of a phenopacket, a value of 0 is left out like every default of protobuf: a count of 0 neutrophils is
# a unit without a number, and a lower limit of 0 is no limit. A reader in another language finds a
# measurement without its result.
# Seen: value and low missing for 0, there for 0.1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet phenopackets==2.0.2.post5 protobuf==6.33.0
"$folder/venv/bin/python" - <<'PYTHON'
import json

from google.protobuf.json_format import MessageToJson
from phenopackets import Measurement, OntologyClass, Quantity, ReferenceRange, Value

UNIT = OntologyClass(id="UCUM:10*9/L", label="10*9/L")
for number in (0.1, 0):
    measurement = Measurement(
        assay=OntologyClass(id="LOINC:751-8", label="Neutrophils [#/volume] in Blood"),
        value=Value(
            quantity=Quantity(
                unit=UNIT,
                value=number,
                reference_range=ReferenceRange(unit=UNIT, low=number, high=7),
            )
        ),
    )
    quantity = json.loads(MessageToJson(measurement))["value"]["quantity"]
    print(number, "->", json.dumps(quantity))
    assert ("value" in quantity) == ("low" in quantity["referenceRange"]) == (number != 0)
    assert quantity["referenceRange"]["high"] == 7
PYTHON
