#!/usr/bin/env bash
# @node-oauth/express-oauth-server 4.2.0 on @node-oauth/oauth2-server 5.3.0 (npm): a person who allows
# an app is redirected to it with a code. One who denies it gets the Location of the app's redirect URI,
# with error and state as RFC 6749 §4.1.2.1 has it, under status 400 and with JSON. No browser follows
# that: the person is left with {"error":"access_denied"}, and the app waits for an answer that was
# written for it. So it is with a scope that is not given.
# Seen: allowed: 302 to the app; denied: 400, with a Location that names the app.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund express@4.22.3 \
    @node-oauth/express-oauth-server@4.2.0 @node-oauth/oauth2-server@5.3.0 >/dev/null
cat >denial.js <<'JAVASCRIPT'
const assert = require("node:assert");
const express = require("express");
const OAuthServer = require("@node-oauth/express-oauth-server");

const client = {
  id: "my-app",
  grants: ["authorization_code"],
  redirectUris: ["https://app.example/callback"],
};
const model = {
  getClient: async () => client,
  saveAuthorizationCode: async (code) => code,
  getAuthorizationCode: async () => null,
  getAccessToken: async () => null,
  saveToken: async (token) => token,
};
const oauth = new OAuthServer({ model });
const app = express();
app.get("/authorize", oauth.authorize({ authenticateHandler: { handle: () => ({ id: 1 }) } }));
const server = app.listen(0, "127.0.0.1", async () => {
  const ask = (more) =>
    fetch(
      `http://127.0.0.1:${server.address().port}/authorize?response_type=code&client_id=my-app` +
        `&redirect_uri=https://app.example/callback&state=s1${more}`,
      { redirect: "manual" },
    );
  const allowed = await ask("");
  const denied = await ask("&allowed=false");
  for (const [name, answer] of Object.entries({ allowed, denied })) {
    const location = answer.headers.get("location").replace(/code=\w+/, "code=…");
    console.log(`${name}: ${answer.status}, Location ${location}`);
  }
  assert.equal(allowed.status, 302);
  assert.equal(denied.status, 400);
  assert.match(denied.headers.get("location"), /^https:\/\/app\.example\/callback\?error=access_denied/);
  server.close();
});
JAVASCRIPT
node denial.js
