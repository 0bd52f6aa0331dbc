#!/usr/bin/env bash
# fhirpath 5.2.2 (npm) and fhirpathpy 2.2.4 (PyPI): "~" is FHIRPath's comparison of lists whose order
# does not matter ("Comparison is not order dependent", §6.1.2 Equivalent); "=" is the one that looks at
# the order. In both, "~" looks at it too: the given names Ann, Bea and Bea, Ann are not equivalent, and
# a rule that asks whether two lists have the same members is silently false.
# Seen: false for the names and for (1 | 2) ~ (2 | 1), true in the same order, in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhirpath@5.2.2 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { evaluate } = require("fhirpath");
const r4 = require("fhirpath/fhir-context/r4");

const patient = { resourceType: "Patient",
                  name: [{ given: ["Ann", "Bea"] }, { given: ["Bea", "Ann"] }] };
for (const [expression, seen] of [["name[0].given ~ name[1].given", false],
                                  ["(1 | 2) ~ (2 | 1)", false], ["(1 | 2) ~ (1 | 2)", true]]) {
  const answer = evaluate(patient, expression, {}, r4);
  console.log("fhirpath:", expression, "->", ...answer);
  assert.deepStrictEqual(answer, [seen]);
}
NODE
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpathpy==2.2.4
"$folder/venv/bin/python" - <<'PYTHON'
from fhirpathpy import evaluate
from fhirpathpy.models import models

PATIENT = {"resourceType": "Patient",
           "name": [{"given": ["Ann", "Bea"]}, {"given": ["Bea", "Ann"]}]}
EXPECTED = {
    "name[0].given ~ name[1].given": False, "(1 | 2) ~ (2 | 1)": False, "(1 | 2) ~ (1 | 2)": True,
}
for expression, seen in EXPECTED.items():
    answer = evaluate(PATIENT, expression, {}, models["r4"])
    print("fhirpathpy:", expression, "->", *answer)
    assert answer == [seen]
PYTHON
