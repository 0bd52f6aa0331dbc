// Somebody else's EHR: oidc-provider as it comes, with what SMART App Launch adds to OpenID
// Connect by its documented hooks, and a FHIR server with two people. Whoever comes is signed in
// and has said yes. Refresh tokens rotate, and reuse of one ends the grant: both are oidc-provider's
// own. Its settings (port, clients, launch_url) are the one argument, as JSON.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { errors, Provider } from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const origin = `http://127.0.0.1:${settings.port}`;
const base = `${origin}/fhir`;
const launches = new Set();
const log = [];

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const signingKey = { ...privateKey.export({ format: "jwk" }), alg: "RS256", use: "sig", kid: "ehr-1" };

function checkAudience(_ctx, aud) {
  if (aud !== base) throw new errors.InvalidRequest("aud is not this EHR");
}

function checkLaunch(ctx, launch) {
  const asked = (ctx.oidc.params.scope ?? "").split(" ");
  if (asked.includes("launch") && !launches.delete(launch)) {
    throw new errors.InvalidRequest("unknown launch");
  }
}

const provider = new Provider(origin, {
  clients: settings.clients,
  jwks: { keys: [signingKey] },
  cookies: { keys: ["only for tests"] },
  scopes: [
    "openid", "offline_access", "launch", "launch/patient",
    "patient/Patient.rs", "patient/Observation.rs", "system/Patient.rs",
  ],
  claims: { openid: ["sub"], fhirUser: ["fhirUser"] },
  conformIdTokenClaims: false,
  extraParams: { aud: checkAudience, launch: checkLaunch },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  enabledJWA: { clientAuthSigningAlgValues: ["RS384", "ES384"] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  // OpenID Connect takes offline_access away where nobody was asked (prompt=consent), SMART does
  // not know that: the scope is missing from what is granted, and the refresh token is given.
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed("refresh_token"),
  expiresWithSession: async () => false,
  // Its guard against private addresses would refuse a client on this machine.
  fetch: (url, { dispatcher: _guard, ...options }) => fetch(url, options),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, fhirUser: `${base}/Practitioner/${id}` }),
  }),
  loadExistingGrant: async (ctx) => {
    const { client, session, params } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route !== "token" && ctx.oidc?.route !== "revocation") return;
  const { client, params } = ctx.oidc;
  log.push({
    route: ctx.oidc.route, grant: params?.grant_type ?? null, client: client?.clientId ?? null,
    status: ctx.status, error: ctx.body?.error ?? null, why: ctx.body?.error_description ?? null,
  });
  const scopes = (ctx.body?.scope ?? "").split(" ");
  if (ctx.body?.access_token && scopes.some((scope) => scope.startsWith("launch"))) {
    ctx.body.patient = "p-1";
    ctx.body.need_patient_banner = true;
  }
});
provider.on("grant.revoked", (ctx) => log.push({ route: "grant revoked", client: ctx.oidc.client?.clientId ?? null }));
provider.on("server_error", (_ctx, error) => console.error(error));

const smartConfiguration = {
  issuer: origin,
  authorization_endpoint: `${origin}/auth`,
  token_endpoint: `${origin}/token`,
  introspection_endpoint: `${origin}/token/introspection`,
  revocation_endpoint: `${origin}/token/revocation`,
  jwks_uri: `${origin}/jwks`,
  code_challenge_methods_supported: ["S256"],
  authorization_response_iss_parameter_supported: true,
  capabilities: [
    "launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
    "client-confidential-asymmetric", "sso-openid-connect", "context-ehr-patient",
    "context-standalone-patient", "context-banner", "permission-offline", "permission-patient",
    "permission-user", "permission-v2",
  ],
};
const records = {
  "/Patient/p-1": {
    resourceType: "Patient", id: "p-1", gender: "female", birthDate: "1980-04-05",
    name: [{ family: "Elsewhere", given: ["Ida"] }],
  },
  "/Practitioner/d-1": {
    resourceType: "Practitioner", id: "d-1", name: [{ family: "Otherwise", prefix: ["Dr."] }],
  },
};

function send(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

async function fhir(request, response, path) {
  if (path === "/.well-known/smart-configuration") return send(response, 200, smartConfiguration);
  const value = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const token = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value));
  if (!token || token.isExpired) return send(response, 401, { error: "invalid_token" });
  if (records[path]) return send(response, 200, records[path]);
  const isSearch = !path.slice(1).includes("/");
  return isSearch
    ? send(response, 200, { resourceType: "Bundle", type: "searchset", total: 0, entry: [] })
    : send(response, 404, { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "not-found" }] });
}

function open(response) {
  const launch = randomUUID();
  launches.add(launch);
  const query = new URLSearchParams({ iss: base, launch });
  response.writeHead(302, { Location: `${settings.launch_url}?${query}` }).end();
}

const oidc = provider.callback();
createServer((request, response) => {
  const { pathname } = new URL(request.url, origin);
  if (pathname.startsWith("/fhir/")) return fhir(request, response, pathname.slice("/fhir".length));
  if (pathname === "/open") return open(response);
  if (pathname === "/log") return send(response, 200, log);
  if (pathname.startsWith("/interaction/")) {
    return provider.interactionFinished(request, response, { login: { accountId: "d-1" } });
  }
  return oidc(request, response);
}).listen(settings.port, "127.0.0.1");
