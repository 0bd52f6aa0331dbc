#!/usr/bin/env bash
# openid-client 6.9.0 (npm) and Authlib 1.9.9 (PyPI): a server's smart-configuration looks like the
# metadata of OAuth 2 (RFC 8414), and both read that. But SMART App Launch 2.2 (Conformance, Metadata)
# wants `issuer` only of servers with sso-openid-connect ("otherwise, omitted") and does not require
# `response_types_supported`, which RFC 8414 does, so that the document of a server without OpenID
# Connect, correct to the letter, is refused before anything is asked.
# Seen: openid-client OAUTH_INVALID_RESPONSE; Authlib '"issuer" is required', then
# '"response_types_supported" is required'.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" openid-client@6.9.0 >/dev/null
cat > discover.mjs <<'NODE'
import assert from "node:assert";
import { once } from "node:events";
import http from "node:http";
import { allowInsecureRequests, discovery } from "openid-client";

const metadata = {
  authorization_endpoint: "https://ehr.example/authorize",
  token_endpoint: "https://ehr.example/token",
  grant_types_supported: ["authorization_code"], code_challenge_methods_supported: ["S256"],
  capabilities: ["launch-ehr", "client-public", "context-ehr-patient", "permission-v2"],
};
const ehr = http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(metadata));
});
ehr.listen(0, "127.0.0.1");
await once(ehr, "listening");
const base = `http://127.0.0.1:${ehr.address().port}/fhir`;
const discovered = () => discovery(new URL(`${base}/.well-known/smart-configuration`), "my-app",
                                   undefined, undefined, { execute: [allowInsecureRequests] })
  .then(() => "read", (error) => error.code);
const without = await discovered();
metadata.issuer = base;
const withIssuer = await discovered();
ehr.close();
console.log("openid-client: without issuer:", without, "with:", withIssuer);
assert.deepStrictEqual([without, withIssuer], ["OAUTH_INVALID_RESPONSE", "read"]);
NODE
node discover.mjs
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet authlib==1.9.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

METADATA = {
    "authorization_endpoint": "https://ehr.example/authorize",
    "token_endpoint": "https://ehr.example/token",
    "grant_types_supported": ["authorization_code"],
    "code_challenge_methods_supported": ["S256"],
    "capabilities": ["launch-ehr", "client-public", "context-ehr-patient", "permission-v2"],
}
for issuer, expected in (
    ({}, '"issuer" is required'),
    ({"issuer": "https://ehr.example"}, '"response_types_supported" is required'),
):
    try:
        AuthorizationServerMetadata(METADATA | issuer).validate()
    except ValueError as error:
        print("Authlib:", error)
        assert str(error) == expected
    else:
        raise SystemExit("Authlib reads a smart-configuration now")
PYTHON
