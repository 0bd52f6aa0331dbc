#!/usr/bin/env bash
# fhir-kit-client 2.0.3 (npm): a reference is looked up among a Bundle's fullUrls as the pattern of a
# regular expression. The dot that an id may have matches any character, so that "Patient/a.b" is
# answered with the patient a1b if that one stands first. In a conditional reference, which a
# transaction may have (http.html#transaction), the "|" of a token means "or": the search for a patient
# is answered with whatever resource has a fullUrl that ends like the patient's number, here the
# observation that refers to the patient.
# Seen: Patient/a.b is patient a1b; Patient?identifier=...|123 is an Observation.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fhir-kit-client@2.0.3 >/dev/null
node --input-type=module - <<'NODE'
import assert from "node:assert";
import { Client } from "fhir-kit-client";

const base = "https://ehr.example/fhir";
const entry = (fullUrl, resource) => ({ fullUrl, resource });
const client = new Client({ baseUrl: base });
const patients = { resourceType: "Bundle", type: "searchset", entry: [
  entry(`${base}/Patient/a1b`, { resourceType: "Patient", id: "a1b" }),
  entry(`${base}/Patient/a.b`, { resourceType: "Patient", id: "a.b" })] };
const patient = await client.resolve({ reference: "Patient/a.b", context: patients });
console.log("Patient/a.b is answered with", patient.resourceType, patient.id);
assert.strictEqual(patient.id, "a1b");

const conditional = "Patient?identifier=https://hospital.example/mrn|123";
const transaction = { resourceType: "Bundle", type: "transaction", entry: [
  entry("urn:uuid:7f3f0b5e-6a62-4d2e-9d4c-3a1c6e5f0123", { resourceType: "Observation",
    status: "final", code: { text: "Weight" }, subject: { reference: conditional } })] };
const subject = await client.resolve({ reference: conditional, context: transaction });
console.log(conditional, "is answered with", subject.resourceType);
assert.strictEqual(subject.resourceType, "Observation");
NODE
