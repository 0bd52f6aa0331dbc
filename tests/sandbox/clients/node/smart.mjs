// Somebody else's SMART app: npm fhirclient as it comes, with its server adapter.
// It shows what it was told as JSON. Its settings are the one argument, as JSON.
import { createServer } from "node:http";
import { webcrypto } from "node:crypto";
import smart from "fhirclient";

// Node 18 hides it behind a flag.
globalThis.crypto ??= webcrypto;

const settings = JSON.parse(process.argv[2]);
const origin = `http://127.0.0.1:${settings.port}`;
const session = {};
const kid = `key-of-${settings.client_id}`;
const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, ["sign", "verify"]);

function credentials() {
  if (settings.auth_method === "none") return {};
  if (settings.auth_method === "client_secret_basic") return { clientSecret: settings.secret };
  return { clientPrivateJwk: { key: pair.privateKey, kid, alg: "ES384" } };
}

async function jwks() {
  const { key_ops, ext, ...jwk } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { keys: [{ ...jwk, kid, use: "sig" }] };
}

// Without a scope in the settings the library asks for what it asks for by itself.
function options() {
  const scope = settings.app_scope === undefined ? {} : { scope: settings.app_scope };
  return { clientId: settings.client_id, redirectUri: `${origin}/callback`, ...scope, ...credentials() };
}

async function outcome(promise) {
  try { return await promise; } catch (error) { return String(error.message).split("\n")[0]; }
}

async function told(client) {
  const { access_token: first, scope, need_patient_banner: banner } = client.state.tokenResponse;
  const patient = await outcome(client.patient.read());
  const conditions = await outcome(client.patient.request("Condition", { pageLimit: 0, flat: true }));
  const refreshed = await outcome(Promise.resolve().then(() => client.refresh()));
  return {
    patient: client.patient.id, encounter: client.encounter.id, user: client.user.fhirUser, scope, banner,
    read: patient.id ?? patient, conditions: conditions.length,
    refreshed: refreshed?.tokenResponse ? refreshed.tokenResponse.access_token !== first : refreshed,
  };
}

async function answer(request, response) {
  request.session = session;
  const { pathname } = new URL(request.url, origin);
  const show = (value) => response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  if (pathname === "/jwks.json") return show(await jwks());
  const api = smart(request, response);
  if (pathname === "/launch") return api.authorize(options());
  if (pathname === "/start") return api.authorize({ ...options(), iss: settings.fhir_base_url });
  return show(await told(await api.ready({ privateKey: credentials().clientPrivateJwk })));
}

createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(String(error.stack)));
}).listen(settings.port, "127.0.0.1");
