#!/usr/bin/env bash
# fhir-kit-client 2.0.3 (npm): a reference may name a version (references.html), as those of a
# Provenance do, to mean the content of that time. If it has another server's address, the client reads
# the resource without the version, and gets what the resource says today. A relative reference is asked
# for as written.
# Seen: GET /fhir/Observation/1 for .../Observation/1/_history/1, and the corrected value of 7.4.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhir-kit-client@2.0.3 >/dev/null
node --input-type=module - <<'NODE'
import assert from "node:assert";
import { once } from "node:events";
import http from "node:http";
import { Client } from "fhir-kit-client";

const asked = [];
const laboratory = http.createServer((request, response) => {
  asked.push(request.url);
  const first = request.url.endsWith("/_history/1");
  response.setHeader("content-type", "application/fhir+json");
  response.end(JSON.stringify({ resourceType: "Observation", id: "1",
    meta: { versionId: first ? "1" : "2" }, status: first ? "final" : "corrected",
    code: { text: "Potassium" }, valueQuantity: { value: first ? 4.7 : 7.4, unit: "mmol/L" } }));
});
laboratory.listen(0, "127.0.0.1");
await once(laboratory, "listening");
const base = `http://127.0.0.1:${laboratory.address().port}/fhir`;
const reference = "Observation/1/_history/1";
const elsewhere = await new Client({ baseUrl: "https://ehr.example/fhir" }).resolve({
  reference: `${base}/${reference}` });
const here = await new Client({ baseUrl: base }).resolve({ reference });
laboratory.close();
for (const [index, { meta, status, valueQuantity }] of [elsewhere, here].entries())
  console.log(asked[index], "version", meta.versionId, status, valueQuantity.value);
assert.deepStrictEqual(asked, ["/fhir/Observation/1", "/fhir/Observation/1/_history/1"]);
assert.deepStrictEqual([elsewhere.meta.versionId, here.meta.versionId], ["2", "1"]);
NODE
