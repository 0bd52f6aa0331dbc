#!/usr/bin/env bash
# @bonfhir/core 2.22.1 (npm): a FHIR Range may have its low or its high only, and a Period its end (R4
# datatypes.html#Range, #Period). The package's Formatter, which writes FHIR's types for people, writes
# each of them as the empty string: what should be above 90 mL/min looks as if it had no range, and what
# has ended as if it had no dates. Of a month, it writes the year.
# Seen: "" for a low, for a high and for an end; "2026 - ongoing" for a start; "2026" for 2026-03.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @bonfhir/core@2.22.1 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { Formatter } = require("@bonfhir/core/r4b");

const formatter = Formatter.build({ locale: "en-US" });
const quantity = (value) => ({ value, unit: "mL/min" });
for (const [type, value, expected] of [
  ["Range", { low: quantity(90), high: quantity(120) }, "90 … 120 mL/min"],
  ["Range", { low: quantity(90) }, ""],
  ["Range", { high: quantity(120) }, ""],
  ["Period", { start: "2026-03" }, "2026 - ongoing"],
  ["Period", { end: "2026-03" }, ""],
  ["date", "2026-03", "2026"],
]) {
  const written = formatter.format(type, value);
  console.log(type, JSON.stringify(value), "->", JSON.stringify(written));
  assert.strictEqual(written, expected);
}
NODE
