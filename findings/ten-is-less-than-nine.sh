#!/usr/bin/env bash
# fhir 4.12.0 (npm): xmlToObj reads a FHIR resource from XML into an object, in which integers and
# booleans are numbers and booleans, but a decimal is a string. JavaScript compares two strings by their
# letters, and adds them by writing one behind the other: neither is an error. The package's own
# xmlToJson makes numbers of the same values, which is what FHIR's JSON has (json.html#primitive).
# Seen: valueQuantity.value "10.2", which is less than "9.8"; their sum is "10.29.8".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhir@4.12.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { Fhir } = require("fhir");

const fhir = new Fhir();
const measured = (value) => ({ resourceType: "Observation", status: "final",
  code: { text: "Haemoglobin" }, valueQuantity: { value, unit: "g/dL" } });
const xml = [10.2, 9.8].map((value) => fhir.objToXml(measured(value)));
const [high, low] = xml.map((one) => fhir.xmlToObj(one).valueQuantity.value);
console.log(JSON.stringify({ high, low }));
console.log("less:", high < low, "sum:", high + low);
assert.deepStrictEqual([high, low], ["10.2", "9.8"]);
assert(high < low);
assert.strictEqual(high + low, "10.29.8");
assert.strictEqual(JSON.parse(fhir.xmlToJson(xml[0])).valueQuantity.value, 10.2);
NODE
