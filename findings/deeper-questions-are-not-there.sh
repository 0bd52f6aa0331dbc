#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): FHIRPath's "repeat" and "descendants" go down to every depth (N1, §5.2.3
# and §5.8.2). In this implementation they find nothing, whatever they are asked for, like "children",
# and like trim, split and encode, which are FHIRPath's too. It is no error, as an unknown function is:
# the answer to a question inside a group does not exist, and a rule that forbids it is met. fhirpath
# 5.2.2 (npm) finds both answers.
# Seen: repeat(item) [] and exists() false; trim and split []; fhirpath "penicillin", true; an error for
# an unknown function in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" \
  @medplum/core@5.2.13 fhirpath@5.2.2 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { evalFhirPath } = require("@medplum/core");
const { evaluate } = require("fhirpath");
const r4 = require("fhirpath/fhir-context/r4");

const answers = { resourceType: "QuestionnaireResponse", status: "completed", item: [
  { linkId: "allergies", item: [{ linkId: "substance", answer: [{ valueString: "penicillin" }] }] }] };
for (const [expression, found, right] of [
  ["QuestionnaireResponse.repeat(item).where(linkId = 'substance').answer.value", [], ["penicillin"]],
  ["QuestionnaireResponse.repeat(item).where(linkId = 'substance').exists()", [false], [true]],
  ["QuestionnaireResponse.descendants().where(linkId = 'substance').exists()", [false], [true]],
  ["QuestionnaireResponse.children().exists()", [false], [true]],
  ["' penicillin '.trim()", [], ["penicillin"]],
  ["'penicillin,latex'.split(',')", [], ["penicillin", "latex"]],
]) {
  const medplum = evalFhirPath(expression, answers);
  const fhirpath = evaluate(answers, expression, {}, r4);
  console.log(expression, "->", JSON.stringify(medplum), "fhirpath:", JSON.stringify(fhirpath));
  assert.deepStrictEqual([medplum, fhirpath], [found, right]);
}
assert.throws(() => evalFhirPath("'a'.unknown()", answers));
assert.throws(() => evaluate(answers, "'a'.unknown()", {}, r4));
NODE
