#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): the start and end of a FHIR Period may be dates, which have no time and no zone
# (R4 datatypes.html#dateTime). `formatPeriod` and `formatDateTime` take a date for midnight in Greenwich,
# and show that in the reader's zone: in New York, a stay from 31 January to 2 February began on the 30th
# at seven in the evening and ended on the 1st, times that nobody recorded. `formatTiming` does the same
# to the days on which a dose is due. `formatDate` shows the day that was sent.
# Seen: "1/30/2026, 7:00:00 PM - 2/1/2026, 7:00:00 PM" in New York, 1/31/2026, 12:00:00 AM with TZ=UTC;
# formatDate 1/31/2026 in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
cat > show.js <<'JS'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const core = require("@medplum/core");

const plain = (text) => text.replaceAll("\u202f", " "); // some Node.js write a narrow space before PM
const stay = plain(core.formatPeriod({ start: "2026-01-31", end: "2026-02-02" }));
const day = plain(core.formatDateTime("2026-01-31"));
const dose = plain(core.formatTiming({ event: ["2026-01-31"] }));
console.log(process.env.TZ, "-> stay:", stay, "| dose:", dose, "| formatDate:", core.formatDate("2026-01-31"));
const [start, end] = {
  UTC: ["1/31/2026, 12:00:00 AM", "2/2/2026, 12:00:00 AM"],
  "America/New_York": ["1/30/2026, 7:00:00 PM", "2/1/2026, 7:00:00 PM"],
}[process.env.TZ];
assert.deepStrictEqual([stay, day, dose], [`${start} - ${end}`, start, start]);
assert.strictEqual(core.formatDate("2026-01-31"), "1/31/2026");
JS
for zone in UTC America/New_York; do
  LC_ALL=en_US.UTF-8 LANG=en_US.UTF-8 TZ=$zone node show.js
done
