#!/usr/bin/env bash
# @medplum/core 5.2.13 and hl7parser 1.0.1 (npm): a time of HL7 v2 without an offset is in the zone of
# its sender (v2.5.1 chapter 2A, DTM). Medplum's `formatHl7DateTime` writes a FHIR dateTime in the time
# of Greenwich and leaves out that it did: the specimen of 23:30 on 31 January in Boston was taken at
# 04:30 on 1 February. hl7parser's `toDate` reads the offset that is there as if it were not: the same
# specimen was taken five hours earlier. Medplum's own `parseHl7DateTime` reads it rightly.
# Seen: 20260201043015 written for 2026-01-31T23:30:15-05:00; 20260131233015-0500 read as 23:30:15Z.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @medplum/core@5.2.13 hl7parser@1.0.1 >/dev/null
TZ=UTC node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { formatHl7DateTime, parseHl7DateTime } = require("@medplum/core");
const { create } = require("hl7parser");

const taken = "2026-01-31T23:30:15-05:00";
console.log(taken, "written by Medplum", formatHl7DateTime(taken));
assert.strictEqual(formatHl7DateTime(taken), "20260201043015");

const sent = "20260131233015-0500";
const order = create(`MSH|^~\\&|LAB|HOSP|EHR|HOSP|${sent}||ORU^R01^ORU_R01|1|P|2.5.1`);
const read = order.get("MSH.7").toDate().toISOString();
console.log(sent, "read by hl7parser", read, "by Medplum", parseHl7DateTime(sent));
assert.strictEqual(read, "2026-01-31T23:30:15.000Z");
assert.strictEqual(parseHl7DateTime(sent), "2026-02-01T04:30:15.000Z");
NODE
