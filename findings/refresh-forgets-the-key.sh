#!/usr/bin/env bash
# fhirclient 2.6.3 (npm): an app that is registered with a public key signs an assertion when it
# exchanges the code, but not when it refreshes: that request has the refresh token alone. SMART App
# Launch 2.2 wants a confidential client authenticated at both. The launch works, and the EHR
# refuses the first refresh. An app with a client secret is authenticated at both.
# Seen: exchange with client_assertion; refresh with grant_type and refresh_token only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --omit=optional --prefix "$folder" fhirclient@2.6.3 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { generateKeyPairSync } = require("node:crypto");
const { once } = require("node:events");
const http = require("node:http");
const smart = require("fhirclient");

const requests = [];
const ehr = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => {
    response.setHeader("content-type", "application/json");
    if (request.url.endsWith("/.well-known/smart-configuration")) {
      response.end(JSON.stringify({ authorization_endpoint: `${base}/authorize`,
                                    token_endpoint: `${base}/token`,
                                    code_challenge_methods_supported: ["S256"] }));
      return;
    }
    requests.push({ members: [...new URLSearchParams(body).keys()].sort(),
                    authorization: request.headers.authorization });
    response.end(JSON.stringify({ access_token: "access", token_type: "Bearer", expires_in: 1,
                                  refresh_token: "refresh", patient: "1",
                                  scope: "launch offline_access patient/*.rs" }));
  });
});
let base;
(async () => {
  ehr.listen(0, "127.0.0.1");
  await once(ehr, "listening");
  base = `http://127.0.0.1:${ehr.address().port}`;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const clientPrivateJwk = { ...privateKey.export({ format: "jwk" }), alg: "ES384", kid: "1",
                             key_ops: ["sign"] };
  const kept = {};
  const storage = { get: async (key) => kept[key], unset: async (key) => delete kept[key],
                    set: async (key, value) => { kept[key] = value; return value; } };
  const at = (url) => smart({ url, headers: { host: "app.example" }, socket: {} }, {}, storage);
  const sent = await at(`/launch?launch=1&iss=${encodeURIComponent(`${base}/fhir`)}`).authorize({
    clientId: "my-app", clientPrivateJwk, noRedirect: true, redirectUri: "https://app.example/cb",
    scope: "launch offline_access patient/*.rs" });
  const state = new URL(sent).searchParams.get("state");
  const client = await at(`/cb?code=1&state=${state}`).ready();
  await client.refreshIfNeeded();
  const [exchange, refresh] = requests;
  console.log("exchange:", exchange.members.join(" "));
  console.log("refresh:", refresh.members.join(" "));
  assert(exchange.members.includes("client_assertion"));
  assert.deepStrictEqual(refresh, { members: ["grant_type", "refresh_token"],
                                    authorization: undefined });
})().finally(() => ehr.close());
NODE
