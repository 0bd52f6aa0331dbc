#!/usr/bin/env bash
# hl7-date 1.0.1 (npm) writes a JavaScript date for HL7 v2, where a time that is shorter is less exact: 1980
# is some day of that year (v2.5.1 chapter 2A, DTM). It writes as much as it thinks the date has ("precision
# is inferred"), and takes whatever is at its beginning for unknown: of who was born on the first of January
# only the year is sent, of what was given on the first of a month only the month, and of what happened at
# midnight only the day.
# Seen: 1 January 1980 as "1980", 1 March 2026 as "202603", midnight of 31 January as "20260131"; right
# if "date" or "minute" is asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" hl7-date@1.0.1 >/dev/null
TZ=UTC node - <<'NODE'
const assert = require("node:assert");
const exported = require("hl7-date");
const { stringify } = exported.default ?? exported;

for (const [date, precision, inferred, right] of [
  [new Date(1980, 0, 1), "date", "1980", "19800101"],
  [new Date(2026, 2, 1), "date", "202603", "20260301"],
  [new Date(2026, 0, 31, 0, 0), "minute", "20260131", "202601310000+0000"],
  [new Date(2026, 0, 31, 10, 15), "minute", "202601311015+0000", "202601311015+0000"],
]) {
  console.log(date.toISOString(), "->", stringify(date), `${precision}:`, stringify(date, precision));
  assert.deepStrictEqual([stringify(date), stringify(date, precision)], [inferred, right]);
}
NODE
