#!/usr/bin/env bash
# UCUM, by @lhncbc/ucum-lhc 7.1.10 (npm): "C" is a valid UCUM code, the coulomb. Records have it as
# the unit of body temperatures, and validating the unit finds nothing wrong: it is valid, and
# cannot be converted to Cel. "K", which laboratories write for thousands, is the kelvin, and
# "Kg", "mcg", "mmHg" and "mEq/L" are no UCUM codes at all, however common. A unit is therefore only
# to be read as UCUM where its `system` says so.
# Seen: C valid (not convertible to Cel), K valid; Kg, mcg, mmHg, mEq/L invalid.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @lhncbc/ucum-lhc@7.1.10 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
const expected = { C: "valid", K: "valid", Cel: "valid", Kg: "invalid", mcg: "invalid",
                   mmHg: "invalid", "mEq/L": "invalid" };
for (const [code, status] of Object.entries(expected)) {
  const seen = ucum.validateUnitString(code).status;
  console.log(code, seen);
  assert.strictEqual(seen, status);
}
const converted = ucum.convertUnitTo("C", 37, "Cel");
console.log("37 C to Cel:", converted.status);
assert.strictEqual(converted.status, "failed");
NODE
