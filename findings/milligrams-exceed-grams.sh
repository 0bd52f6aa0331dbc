#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): FHIRPath compares quantities of different units by what they are, and
# those of different dimensions not at all (§6.2 Comparison: empty). This implementation puts their
# numbers in order and looks at nothing else: 5 mg are more than 1 g, more than 1 mL, and 98 °F are a
# fever in degrees Celsius. A comparator is passed over as well: "< 20" is at least 20. Nothing is
# raised; a sum of milligrams and grams is in milligrams.
# Seen: true for all four comparisons; 5 'mg' + 1 'g' is 6 mg.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { evalFhirPath } = require("@medplum/core");

const observation = (value, code, comparator) => ({
  resourceType: "Observation", status: "final", code: { text: "x" },
  valueQuantity: { value, comparator, unit: code, system: "http://unitsofmeasure.org", code },
});
for (const [resource, expression, seen] of [
  [observation(5, "mg"), "Observation.value > 1 'g'", true],
  [observation(5, "mg"), "Observation.value > 1 'mL'", true],
  [observation(98, "[degF]"), "Observation.value > 38 'Cel'", true],
  [observation(20, "{copies}/mL", "<"), "Observation.value >= 20 '{copies}/mL'", true],
  [observation(5, "mg"), "(Observation.value + 1 'g').value", 6],
  [observation(5, "mg"), "(Observation.value + 1 'g').code", "mg"],
]) {
  const { comparator = "", value, code } = resource.valueQuantity;
  const answer = evalFhirPath(expression, resource);
  console.log(`${comparator}${value} ${code}:`, expression, "->", ...answer);
  assert.deepStrictEqual(answer, [seen]);
}
NODE
