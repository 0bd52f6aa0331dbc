#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): a ConceptMap may say of a code that nothing corresponds to it (unmatched),
# or that another one is expressly not the same (disjoint). Of a translation, "the value can only be true
# if at least one returned match has an equivalence which is not unmatched or disjoint" (R4,
# ConceptMap/$translate, result). `conceptMapTranslate` answers true for both: who asks whether there is a
# translation, and takes its code, codes the one thing that the map says it is not.
# Seen: result true with the match "disjoint", and with "unmatched"; false for a code that is not listed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { conceptMapTranslate } = require("@medplum/core");

const system = "http://hospital.example/allergens";
const map = { resourceType: "ConceptMap", status: "active", group: [{
  source: system, target: "http://hospital.example/foods", element: [
    { code: "coconut", target: [{ code: "nuts", equivalence: "disjoint",
                                  comment: "A coconut is no nut." }] },
    { code: "latex", target: [{ equivalence: "unmatched", comment: "Latex is no food." }] },
    { code: "hazelnut", target: [{ code: "nuts", equivalence: "wider" }] }] }] };
for (const [code, result, equivalence] of [
  ["hazelnut", true, "wider"],
  ["coconut", true, "disjoint"],
  ["latex", true, "unmatched"],
  ["dust", false, undefined],
]) {
  const answer = conceptMapTranslate(map, { system, code });
  console.log(code, "->", JSON.stringify(answer));
  assert.strictEqual(answer.result, result);
  assert.strictEqual(answer.match?.[0]?.equivalence, equivalence);
}
NODE
