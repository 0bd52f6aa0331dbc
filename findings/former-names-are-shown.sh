#!/usr/bin/env bash
# @medplum/core 5.2.13 (npm): which of a patient's names is in force is in its "use", a modifier (R4
# datatypes.html#HumanName): an "old" one is not used any more. `getDisplayString`, which says who a
# patient is, takes the first name of the list whatever its use. Where a server lists the former name
# first, the patient has it again, though it ended, and though the patient may not want it to be seen.
# Seen: "Ann Former" where the old name is first, "Ann Current" where it is second; "Nan" for a nickname.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @medplum/core@5.2.13 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
globalThis.WebSocket ??= class extends EventTarget {}; // the package wants one, Node.js 20 has none
const { getDisplayString } = require("@medplum/core");

const current = { use: "official", given: ["Ann"], family: "Current" };
const former = { use: "old", given: ["Ann"], family: "Former", period: { end: "2020-05-03" } };
for (const [name, expected] of [
  [[former, current], "Ann Former"],
  [[current, former], "Ann Current"],
  [[{ use: "nickname", given: ["Nan"] }, current], "Nan"],
]) {
  const written = getDisplayString({ resourceType: "Patient", name });
  console.log(name.map(({ use }) => use), "->", written);
  assert.strictEqual(written, expected);
}
NODE
