#!/usr/bin/env bash
# UCUM, by @lhncbc/ucum-lhc 7.1.10 (npm) and ucumvert 0.3.2 (PyPI): laboratories give D-dimers in
# fibrinogen equivalents (LOINC 48065-7) or in D-dimer units (48066-5), and one of the latter is about
# two of the former. In UCUM the two differ by an annotation only, ng/mL{FEU} and ng/mL{DDU}, and
# annotations are "meaningless by definition" (2.1, Curly braces), so that they convert 1:1, and to plain
# ng/mL as well. A result of 400 DDU, which is about 800 FEU, stays under the limit of 500 FEU.
# Seen: 500 ng/mL{FEU} = 500 ng/mL{DDU} = 500 ng/mL in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @lhncbc/ucum-lhc@7.1.10 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
for (const other of ["ng/mL{DDU}", "ng/mL"]) {
  const { status, toVal } = ucum.convertUnitTo("ng/mL{FEU}", 500, other);
  console.log(`ucum-lhc: 500 ng/mL{FEU} = ${toVal} ${other}`);
  assert.strictEqual(status, "succeeded");
  assert.strictEqual(toVal, 500);
}
NODE
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ucumvert==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
for other in ("ng/mL{DDU}", "ng/mL"):
    read = (500 * units.from_ucum("ng/mL{FEU}")).to(units.from_ucum(other).units)
    print(f"ucumvert: 500 ng/mL{{FEU}} = {read.magnitude:g} {other}")
    assert read.magnitude == 500
PYTHON
