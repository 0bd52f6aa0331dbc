"""The tests' scripted EHR, extended for the peers and with entries in its record.

Each app has its own, so that requests can be counted. They run in the process that makes the load,
which costs all apps the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.scripted_ehr import CANARY, ScriptedEHR, fhir_json

SCOPE = (
    "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs "
    "patient/Condition.rs patient/MedicationRequest.rs patient/AllergyIntolerance.rs"
)
SEARCHED = ("Condition", "MedicationRequest", "AllergyIntolerance", "Observation")
ENTRIES = 10
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


class BenchmarkEHR(ScriptedEHR):
    """Answers after `token_delay` and `read_delay`. A refresh token can be used once."""

    def __init__(self, *, takes_no_assertion: bool = False) -> None:
        super().__init__()
        self.read_delay = 0.0
        # Some peers cannot sign a client assertion for a code; some send no nonce.
        self.takes_no_assertion = takes_no_assertion
        self._used_refresh_tokens: set[str] = set()

    def launch_url(self, app: str) -> str:
        return f"{app}/launch?{urlencode({'iss': self.fhir_base_url, 'launch': 'x'})}"

    def reads(self) -> int:
        return sum(path.startswith("/fhir/") for _, path in self.requests)

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = request.query
        if "nonce" in asked:
            return await super()._authorize(request)
        code = self.issue_code(code_challenge=asked["code_challenge"], scope=asked["scope"])
        back = urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        if not self.takes_no_assertion:
            return await super()._token(request)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append(fields)
        await asyncio.sleep(self.token_delay)
        return self._exchanged(fields)

    async def _openid(self, request: web.Request) -> web.StreamResponse:
        """With the addresses that libraries for OpenID Connect read there."""
        self.openid = {
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "userinfo_endpoint": f"{self.base}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
        return await super()._openid(request)

    @web.middleware
    async def _record(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path == "/userinfo":
            return web.json_response({"sub": f"{CANARY}-subject", "email": "d-1@ehr.example"})
        # The list of requests would grow with a million of them; only reads are counted.
        if request.path.startswith("/fhir/"):
            return await super()._record(request, handler)
        return await handler(request)

    def _refreshed(self, fields: dict[str, str]) -> web.Response:
        if fields["refresh_token"] in self._used_refresh_tokens:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self._used_refresh_tokens.add(fields["refresh_token"])
        return super()._refreshed(fields)

    async def _fhir(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["path"] == "metadata":
            return fhir_json(self._capability_statement())
        await asyncio.sleep(self.read_delay)
        return await super()._fhir(request)

    def resource(self, path: str) -> dict[str, Any]:
        bundle = super().resource(path)
        if path not in SEARCHED:
            return bundle
        entries = [{"resource": self._entry(path, number)} for number in range(ENTRIES)]
        return {**bundle, "total": ENTRIES, "entry": entries}

    def _entry(self, resource_type: str, number: int) -> dict[str, Any]:
        concept = "medicationCodeableConcept" if resource_type == "MedicationRequest" else "code"
        person = "patient" if resource_type == "AllergyIntolerance" else "subject"
        more = {
            "MedicationRequest": {"status": "active", "intent": "order"},
            "Observation": {"status": "final"},
        }
        return {
            "resourceType": resource_type,
            "id": f"{resource_type.lower()}-{number}",
            concept: {"text": f"{resource_type} {number}"},
            person: {"reference": f"Patient/{self.patient}"},
            **more.get(resource_type, {}),
        }

    def _capability_statement(self) -> dict[str, Any]:
        """Return where fhirclient looks for the OAuth endpoints."""
        addresses = [
            {"url": name, "valueUri": f"{self.base}/{name}"} for name in ("authorize", "token")
        ]
        security = {"extension": [{"url": OAUTH_URIS, "extension": addresses}]}
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": time.strftime("%Y-%m-%d"),
            "kind": "instance",
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [{"mode": "server", "security": security}],
        }
