#!/usr/bin/env bash
# minimed-connect-to-nightscout 1.5.8 (npm) brings the glucose of Medtronic's sensors to Nightscout, where
# patients and their families watch it. The pump sends its time without a zone, and the package works the zone
# out of what the pump's clock and the server's differ by, rounded to whole hours. Zones of half an hour and of
# a quarter are as good (IANA's time zone database): India, Adelaide, Newfoundland, Nepal. There each reading
# is put half an hour, or a quarter, before the moment at which it was taken, and a low one looks over.
# Seen: 08:00 UTC in Berlin, and 07:30 in Delhi, Adelaide and St John's, 07:45 in Kathmandu, of readings that
# were all taken at 08:00.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" minimed-connect-to-nightscout@1.5.8 >/dev/null
TZ=UTC node - <<'NODE'
const assert = require("node:assert");
const transform = require("minimed-connect-to-nightscout/transform");

const now = Date.parse("2026-01-31T08:00:00Z");
for (const [town, hours, seen] of [
  ["Berlin", 1, "08:00"], ["Delhi", 5.5, "07:30"], ["Adelaide", 10.5, "07:30"],
  ["St John's", -3.5, "07:30"], ["Kathmandu", 5.75, "07:45"],
]) {
  const clock = new Date(now + hours * 3600e3).toUTCString().slice(5, 25);  // "31 Jan 2026 13:30:00"
  const [reading] = transform({
    currentServerTime: now, lastMedicalDeviceDataUpdateServerTime: now, sMedicalDeviceTime: clock,
    medicalDeviceFamily: "PARADIGM", lastSGTrend: "NONE", sgs: [{ kind: "SG", sg: 62, datetime: clock }],
  }).entries;
  console.log(town, "by the pump", clock, "read as", reading.dateString);
  assert.strictEqual(reading.dateString, `2026-01-31T${seen}:00.000Z`);
}
NODE
