#!/usr/bin/env bash
# @atomic-ehr/ucum 0.2.5 (npm): the level of a hearing test, dB[SPL], is a tenth of a bel, the logarithm
# of a sound's pressure to 2e-5 Pa (UCUM, Levels). This library leaves out the 2, and, where a reference
# follows, takes decibels for bels: a conversation, 60 dB[SPL] or 0.02 Pa, has a pressure of 1e24 Pa. A
# bare dB is converted rightly, and @lhncbc/ucum-lhc 7.1.10 (npm) converts all three.
# Seen: 60 dB[SPL] = 1e24 Pa, 3 B[SPL] = 0.000316 Pa, 10 dB = 10; ucum-lhc: 0.02 Pa, 0.000632 Pa, 10.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @atomic-ehr/ucum@0.2.5 @lhncbc/ucum-lhc@7.1.10 >/dev/null
cat > "$folder/convert.mjs" <<'NODE'
import assert from "node:assert";
import { createRequire } from "node:module";
import { ucum } from "@atomic-ehr/ucum";
const { UcumLhcUtils } = createRequire(import.meta.url)("@lhncbc/ucum-lhc");

for (const [value, from, to, expected, right] of [
  [60, "dB[SPL]", "Pa", 1e24, 0.02],
  [3, "B[SPL]", "Pa", 3.1622777e-4, 6.3245553e-4],
  [10, "dB", "1", 10, 10],
]) {
  const read = ucum.convert(value, from, to);
  const lhc = UcumLhcUtils.getInstance().convertUnitTo(from, value, to).toVal;
  console.log(`${value} ${from} = ${read} ${to}, ucum-lhc: ${lhc}`);
  assert.ok(Math.abs(read / expected - 1) < 1e-6);
  assert.ok(Math.abs(lhc / right - 1) < 1e-6);
}
NODE
node "$folder/convert.mjs"
