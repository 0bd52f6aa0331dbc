#!/usr/bin/env bash
# fhir 4.12.0 (npm): FHIR's JSON keeps the extensions of a list of strings in a second list that is
# aligned with null (json.html#primitive). Read from XML, the list of strings has no null for an
# element without a value, so that everything after it moves up, and the extension sits beside its
# neighbour: of "Ann", a masked name and "Clare", it is Clare that is now marked as masked.
# Seen: given ["Ann","Clare"], _given [null,{masked}]; right: ["Ann",null,"Clare"].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhir@4.12.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { Fhir } = require("fhir");

const masked = { extension: [{ url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                               valueCode: "masked" }] };
const fhir = new Fhir();
const xml = fhir.objToXml({ resourceType: "Patient",
  name: [{ given: ["Ann", null, "Clare"], _given: [null, masked, null] }] });
console.log(xml.replace(/^.*?<name>|<\/name>.*$/g, ""));
assert.match(xml, /"Ann"\/><given><extension.*<\/given><given value="Clare"\/>/);
const [name] = fhir.xmlToObj(xml).name;
console.log("given", JSON.stringify(name.given), "_given", JSON.stringify(name._given));
assert.deepStrictEqual(name, { given: ["Ann", "Clare"], _given: [null, masked] });
NODE
