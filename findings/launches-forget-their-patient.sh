#!/usr/bin/env bash
# oidc-client-ts 3.5.0 (npm): SMART App Launch gives the patient, the encounter and the other launch
# context beside the access token in the token response. The response of the code exchange still has
# them. The User that is made of it, which UserManager returns, stores and finds again, has a fixed list
# of members: the token, its scopes and the ID token's claims. The app has access, and does not know
# whose.
# Seen: response patient 123, encounter 45; user and stored user: none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" oidc-client-ts@3.5.0 >/dev/null
node --input-type=module - <<'NODE'
import assert from "node:assert";
import { once } from "node:events";
import http from "node:http";
import { InMemoryWebStorage, OidcClient, UserManager, WebStorageStateStore } from "oidc-client-ts";

const ehr = http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ access_token: "access", token_type: "Bearer", expires_in: 3600,
    scope: "launch patient/Observation.rs", patient: "123", encounter: "45",
    need_patient_banner: true }));
});
ehr.listen(0, "127.0.0.1");
await once(ehr, "listening");
const base = `http://127.0.0.1:${ehr.address().port}`;
const kept = () => new WebStorageStateStore({ store: new InMemoryWebStorage() });
const settings = { authority: base, client_id: "my-app", redirect_uri: "https://app.example/cb",
  scope: "launch patient/Observation.rs", extraQueryParams: { aud: `${base}/fhir`, launch: "1" },
  metadata: { issuer: base, authorization_endpoint: `${base}/authorize`,
              token_endpoint: `${base}/token` },
  stateStore: kept(), userStore: kept(), automaticSilentRenew: false };
const callback = async () => {
  const { url } = await new OidcClient(settings).createSigninRequest({});
  return `https://app.example/cb?code=1&state=${new URL(url).searchParams.get("state")}`;
};
const context = ({ patient, encounter }) => ({ patient, encounter });

const response = await new OidcClient(settings).processSigninResponse(await callback());
console.log("response:", context(response));
assert.deepStrictEqual(context(response), { patient: "123", encounter: "45" });
const manager = new UserManager(settings);
const user = await manager.signinRedirectCallback(await callback());
const stored = await manager.getUser();
manager.events.unload();
ehr.close();
for (const [name, found] of Object.entries({ user, stored })) {
  console.log(`${name}:`, context(found), Object.keys(found).join(" "));
  assert.strictEqual(found.access_token, "access");
  assert.deepStrictEqual(context(found), { patient: undefined, encounter: undefined });
  assert(!JSON.stringify(found).includes("123"));
}
NODE
