#!/usr/bin/env bash
# @lhncbc/ucum-lhc 7.1.10 (npm): an international unit converts to nothing, not even to itself. UCUM's
# arbitrary units have no measure in common with other units, but with themselves they have: a TSH of
# 4 m[IU]/L is 4 u[IU]/mL, and "[iU]" and "[IU]" are two codes of one unit. All are refused, while mU/L
# (of enzyme units, which laboratories write for it) converts. Two laboratories make no trend.
# Seen: failed for m[IU]/L to u[IU]/mL, [iU] to [IU], [IU] to [IU]; mU/L to uU/mL succeeded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @lhncbc/ucum-lhc@7.1.10 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
for (const [from, to, expected] of [["m[IU]/L", "u[IU]/mL", "failed"], ["[iU]", "[IU]", "failed"],
                                    ["[IU]", "[IU]", "failed"], ["mU/L", "uU/mL", "succeeded"]]) {
  assert.strictEqual(ucum.validateUnitString(from).status, "valid");
  assert.strictEqual(ucum.validateUnitString(to).status, "valid");
  const { status } = ucum.convertUnitTo(from, 4, to);
  console.log(from, "to", to, status);
  assert.strictEqual(status, expected);
}
NODE
