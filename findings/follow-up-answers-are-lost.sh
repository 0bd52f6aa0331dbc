#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): a question may depend on the answer before it, and its own answer then lies
# inside that answer (R4 QuestionnaireResponse.item.answer.item): allergic, yes; to what, penicillin. The
# functions that give all answers by their linkId go down into items, and not into answers: that there
# is an allergy is among them, to what is not, as if it had not been answered.
# Seen: getQuestionnaireAnswers and getAllQuestionnaireAnswers have "allergic" and "reaction" of a group,
# and no "substance".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const core = require("@medplum/core");

const substance = { linkId: "substance", answer: [{ valueString: "penicillin" }] };
const response = { resourceType: "QuestionnaireResponse", status: "completed", item: [
  { linkId: "allergic", answer: [{ valueBoolean: true, item: [substance] }] },
  { linkId: "group", item: [{ linkId: "reaction", answer: [{ valueString: "rash" }] }] }] };
for (const name of ["getQuestionnaireAnswers", "getAllQuestionnaireAnswers"]) {
  const answers = core[name](response);
  console.log(name, "->", Object.keys(answers).join(" "));
  assert.deepStrictEqual(Object.keys(answers), ["allergic", "reaction"]);
}
NODE
