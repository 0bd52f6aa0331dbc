#!/usr/bin/env bash
# fhirpathpy 2.2.4 (PyPI): FHIRPath raises a number to a power that is an integer or a decimal, and the
# result is empty only where there is none, as for -1 and 0.5 (N1, §5.7 Math, power). Here every power
# that is not whole is empty. The formula of the estimated filtration rate (CKD-EPI 2021) has such a
# power: it has no result for anybody, nothing is raised, and a rule that asks for less than 60 is
# silent. fhirpath 5.2.2 (npm) calculates it.
# Seen: eGFR of a man of 60 with 2.0 mg/dL: [] and [] for "< 60"; fhirpath 37.5 and true.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" fhirpath@5.2.2 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirpathpy==2.2.4
cat > rules.json <<'JSON'
{"creatinine": {"resourceType": "Observation", "status": "final", "code": {"text": "Creatinine"},
                "valueQuantity": {"value": 2.0, "unit": "mg/dL", "code": "mg/dL",
                                  "system": "http://unitsofmeasure.org"}},
 "egfr": "142 * (Observation.value.value / 0.9).power(-1.2) * 0.9938.power(60)"}
JSON
node - <<'NODE'
const assert = require("node:assert");
const { evaluate } = require("fhirpath");
const r4 = require("fhirpath/fhir-context/r4");
const { creatinine, egfr } = require("./rules.json");

const [rate] = evaluate(creatinine, egfr, {}, r4);
const low = evaluate(creatinine, `(${egfr}) < 60`, {}, r4);
console.log("fhirpath:", rate.toFixed(1), low);
assert(Math.abs(rate - 37.5) < 0.1);
assert.deepStrictEqual(low, [true]);
NODE
"$folder/venv/bin/python" - <<'PYTHON'
import json
from pathlib import Path

from fhirpathpy import evaluate
from fhirpathpy.models import models

given = json.loads(Path("rules.json").read_text())
rate = evaluate(given["creatinine"], given["egfr"], {}, models["r4"])
low = evaluate(given["creatinine"], f"({given['egfr']}) < 60", {}, models["r4"])
print("fhirpathpy:", rate, low)
assert (rate, low) == ([], [])
assert evaluate({}, "2.power(3)", {}, models["r4"]) == [8]
PYTHON
