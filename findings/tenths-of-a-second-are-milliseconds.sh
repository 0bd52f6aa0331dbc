#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): a time of HL7 v2 has a fraction of one to four digits, and an offset may
# stand behind any precision (v2.5.1 chapter 2A, DTM: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]).
# `parseHl7DateTime` takes the digits of the fraction for milliseconds, whatever their number: half a
# second is five milliseconds, and of two events in one second the later one is a second later still.
# The offset of a day is taken for its time: 31 January in Boston began at 05:50 in Greenwich. A year is
# the first of January.
# Seen: 15.5 as 15.005, 15.1234 as 16.234, 20260131-0500 as 05:50 (right: 05:00), 15.500 as 15.500.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { parseHl7DateTime } = require("@medplum/core");

for (const [sent, seen] of [
  ["20260131233015.500", "2026-01-31T23:30:15.500Z"],
  ["20260131233015.5", "2026-01-31T23:30:15.005Z"],
  ["20260131233015.1234", "2026-01-31T23:30:16.234Z"],
  ["20260131233015.9999-0500", "2026-02-01T04:30:24.999Z"],
  ["20260131-0500", "2026-01-31T05:50:00.000Z"],
  ["2026", "2026-01-01T00:00:00.000Z"],
]) {
  console.log(sent, "->", parseHl7DateTime(sent));
  assert.strictEqual(parseHl7DateTime(sent), seen);
}
NODE
