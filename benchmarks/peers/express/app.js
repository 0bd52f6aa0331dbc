// openid-client on express, as both document it: private_key_jwt, PKCE, state and nonce; sessions in
// memory. No database, and no row of a launch.
import express from "express";
import session from "express-session";
import * as oidc from "openid-client";

const publicUrl = process.env.PUBLIC_URL;
const bases = process.env.EHRS.split(" ");
const { CLIENT_ID, SCOPE, PORT, SECRET_KEY } = process.env;

const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384", modulusLength: 2048 };
const { privateKey, publicKey } = await crypto.subtle.generateKey(
  { ...algorithm, publicExponent: new Uint8Array([1, 0, 1]) }, true, ["sign", "verify"],
);
const kid = crypto.randomUUID();
const published = await crypto.subtle.exportKey("jwk", publicKey);
const jwks = { keys: [{ ...published, kid, alg: "RS384", use: "sig" }] };

async function configured(base) {
  const answer = await fetch(`${base}/.well-known/smart-configuration`);
  const configuration = new oidc.Configuration(
    await answer.json(), CLIENT_ID, {}, oidc.PrivateKeyJwt({ key: privateKey, kid }),
  );
  oidc.allowInsecureRequests(configuration);
  return configuration;
}

const configurations = new Map();
for (const base of bases) configurations.set(base, await configured(base));

const app = express();
app.get("/healthz", (_, response) => response.send("ok\n"));
app.get("/jwks.json", (_, response) => response.set("Cache-Control", "max-age=300").json(jwks));
app.use(session({ secret: SECRET_KEY, resave: false, saveUninitialized: false }));

app.get("/launch", async (request, response) => {
  const iss = request.query.iss;
  const codeVerifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  request.session.pending = { iss, codeVerifier, state, nonce };
  const url = oidc.buildAuthorizationUrl(configurations.get(iss), {
    redirect_uri: `${publicUrl}/callback`, scope: SCOPE, aud: iss, launch: request.query.launch,
    state, nonce, code_challenge_method: "S256",
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
  });
  response.redirect(url.href);
});

app.get("/callback", async (request, response) => {
  const { iss, codeVerifier, state, nonce } = request.session.pending;
  const tokens = await oidc.authorizationCodeGrant(
    configurations.get(iss), new URL(request.originalUrl, publicUrl),
    { pkceCodeVerifier: codeVerifier, expectedState: state, expectedNonce: nonce },
  );
  await new Promise((done, failed) =>
    request.session.regenerate((error) => (error ? failed(error) : done())));
  request.session.launch = { iss, tokens };
  response.redirect("/page");
});

const server = app.listen(Number(PORT), "127.0.0.1");
server.keepAliveTimeout = 120_000;
