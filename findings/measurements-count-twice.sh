#!/usr/bin/env bash
# fhirclient 2.6.3 (npm): `byCodes` returns an observation once for each of the asked codes that it has.
# Observation.code is a CodeableConcept, whose codings say the same in several codes (R4
# datatypes.html#codeableconcept), and a blood pressure may have 85354-9 and 55284-4: asked for both,
# as an app that wants all of them must, a patient's two measurements are four. The codings' systems
# are not looked at, so that a local code of the same letters counts as LOINC's.
# Seen: ids 1 2 1 2 for two observations; the local code 29463-7 among the body weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --omit=optional --prefix "$folder" fhirclient@2.6.3 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const smart = require("fhirclient");

const client = smart({ url: "/", headers: { host: "app.example" }, socket: {} }, {}, {}).client(
  "https://ehr.example/fhir");
const observation = (id, ...codes) => ({
  resourceType: "Observation", id, status: "final",
  code: { coding: codes.map((code) => ({ system: "http://loinc.org", code })) },
});
const local = { resourceType: "Observation", id: "local", status: "final",
                code: { coding: [{ system: "https://ehr.example/codes", code: "29463-7" }] } };
const ids = (observations, ...codes) =>
  client.byCodes(observations, "code")(...codes).map(({ id }) => id);

const pressures = ids(["1", "2"].map((id) => observation(id, "85354-9", "55284-4")),
                      "85354-9", "55284-4");
const weights = ids([observation("weight", "29463-7"), local], "29463-7");
console.log("pressures:", ...pressures, "weights:", ...weights);
assert.deepStrictEqual(pressures, ["1", "2", "1", "2"]);
assert.deepStrictEqual(weights, ["weight", "local"]);
NODE
