#!/usr/bin/env bash
# @atomic-ehr/ucum 0.2.5 (npm) and ucumvert 0.3.2 (PyPI): UCUM's arbitrary units, as [IU], [CFU] and
# [anti'Xa'U], are not "commensurable with" any other unit (3.2 Arbitrary Units). UCUM took them for
# plain numbers until version 1.6, and gave that up because everything converted to everything. These
# two still do: an anti-Xa of 0.5 is 0.5 international units, five bacteria are five of them, and five
# thousand million white cells a litre are five thousand million [IU]/L.
# Seen: each converts 1:1 in both, 10*9/L to [IU]/L too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @atomic-ehr/ucum@0.2.5 >/dev/null
cat > read.mjs <<'NODE'
import assert from "node:assert";
import { ucum } from "@atomic-ehr/ucum";

for (const [value, from, to, seen] of [[0.5, "[anti'Xa'U]/mL", "[IU]/mL", 0.5],
                                       [5, "[CFU]/mL", "[IU]/mL", 5], [5, "10*9/L", "[IU]/L", 5e9]]) {
  const read = ucum.convert(value, from, to);
  console.log(`@atomic-ehr/ucum: ${value} ${from} = ${read} ${to}`);
  assert.strictEqual(Number(read.toPrecision(9)), seen);
}
NODE
node read.mjs
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ucumvert==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
for value, code, other, expected in ((0.5, "[anti'Xa'U]/mL", "[IU]/mL", 0.5),
                                     (5, "[CFU]/mL", "[IU]/mL", 5), (5, "10*9/L", "[IU]/L", 5e9)):
    read = (value * units.from_ucum(code)).to(units.from_ucum(other).units)
    print(f"ucumvert: {value} {code} = {read.magnitude:g} {other}")
    assert round(read.magnitude / expected, 9) == 1
PYTHON
