"""A scripted EHR: real HTTP on a loopback port, in its own thread.

It has no pages: its authorization endpoint redirects back at once with a code. At every token
request it fetches the client's JWKS over HTTP, without a cache, and checks the assertion with it.
This reveals an app that cannot serve its keys while it waits. Its responses are members that a test
may replace.
"""

import asyncio
import hashlib
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID = "scripted-client"
CANARY = "CANARY"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _at_hash(access_token: str) -> str:
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return urlsafe_b64encode(half).rstrip(b"=").decode()


class ScriptedEHR:
    """An EHR with one client. Every secret that it makes contains CANARY, so that tests can search
    for it."""

    key = RSAKey.generate_key(2048, parameters={"kid": "ehr-1", "use": "sig", "alg": "RS256"})

    def __init__(self) -> None:
        self.base = ""
        self.client_jwks_url = ""
        self.asks_for_keys = True
        self.patient = "p-1"
        self.expires_in: object = 3600
        self.scope: str | None = None
        self.token_delay = 0.0
        self.discovery: dict[str, Any] = {}
        self.openid: dict[str, Any] = {}
        self.publishes_openid = True
        self.issuer_path = "/issuer"
        self.keys_path = "/issuer/keys"
        self.context: dict[str, Any] = {"need_patient_banner": True}
        self.id_token_claims: dict[str, Any] = {}
        self.refresh_token: str | None = "refresh"
        self.token_answer: Answer | None = None
        self.fhir_answer: Answer | None = None
        self.discovery_answer: Answer | None = None
        self.openid_answer: Answer | None = None
        self.keys_answer: Answer | None = None
        self.id_token_header: dict[str, Any] = {"alg": "RS256", "kid": "ehr-1"}
        self.checks_code_verifier = True
        self.revoke_status = 200
        self.revoke_answer: Answer | None = None
        self.revocations: list[dict[str, str]] = []
        # Merged into the introspection response; None removes a member.
        self.introspection: dict[str, Any] = {}
        self.introspection_answer: Answer | None = None
        self.introspections: list[tuple[str, dict[str, str]]] = []
        self.requests: list[tuple[str, str]] = []
        self.auds: list[tuple[str, str]] = []
        self.token_requests: list[dict[str, str]] = []
        self.assertions: list[dict[str, Any]] = []
        self._ports: dict[str, set[int]] = {}
        self.valid_access_tokens: set[str] = set()
        self.id_tokens: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._client = aiohttp.ClientSession()
        app = web.Application(middlewares=[self._record])
        app.router.add_get("/fhir/.well-known/smart-configuration", self._discovery)
        app.router.add_get("/issuer/.well-known/openid-configuration", self._openid)
        app.router.add_get("/{path:.*(keys|jwk|jwks|jwks.json)}", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/authorize", self._authorize)
        app.router.add_route("*", "/sim/{code}/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_post("/revoke", self._revoke)
        app.router.add_route("*", "/introspect", self._introspect)
        app.router.add_get("/fhir/{path:.*}", self._fhir)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        port = server.sockets[0].getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self._ready.set()
        await self._stop.wait()
        await self._client.close()
        await runner.cleanup()

    @web.middleware
    async def _record(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        assert request.transport is not None
        port = request.transport.get_extra_info("peername")[1]
        self._ports.setdefault(request.path, set()).add(port)
        return await handler(request)

    def client_ports(self, path: str) -> set[int]:
        """Return the client ports of requests for that path: one for each connection."""
        return self._ports.get(path, set())

    @property
    def fhir_base_url(self) -> str:
        return f"{self.base}/fhir"

    @property
    def issuer(self) -> str:
        return f"{self.base}{self.issuer_path}"

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        if self.discovery_answer is not None:
            return await self.discovery_answer(request)
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "revocation_endpoint": f"{self.base}/revoke",
            "introspection_endpoint": f"{self.base}/introspect",
            "jwks_uri": f"{self.base}{self.keys_path}",
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["launch-ehr", "launch-standalone", "client-confidential-asymmetric"],
            "grant_types_supported": ["authorization_code"],
            **self.discovery,
        }
        return web.json_response({k: v for k, v in document.items() if v is not None})

    async def _openid(self, request: web.Request) -> web.StreamResponse:
        if self.openid_answer is not None:
            return await self.openid_answer(request)
        if not self.publishes_openid:
            raise web.HTTPNotFound
        keys = f"{self.base}{self.keys_path}"
        document = {"issuer": self.issuer, "jwks_uri": keys, **self.openid}
        return web.json_response(document)

    async def _keys(self, request: web.Request) -> web.StreamResponse:
        if self.keys_answer is not None:
            return await self.keys_answer(request)
        if request.path != self.keys_path:
            raise web.HTTPNotFound
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    def issue_code(self, *, nonce: str = "", code_challenge: str = "", scope: str = "") -> str:
        code = f"{CANARY}-code-{secrets.token_urlsafe(16)}"
        self._codes[code] = {"nonce": nonce, "code_challenge": code_challenge, "scope": scope}
        return code

    async def _authorize(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = form or request.query
        self.auds.append((request.path, asked["aud"]))
        code = self.issue_code(
            nonce=asked["nonce"], code_challenge=asked["code_challenge"], scope=asked["scope"]
        )
        back = urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append(fields)
        await self._check_assertion(fields["client_assertion"])
        await asyncio.sleep(self.token_delay)
        if self.token_answer is not None:
            return await self.token_answer(request)
        if fields["grant_type"] == "refresh_token":
            return self._refreshed(fields)
        if fields["grant_type"] == "client_credentials":
            return web.json_response(self.token_response(fields["scope"]))
        return self._exchanged(fields)

    async def _check_assertion(self, assertion: str) -> None:
        if not self.asks_for_keys:
            return
        async with self._client.get(self.client_jwks_url) as response:
            jwks = KeySet.import_key_set(await response.json())
        decoded = jwt.decode(assertion, jwks, algorithms=["RS384", "ES384", "RS256"])
        self.assertions.append({**decoded.header, **decoded.claims})

    def _exchanged(self, fields: dict[str, str]) -> web.Response:
        code = self._codes.pop(fields["code"], None)
        verifier = urlsafe_b64encode(
            hashlib.sha256(fields["code_verifier"].encode()).digest()
        ).rstrip(b"=")
        if code is None or (
            self.checks_code_verifier and code["code_challenge"] != verifier.decode()
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        answer = self.token_response(code["scope"]) | {"patient": self.patient, **self.context}
        if "openid" in code["scope"]:
            answer["id_token"] = self.id_token(answer["access_token"], code["nonce"])
        return web.json_response(answer)

    def _refreshed(self, fields: dict[str, str]) -> web.Response:
        if not fields["refresh_token"].startswith(f"{CANARY}-{self.refresh_token}"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self.token_response(self.scope or "openid"))

    def token_response(self, scope: str) -> dict[str, Any]:
        access_token = f"{CANARY}-access-{secrets.token_urlsafe(16)}"
        self.valid_access_tokens.add(access_token)
        answer: dict[str, Any] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": scope if self.scope is None else self.scope,
        }
        if self.refresh_token:
            answer["refresh_token"] = f"{CANARY}-{self.refresh_token}-{secrets.token_urlsafe(16)}"
        return answer

    def id_token(self, access_token: str, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": f"{CANARY}-subject",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 3600,
            "nonce": nonce,
            "at_hash": _at_hash(access_token),
            "fhirUser": f"{self.fhir_base_url}/Practitioner/d-1",
            **self.id_token_claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(self.id_token_header, claims, self.key)
        self.id_tokens.append(token)
        return token

    async def _revoke(self, request: web.Request) -> web.StreamResponse:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        self.revocations.append(fields)
        if self.revoke_answer is not None:
            return await self.revoke_answer(request)
        self.valid_access_tokens.discard(fields["token"])
        return web.Response(status=self.revoke_status)

    async def _introspect(self, request: web.Request) -> web.StreamResponse:
        sent = request.query if request.method == "GET" else await request.post()
        fields = {name: str(value) for name, value in sent.items()}
        self.introspections.append((request.method, fields))
        await self._check_assertion(fields["client_assertion"])
        if self.introspection_answer is not None:
            return await self.introspection_answer(request)
        says = {
            "active": True,
            "scope": "openid patient/Patient.rs",
            "client_id": CLIENT_ID,
            "exp": int(time.time()) + 600,
            "iss": self.issuer,
            "sub": f"{CANARY}-subject",
            "patient": self.patient,
            **self.introspection,
        }
        return web.json_response({k: v for k, v in says.items() if v is not None})

    async def _fhir(self, request: web.Request) -> web.StreamResponse:
        if request.path == self.keys_path:
            return await self._keys(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.valid_access_tokens:
            return web.json_response({"error": "invalid_token"}, status=401)
        if self.fhir_answer is not None:
            return await self.fhir_answer(request)
        return fhir_json(self.resource(request.match_info["path"]))

    def resource(self, path: str) -> dict[str, Any]:
        resource_type, _, id_ = path.partition("/")
        if resource_type == "Patient" and id_:
            return {
                "resourceType": "Patient",
                "id": id_,
                "name": [{"family": f"Family-{id_}", "given": ["Given"]}],
                "birthDate": "1980-04-05",
                "gender": "female",
            }
        if id_:
            return {"resourceType": resource_type, "id": id_}
        return {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []}


def fhir_json(resource: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(resource), status=status, content_type="application/fhir+json"
    )
