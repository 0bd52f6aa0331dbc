#!/usr/bin/env bash
# @atomic-ehr/ucum 0.2.5 (npm): "mL/min/{1.73_m2}" is LOINC's example unit of an estimated filtration
# rate (98979-8). In UCUM, what is in braces is a remark, and may have any sign of ASCII but braces
# (§12). This library knows remarks, "{score}" and "/{HPF}", but no underscore in one, so that the usual
# unit of every eGFR is no unit, and nothing converts. @lhncbc/ucum-lhc 7.1.10 (npm) knows all three.
# Seen: thrown "Unexpected character '_'" for the eGFR, valid for the others; ucum-lhc "valid" for all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @atomic-ehr/ucum@0.2.5 @lhncbc/ucum-lhc@7.1.10 >/dev/null
cat > "$folder/validate.mjs" <<'NODE'
import assert from "node:assert";
import { createRequire } from "node:module";
import { ucum } from "@atomic-ehr/ucum";
const { UcumLhcUtils } = createRequire(import.meta.url)("@lhncbc/ucum-lhc");

const validity = (code) => {
  try {
    return String(ucum.validate(code).valid);
  } catch ({ message }) {
    return message;
  }
};
for (const [code, expected] of [
  ["{score}", /^true$/], ["/{HPF}", /^true$/],
  ["mL/min/{1.73_m2}", /^(false$|Unexpected character '_')/],
]) {
  const lhc = UcumLhcUtils.getInstance().validateUnitString(code).status;
  console.log(code, "->", validity(code), "ucum-lhc:", lhc);
  assert.match(validity(code), expected);
  assert.strictEqual(lhc, "valid");
}
assert.throws(() => ucum.convert(60, "mL/min/{1.73_m2}", "mL/s"), /Invalid source unit/);
NODE
node "$folder/validate.mjs"
