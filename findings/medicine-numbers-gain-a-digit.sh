#!/usr/bin/env bash
# gs1js 0.0.2 (npm) reads GS1's barcodes, which are on medicines and devices. Each field begins with its
# Application Identifier, of two, three or four digits (GS1 General Specifications, 3.2). The package takes
# every identifier for one of two, and leaves the rest of it in the value. The number under which a country
# pays for a medicine (AI 710 to 716) gains a digit in front. So does that of a device's maker (AI 240), and
# the date and hour at which a medicine of short life expires (AI 7003) two: asked for 7003, it is not there.
# Seen: "41234567" for (714)1234567, field 71; "0X9" for (240)X9, field 24; "032703311430" for (7003)2703311430,
# field 70; nothing under 714, 240 and 7003.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" gs1js@0.0.2 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { GS1Reader } = require("gs1js");

const FNC1 = "\x1d";
for (const [identifier, value, field, seen] of [
  ["10", "A1", "10", "A1"], ["714", "1234567", "71", "41234567"], ["240", "X9", "24", "0X9"],
  ["7003", "2703311430", "70", "032703311430"],
]) {
  const reader = new GS1Reader(`0107612345678900${identifier}${value}${FNC1}21S1`);
  const read = reader.getApplicationIdentifiers().map((found) => [found.identifier, found.value]);
  console.log(`(${identifier})${value} is read as`, JSON.stringify(read));
  assert.deepStrictEqual(read, [["01", "07612345678900"], [field, seen], ["21", "S1"]]);
  assert.strictEqual(reader.getApplicationIdentifierById(identifier) === undefined, identifier !== field);
}
NODE
