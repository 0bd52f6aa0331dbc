#!/usr/bin/env bash
# bark-js 1.2.1 (npm) reads GS1's barcodes, which are on medicines and devices. A date of expiry may leave the
# day open, as 00, which means the last day of that month; only what is marked since 2025 in healthcare must
# name a day. A year of two digits is one from 49 years ago to 50 from now (GS1 General Specifications, AI 17
# and 7.12). The package writes the date in the form of ISO 8601, with the day 00 as it is: no date, which sorts
# before the 1st. What may be used until 31 March has expired in the middle of it. From 51 on it takes a year
# for one of the last century, since it counts from 2000 and not from today.
# Seen: "2027-03-00" for March 2027, which is "before" 15 March and is no date; 1955 for 55, which is 2055.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" bark-js@1.2.1 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const read = require("bark-js");

const expiry = (date) => {
  const { elements } = read(`0107612345678900${`17${date}`}10A1`);
  return elements.find(({ ai }) => ai === "17").value;
};
for (const [date, seen] of [["270331", "2027-03-31"], ["270300", "2027-03-00"], ["550131", "1955-01-31"]]) {
  console.log(`(17)${date}`, expiry(date), "expired on 2027-03-15:", expiry(date) < "2027-03-15");
  assert.strictEqual(expiry(date), seen);
}
assert(expiry("270300") < "2027-03-15");
assert(Number.isNaN(Date.parse(expiry("270300"))));
NODE
