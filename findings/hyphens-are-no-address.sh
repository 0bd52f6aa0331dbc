#!/usr/bin/env bash
# fhir-kit-client 2.0.3 (npm): an absolute reference is recognized by a pattern whose address may have
# letters, digits, ".", ":", "%" and "$". A hyphen is not among them, nor "_" or "~": a reference to a
# server such as fhir-open.hospital.example, or below a path such as /api/fhir-r4, "is not a recognized
# FHIR reference", although the client itself reads from such servers. R5's new resource types are
# refused alike.
# Seen: refused with a hyphen in the host or the path and for NutritionIntake; read without.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhir-kit-client@2.0.3 >/dev/null
node --input-type=module - <<'NODE'
import assert from "node:assert";
import { Client } from "fhir-kit-client";

globalThis.fetch = async (request) => new Response(
  JSON.stringify({ resourceType: "Basic", id: "1", language: String(request.url ?? request) }),
  { headers: { "content-type": "application/fhir+json" } });
const client = new Client({ baseUrl: "https://ehr.example/fhir" });
const tried = {
  "https://lab.example/fhir/Observation/1": true,
  "https://fhir-open.lab.example/fhir/Observation/1": false,
  "https://lab.example/api/fhir-r4/Observation/1": false,
  "https://lab.example/fhir/NutritionIntake/1": false,
};
for (const [reference, expected] of Object.entries(tried)) {
  const answer = await client.resolve({ reference }).catch((error) => error);
  console.log(reference, "->", answer.message ?? "read");
  assert.strictEqual(!(answer instanceof Error), expected);
  if (!expected) assert.match(answer.message, /is not a recognized FHIR reference/);
}
const itself = await new Client({ baseUrl: "https://fhir-open.lab.example/fhir" })
  .read({ resourceType: "Observation", id: "1" });
assert.strictEqual(itself.language, "https://fhir-open.lab.example/fhir/Observation/1");
NODE
