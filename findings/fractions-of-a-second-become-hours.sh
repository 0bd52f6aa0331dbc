#!/usr/bin/env bash
# fhirpath 5.2.2 (npm): the seconds of a FHIR time may have a fraction of any length (R4
# datatypes.html#instant), and servers that are written in .NET send seven digits. This implementation
# takes the digits for a number of milliseconds: .7530000, three quarters of a second, are two hours and
# five minutes, .5 are five milliseconds. What was issued two hours after an update comes before it, and
# .5 before .25. Only three digits are read rightly. fhirpathpy 2.2.4 (PyPI) reads all of them.
# Seen: 10:00:00.7530000 + 0 seconds is 12:05:30; 12:00 > 10:00:00.7530000 false; .5 > .25 false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" fhirpath@5.2.2 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpathpy==2.2.4
cat > rules.json <<'JSON'
{"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "Potassium"},
              "meta": {"lastUpdated": "2026-01-31T10:00:00.7530000+00:00"},
              "effectiveDateTime": "2026-01-31T09:00:00.25Z", "issued": "2026-01-31T12:00:00Z"},
 "rules": ["Observation.issued > Observation.meta.lastUpdated",
           "Observation.meta.lastUpdated = @2026-01-31T10:00:00.753Z",
           "Observation.effective < @2026-01-31T09:00:00.5Z"]}
JSON
node - <<'NODE'
const assert = require("node:assert");
const { evaluate } = require("fhirpath");
const r4 = require("fhirpath/fhir-context/r4");
const { resource, rules } = require("./rules.json");

for (const rule of rules) {
  const [answer] = evaluate(resource, rule, {}, r4);
  console.log("fhirpath:", rule, "->", answer);
  assert.strictEqual(answer, false);
}
const [moment] = evaluate(resource, "Observation.meta.lastUpdated + 0 seconds", {}, r4);
console.log("fhirpath: 10:00:00.7530000 is", String(moment));
assert(String(moment).startsWith("2026-01-31T12:05:30"));
NODE
"$folder/venv/bin/python" - <<'PYTHON'
import json
from pathlib import Path

from fhirpathpy import evaluate
from fhirpathpy.models import models

given = json.loads(Path("rules.json").read_text())
for rule in given["rules"]:
    answer = evaluate(given["resource"], rule, {}, models["r4"])
    print("fhirpathpy:", rule, "->", answer)
    assert answer == [True]
PYTHON
