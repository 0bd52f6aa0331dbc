#!/usr/bin/env bash
# UCUM, by @lhncbc/ucum-lhc 7.1.10 (npm) and ucumvert 0.3.2 (PyPI): an HbA1c of 48 mmol/mol is 6.5 %, and
# one of the commonest conversions there is. By UCUM it is 4.8 %: a mole per mole is a number, and the
# arithmetic is right. But the percentage of the NGSP (LOINC 4548-4) is another quantity than the IFCC's
# mmol/mol (59261-8), with an offset: NGSP = 0.09148 IFCC + 2.152. That two units convert does not say
# that two results do: 4.8 % would be healthy, 6.5 % is where diabetes begins.
# Seen: 48 mmol/mol = 4.8 % in both, with annotations ("%{Hb}") as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @lhncbc/ucum-lhc@7.1.10 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
for (const [from, to] of [["mmol/mol", "%"], ["mmol/mol{Hb}", "%{Hb}"]]) {
  const { status, toVal } = ucum.convertUnitTo(from, 48, to);
  console.log(`ucum-lhc: 48 ${from} = ${toVal} ${to}`);
  assert.strictEqual(status, "succeeded");
  assert.strictEqual(toVal.toFixed(6), "4.800000");
}
NODE
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ucumvert==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
for code, other in (("mmol/mol", "%"), ("mmol/mol{Hb}", "%{Hb}")):
    read = (48 * units.from_ucum(code)).to(units.from_ucum(other).units)
    print(f"ucumvert: 48 {code} = {read.magnitude:g} {other}")
    assert round(read.magnitude, 6) == 4.8
PYTHON
