#!/usr/bin/env bash
# @imranq2/fhir-to-csv 1.0.15 (npm) makes tables of FHIR resources. The answers of a QuestionnaireResponse
# are in item.answer.value[x] (R4 questionnaireresponse.html). The package looks for the value in the item
# itself, where it never is, and leaves columns without values empty: the row of who answered is that of who
# did not. A result of 0 is left out too, so that its unit stands alone, and of "<5" the 5 is left. One of
# its own dependencies is on no registry; here it has the one that npm has.
# Seen: id and status only, with two answers and with none; valueUnit "mL" without a value for 0; 5 for <5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >package.json <<'JSON'
{ "dependencies": { "@imranq2/fhir-to-csv": "1.0.15" }, "overrides": { "xlsx": "0.18.5" } }
JSON
npm install --silent --no-audit --no-fund >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { FHIRBundleConverter } = require("@imranq2/fhir-to-csv/lib/fhir_bundle_converter");

const result = (id, quantity) => ({
  resourceType: "Observation", id, status: "final", code: { text: "Residual urine" },
  valueQuantity: { unit: "mL", system: "http://unitsofmeasure.org", code: "mL", ...quantity } });
const answers = { resourceType: "QuestionnaireResponse", status: "completed" };
const item = [{ linkId: "allergic", answer: [{ valueBoolean: true }] },
              { linkId: "to what", answer: [{ valueString: "penicillin" }] }];
const entry = [{ ...answers, id: "1", item }, { ...answers, id: "2" },
               result("none", { value: 0 }), result("some", { value: 5 }),
               result("less", { value: 5, comparator: "<" })].map((resource) => ({ resource }));
const bundle = { resourceType: "Bundle", type: "collection", entry };
// what is undefined becomes an empty field of the CSV
const tables = JSON.parse(JSON.stringify(new FHIRBundleConverter().convertBundleToDictionaries(bundle)));
console.log(tables.QuestionnaireResponse);
assert.deepStrictEqual(tables.QuestionnaireResponse,
  [{ id: "1", status: "completed" }, { id: "2", status: "completed" }]);
const results = tables.Observation.map(({ id, value, valueUnit }) => [id, value, valueUnit]);
console.log(results);
assert.deepStrictEqual(results,
  [["none", undefined, "mL"], ["some", 5, "mL"], ["less", 5, "mL"]]);
assert(!JSON.stringify(tables).includes("<"));
NODE
