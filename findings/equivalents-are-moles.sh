#!/usr/bin/env bash
# @atomic-ehr/ucum 0.2.5 (npm) and ucumvert 0.3.2 (PyPI): UCUM defines the equivalent as one mole, since
# it does not know the ion. 5 meq/L of calcium, which has two charges, are 2.5 mmol/L. Both libraries say
# 5, which is true of sodium and potassium only. The third, @lhncbc/ucum-lhc 7.1.10 (npm), refuses
# until it is told the charge, and then says 2.5.
# Seen: 5 meq/L = 5 mmol/L twice; ucum-lhc "failed", 2.5 with a charge of 2, 5 with a charge of 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @atomic-ehr/ucum@0.2.5 @lhncbc/ucum-lhc@7.1.10 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ucumvert==0.3.2
cat > "$folder/convert.mjs" <<'NODE'
import assert from "node:assert";
import { createRequire } from "node:module";
import { ucum } from "@atomic-ehr/ucum";
const { UcumLhcUtils } = createRequire(import.meta.url)("@lhncbc/ucum-lhc");

const lhc = (options) => UcumLhcUtils.getInstance().convertUnitTo("meq/L", 5, "mmol/L", options);
console.log("atomic-ehr", ucum.convert(5, "meq/L", "mmol/L"), "ucum-lhc", lhc({}).status,
            lhc({ charge: 2 }).toVal, lhc({ charge: 1 }).toVal);
assert.strictEqual(Number(ucum.convert(5, "meq/L", "mmol/L").toFixed(9)), 5);
assert.strictEqual(lhc({}).status, "failed");
assert.strictEqual(Number(lhc({ charge: 2 }).toVal.toFixed(9)), 2.5);
assert.strictEqual(Number(lhc({ charge: 1 }).toVal.toFixed(9)), 5);
NODE
node "$folder/convert.mjs"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
read = (5 * units.from_ucum("meq/L")).to(units.from_ucum("mmol/L").units)
print("ucumvert", read.magnitude)
assert round(read.magnitude, 9) == 5
PYTHON
