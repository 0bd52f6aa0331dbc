// Somebody else's SMART app: openid-client as it comes, with a key set, a launch and a callback.
// It shows what it was told as JSON. Its settings are the one argument, as JSON.
import { createServer } from "node:http";
import { webcrypto } from "node:crypto";
import * as openid from "openid-client";

// Node 18 hides both behind a flag.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

const settings = JSON.parse(process.argv[2]);
const origin = `http://127.0.0.1:${settings.port}`;
const algorithms = {
  RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ES384: { name: "ECDSA", namedCurve: "P-384" },
};
const kid = `key-of-${settings.client_id}`;
const pair = await crypto.subtle.generateKey(algorithms[settings.alg ?? "ES384"], true, ["sign", "verify"]);
const waiting = new Map();
let discovered;

function authentication() {
  if (settings.auth_method === "none") return openid.None();
  if (settings.auth_method === "client_secret_basic") return openid.ClientSecretBasic(settings.secret);
  const hook = settings.audience && {
    [openid.modifyAssertion]: (_header, payload) => { payload.aud = settings.audience; },
  };
  return openid.PrivateKeyJwt({ key: pair.privateKey, kid }, hook);
}

async function configuration() {
  discovered ??= await openid.discovery(
    new URL(settings.issuer), settings.client_id, undefined, authentication(),
    { execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks] },
  );
  return discovered;
}

async function jwks() {
  const { key_ops, ext, ...jwk } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { keys: [{ ...jwk, kid, use: "sig" }] };
}

async function start(url) {
  const [state, nonce, verifier] = [openid.randomState(), openid.randomNonce(), openid.randomPKCECodeVerifier()];
  waiting.set(state, { nonce, verifier });
  const parameters = {
    redirect_uri: `${origin}/callback`, scope: settings.scope, aud: settings.fhir_base_url, state, nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  if (url.searchParams.has("launch")) parameters.launch = url.searchParams.get("launch");
  return openid.buildAuthorizationUrl(await configuration(), parameters);
}

async function readPatient(tokens, patient) {
  const address = new URL(`${settings.fhir_base_url}/Patient/${patient}`);
  return openid.fetchProtectedResource(await configuration(), tokens.access_token, address, "GET");
}

async function refusal(promise) {
  try { await promise; } catch (error) { return error.error ?? error.status ?? String(error); }
  return null;
}

async function callback(url) {
  const config = await configuration();
  const { nonce, verifier } = waiting.get(url.searchParams.get("state"));
  const tokens = await openid.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: url.searchParams.get("state"), idTokenExpected: true,
  });
  const read = await readPatient(tokens, tokens.patient);
  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token, { scope: tokens.scope });
  const told = {
    claims: tokens.claims(), token_type: tokens.token_type, expires_in: tokens.expires_in,
    scope: tokens.scope, patient: tokens.patient, encounter: tokens.encounter ?? null,
    read: { status: read.status, body: await read.json() },
    refreshed: { scope: refreshed.scope, patient: refreshed.patient, is_new: refreshed.access_token !== tokens.access_token },
    introspection: settings.auth_method === "none"
      ? await refusal(openid.tokenIntrospection(config, refreshed.access_token))
      : await openid.tokenIntrospection(config, refreshed.access_token),
  };
  await openid.tokenRevocation(config, refreshed.refresh_token);
  const after = { refresh: await refusal(openid.refreshTokenGrant(config, refreshed.refresh_token, { scope: tokens.scope })) };
  after.read = await readPatient(refreshed, tokens.patient).then((r) => r.status, (e) => e.status);
  return { ...told, after };
}

async function service() {
  const tokens = await openid.clientCredentialsGrant(await configuration(), { scope: settings.scope });
  return { ...tokens, expires_in: tokens.expires_in, access_token: typeof tokens.access_token };
}

async function answer(request, response) {
  const url = new URL(request.url, origin);
  if (["/start", "/launch"].includes(url.pathname)) {
    response.writeHead(302, { Location: (await start(url)).href }).end();
    return;
  }
  const told = await { "/jwks.json": jwks, "/callback": callback, "/service": service }[url.pathname](url);
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "max-age=300" }).end(JSON.stringify(told));
}

createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(`${error.stack}\n${error.cause?.message}\n${JSON.stringify(error.cause ?? null)}`));
}).listen(settings.port, "127.0.0.1");
