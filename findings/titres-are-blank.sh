#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): Observation.value[x] has eleven types in R4 (observation.html). The
# function that writes an observation's value for people, `formatObservationValue`, knows three. For a
# titre (Ratio), a range, a number, a yes or no, a time or a period it gives the empty string, the same
# as for an observation without a value: a result that is there looks as if it had not been made.
# Seen: "< 20 mg" for a Quantity; "" for six of the other types.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { formatObservationValue } = require("@medplum/core");

for (const [value, expected] of [
  [{ valueQuantity: { value: 20, comparator: "<", unit: "mg" } }, "< 20 mg"],
  [{ valueRatio: { numerator: { value: 1 }, denominator: { value: 128 } } }, ""],
  [{ valueRange: { low: { value: 5 }, high: { value: 10 } } }, ""],
  [{ valueInteger: 5 }, ""],
  [{ valueBoolean: true }, ""],
  [{ valueDateTime: "2026-01-01" }, ""],
  [{ valuePeriod: { start: "2026-01-01" } }, ""],
  [{}, ""],
]) {
  const written = formatObservationValue({ resourceType: "Observation", status: "final",
                                           code: { text: "x" }, ...value });
  console.log(JSON.stringify(value), "->", JSON.stringify(written));
  assert.strictEqual(written, expected);
}
NODE
