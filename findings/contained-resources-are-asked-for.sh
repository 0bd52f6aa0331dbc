#!/usr/bin/env bash
# fhirclient 2.6.3 (npm): `resolveReferences` does not look into `contained`. For the reference
# "#med", whose Medication is in the resource itself, it requests the server's base URL, and puts
# what comes back in the reference's place. Where the base has nothing to read, a 404 leaves the
# order without its medicine, and any other refusal fails the whole read. Orders often contain
# their Medication, and were complete before anything was resolved.
# Seen: GET of the base; 404: "#med" left as it was; 400: the read fails.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --omit=optional --prefix "$folder" fhirclient@2.6.3 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { once } = require("node:events");
const http = require("node:http");
const smart = require("fhirclient");

const ORDER = { resourceType: "MedicationRequest", id: "1", status: "active", intent: "order",
                subject: { reference: "Patient/1" }, medicationReference: { reference: "#med" },
                contained: [{ resourceType: "Medication", id: "med",
                              code: { text: "Warfarin 5 mg" } }] };
const paths = [];
let statusOfTheBase;
const ehr = http.createServer((request, response) => {
  paths.push(request.url);
  const isOrder = request.url === "/fhir/MedicationRequest/1";
  response.writeHead(isOrder ? 200 : statusOfTheBase, { "content-type": "application/json" });
  response.end(JSON.stringify(isOrder ? ORDER : { resourceType: "OperationOutcome", issue: [] }));
});
console.warn = () => {};
(async () => {
  ehr.listen(0, "127.0.0.1");
  await once(ehr, "listening");
  const client = smart({ url: "/", headers: { host: "app.example" }, socket: {} }, {}, {}).client(
    `http://127.0.0.1:${ehr.address().port}/fhir`);
  const read = () => client.request("MedicationRequest/1",
                                    { resolveReferences: ["medicationReference"] });
  statusOfTheBase = 404;
  const order = await read();
  console.log("asked for", paths.join(" and "), "->", JSON.stringify(order.medicationReference));
  assert.deepStrictEqual(paths, ["/fhir/MedicationRequest/1", "/fhir/"]);
  assert.deepStrictEqual(order.medicationReference, { reference: "#med" });
  statusOfTheBase = 400;
  const failure = await read().then(() => "", (error) => error.message.split("\n")[0]);
  console.log("base answers 400 ->", failure);
  assert.match(failure, /400/);
})().finally(() => ehr.close());
NODE
