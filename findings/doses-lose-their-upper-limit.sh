#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): `formatTiming`, which writes a dosage's Timing for people, leaves out
# what it does not know and says nothing of it. "Every 4 to 6 hours" becomes "Once per 4 hours", "1 to
# 3 times a day" and "at bedtime" become "Daily", and for how long or how many times is gone too. The
# sentence reads complete, so that nobody looks at the Timing. The words of `code` are lost as well.
# Seen: "Once per 4 hours", four times "Daily", "2 times per day" without its 5 days.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { formatTiming } = require("@medplum/core");

const daily = { frequency: 1, period: 1, periodUnit: "d" };
const days = { value: 5, unit: "days", system: "http://unitsofmeasure.org", code: "d" };
for (const [timing, expected] of [
  [{ repeat: { frequency: 1, period: 4, periodMax: 6, periodUnit: "h" } }, "Once per 4 hours"],
  [{ repeat: { ...daily, frequencyMax: 3 } }, "Daily"],
  [{ repeat: { ...daily, when: ["HS"] } }, "Daily"],
  [{ repeat: { ...daily, count: 3 } }, "Daily"],
  [{ repeat: { ...daily, frequency: 2, boundsDuration: days } }, "2 times per day"],
  [{ repeat: daily, code: { text: "only while the fever lasts" } }, "Daily"],
]) {
  console.log(JSON.stringify(timing), "->", formatTiming(timing));
  assert.strictEqual(formatTiming(timing), expected);
}
NODE
