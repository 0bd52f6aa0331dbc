#!/usr/bin/env bash
# @synanetics/fhir-translate 1.2.0 (npm) translates codes by a FHIR ConceptMap. Its equivalence is of the target
# to the source: "wider" says that the target means more, as E14, unspecified diabetes, of type 2 diabetes (R4
# valueset-concept-map-equivalence.html). Asked in reverse, source and target change places (R4
# conceptmap-operation-translate.html, reverse), and what was wider is narrower. The package answers with the
# word that stands in the map: type 2 diabetes is wider than diabetes, so that everybody with diabetes has it.
# A group may name one code for all that it does not list, such as R69, unknown cause (ConceptMap
# group.unmapped, fixed). It is called equivalent to each of them.
# Seen: "wider" in both directions; a heart attack is "equivalent" to an unknown cause of morbidity.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" \
  @synanetics/fhir-translate@1.2.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { conceptMapTranslate } = require("@synanetics/fhir-translate");

const SNOMED = "http://snomed.info/sct";
const ICD = "http://hl7.org/fhir/sid/icd-10";
const map = { resourceType: "ConceptMap", status: "active", group: [{
  source: SNOMED, target: ICD,
  element: [{ code: "44054006", display: "Type 2 diabetes mellitus", target: [
    { code: "E14", display: "Unspecified diabetes mellitus", equivalence: "wider" }] }],
  unmapped: { mode: "fixed", code: "R69", display: "Unknown and unspecified causes of morbidity" },
}] };
const translate = (system, code, reverse) => {
  const parameter = [{ name: "coding", valueCoding: { system, code } },
                     { name: "reverse", valueBoolean: reverse }];
  const answer = conceptMapTranslate({
    fhirVersion: "r4", conceptMaps: [map], parameters: { resourceType: "Parameters", parameter } });
  const { part } = answer.parameter.find(({ name }) => name === "match");
  console.log(code, "->", part[1].valueCoding.display, "is", part[0].valueCode);
  return [part[1].valueCoding.code, part[0].valueCode];
};
assert.deepStrictEqual(translate(SNOMED, "44054006", false), ["E14", "wider"]);
assert.deepStrictEqual(translate(ICD, "E14", true), ["44054006", "wider"]);
assert.deepStrictEqual(translate(SNOMED, "22298006", false), ["R69", "equivalent"]);
NODE
