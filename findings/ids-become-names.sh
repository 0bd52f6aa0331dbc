#!/usr/bin/env bash
# fhirpathpy 2.2.4 (PyPI): in a list of primitive values, what FHIR's JSON says of an element in the
# underscored list (an id, an extension, null) is counted as a further element. A patient with one
# given name that has an id has two, and the last is {"id": ...}; with a masked name among three
# there are six. The npm package fhirpath 5.2.2 answers 1 and 3.
# Seen: count 2, last {'id': 'a'}; count 6, last None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpathpy==2.2.4
"$folder/venv/bin/python" - <<'PYTHON'
from fhirpathpy import evaluate
from fhirpathpy.models import models

MASKED = {"extension": [{
    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked",
}]}
for name, count, last in (
    ({"given": ["Ann"], "_given": [{"id": "a"}]}, 2, {"id": "a"}),
    ({"given": ["Ann", None, "Clare"], "_given": [None, MASKED, None]}, 6, None),
):
    patient = {"resourceType": "Patient", "name": [name]}
    counted, ended = (
        evaluate(patient, f"Patient.name.given.{function}", {}, models["r4"])
        for function in ("count()", "last()")
    )
    print(name["given"], "-> count", *counted, "last", *ended)
    assert counted == [count]
    assert ended == [last]
PYTHON
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhirpath@5.2.2 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { evaluate } = require("fhirpath");
const r4 = require("fhirpath/fhir-context/r4");

for (const [name, count] of [
  [{ given: ["Ann"], _given: [{ id: "a" }] }, 1],
  [{ given: ["Ann", null, "Clare"], _given: [null, { id: "b" }, null] }, 3],
]) {
  const patient = { resourceType: "Patient", name: [name] };
  assert.deepStrictEqual(evaluate(patient, "Patient.name.given.count()", {}, r4), [count]);
}
console.log("fhirpath (npm): 1 and 3");
NODE
