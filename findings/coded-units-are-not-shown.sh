#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): a Quantity says its unit for people, in "unit", or coded, in "code", or
# both (R4 datatypes.html#Quantity). The functions that write one for people know the first only. A
# quantity with just the code, which is the form that cannot be misread, becomes a bare number, as if it
# were a score or a count: a glucose of 5 mmol/L is "5", a range of 5 to 10 mg is "5 - 10".
# Seen: "5 mmol/L" with the unit in words; "5" and "5 - 10" with the code alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { formatObservationValue, formatQuantity, formatRange } = require("@medplum/core");

const coded = (value, code) => ({ value, code, system: "http://unitsofmeasure.org" });
const observed = (valueQuantity) => ({ resourceType: "Observation", status: "final",
                                       code: { text: "Glucose" }, valueQuantity });
for (const [written, expected] of [
  [formatQuantity({ value: 5, unit: "mmol/L" }), "5 mmol/L"],
  [formatQuantity(coded(5, "mmol/L")), "5"],
  [formatObservationValue(observed(coded(5, "mmol/L"))), "5"],
  [formatRange({ low: coded(5, "mg"), high: coded(10, "mg") }), "5 - 10"],
]) {
  console.log(written);
  assert.strictEqual(written, expected);
}
NODE
