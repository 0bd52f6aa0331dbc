"""The tests' scripted EHR, extended for the peers and with entries in its record.

Each app has its own, so that requests can be counted. They run in the process that makes the load,
which costs all apps the same.
"""

import asyncio
import time
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.scripted_ehr import ScriptedEHR, fhir_json

SCOPE = (
    "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs "
    "patient/Condition.rs patient/MedicationRequest.rs patient/AllergyIntolerance.rs"
)
SEARCHED = ("Condition", "MedicationRequest", "AllergyIntolerance", "Observation")
ENTRIES = 10
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


class BenchmarkEHR(ScriptedEHR):
    """Answers after `token_delay` and `read_delay`. A refresh token can be used once."""

    def __init__(self, *, public_client: bool = False) -> None:
        super().__init__()
        self.read_delay = 0.0
        # fhirclient cannot sign a client assertion for a code, and sends no nonce.
        self.public_client = public_client
        self._used_refresh_tokens: set[str] = set()

    def launch_url(self, app: str) -> str:
        return f"{app}/launch?{urlencode({'iss': self.fhir_base_url, 'launch': 'x'})}"

    def reads(self) -> int:
        return sum(path.startswith("/fhir/") for _, path in self.requests)

    async def _authorize(self, request: web.Request) -> web.Response:
        if not self.public_client:
            return await super()._authorize(request)
        asked = request.query
        code = self.issue_code(code_challenge=asked["code_challenge"], scope=asked["scope"])
        back = urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        if not self.public_client:
            return await super()._token(request)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append(fields)
        await asyncio.sleep(self.token_delay)
        return self._exchanged(fields)

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
