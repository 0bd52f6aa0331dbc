#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): a FHIR time is a time of the day, and "no time zone" goes with it (R4
# datatypes.html#time): when the last meal was (valueTime), when a clinic opens (availableStartTime).
# `formatTime` takes 08:00 for eight in the morning in Greenwich, on the first of January 2000, and moves
# it to the reader's zone: in New York the meal was at three in the night, in Sydney in the evening.
# `formatTiming`, for the doses of a day, leaves 08:00 alone.
# Seen: formatTime 8:00:00 AM with TZ=UTC, 3:00:00 AM in New York, 7:00:00 PM in Sydney; formatTiming
# "Daily at 8:00 AM" in all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
cat > "$folder/write.js" <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { formatTime, formatTiming } = require("@medplum/core");

const spaced = (written) => written.replaceAll("\u202f", " ");
const time = spaced(formatTime("08:00:00", "en-US"));
const repeat = { frequency: 1, period: 1, periodUnit: "d", timeOfDay: ["08:00:00"] };
console.log(process.env.TZ, "-", time, "-", formatTiming({ repeat }));
assert.strictEqual(time, process.argv[2]);
assert.strictEqual(spaced(formatTiming({ repeat })), "Daily at 8:00 AM");
NODE
TZ=UTC node "$folder/write.js" "8:00:00 AM"
TZ=America/New_York node "$folder/write.js" "3:00:00 AM"
TZ=Australia/Sydney node "$folder/write.js" "7:00:00 PM"
