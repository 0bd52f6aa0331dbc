#!/usr/bin/env bash
# UCUM, by @lhncbc/ucum-lhc 7.1.10 (npm) and ucumvert 0.3.2 (PyPI): UCUM codes have whole numbers only
# and a dot multiplies, so that "1.73" is 1 times 73. "mL/min/1.73.m2", which looks like the unit of
# every estimated GFR, is valid, and means millilitres a minute, divided by one, times 73 square
# metres: another quantity, and 73 of it. The body surface is only right as an annotation,
# "mL/min/{1.73_m2}", which converts as if it were not there.
# Seen: 1.73 valid = 73; 1 mL/min/1.73.m2 = 73 mL.m2/min in both; mL/min/{1.73_m2} = 1 mL/min.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @lhncbc/ucum-lhc@7.1.10 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
for (const [from, to, expected] of [["1.73", "1", 73], ["mL/min/1.73.m2", "mL.m2/min", 73],
                                    ["mL/min/{1.73_m2}", "mL/min", 1]]) {
  assert.strictEqual(ucum.validateUnitString(from).status, "valid");
  const { toVal } = ucum.convertUnitTo(from, 1, to);
  console.log(`ucum-lhc: 1 ${from} = ${toVal} ${to}`);
  assert.strictEqual(toVal, expected);
}
NODE
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ucumvert==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
read = units.from_ucum("mL/min/1.73.m2").to(units.from_ucum("mL.m2/min").units)
print(f"ucumvert: 1 mL/min/1.73.m2 = {read.magnitude:g} mL.m2/min")
assert round(read.magnitude, 6) == 73
PYTHON
