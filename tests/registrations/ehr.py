"""An EHR on a real local socket that publishes what a test tells it to, and counts who asks."""

import json
from collections import Counter
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-384", {"kid": "key-1", "use": "sig", "alg": "ES384"})


class EHR:
    """`answers[path]` is (status, document or bytes, headers); change it to change the EHR."""

    def __init__(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(application)
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.answers: dict[str, tuple[int, Any, dict[str, str]]] = {}

    async def start(self) -> "EHR":
        await self.server.start_server()
        self.origin = f"http://127.0.0.1:{self.server.port}"
        self.host = f"127.0.0.1:{self.server.port}"
        self.base = f"{self.origin}/fhir/r4"
        self.issuer = f"{self.origin}/issuer"
        self.publish()
        return self

    async def stop(self) -> None:
        await self.server.close()

    def publish(self, *, cache_control: str | None = None, **changes: Any) -> None:
        """Publish the good case with these members changed; None takes a member away."""
        headers = {"Cache-Control": cache_control} if cache_control else {}
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["launch-ehr", "launch-standalone"],
        } | changes
        kept = {name: value for name, value in document.items() if value is not None}
        self.answers["/fhir/r4/.well-known/smart-configuration"] = 200, kept, headers
        self.publish_issuer(jwks_uri=f"{self.issuer}/keys")
        self.publish_keys(KEY)

    def publish_issuer(self, *, jwks_uri: str, issuer: str | None = None) -> None:
        document = {"issuer": issuer or self.issuer, "jwks_uri": jwks_uri}
        self.answers["/issuer/.well-known/openid-configuration"] = 200, document, {}

    def publish_keys(self, *keys: ECKey, cache_control: str | None = None) -> None:
        headers = {"Cache-Control": cache_control} if cache_control else {}
        document = {"keys": [key.as_dict(private=False) for key in keys]}
        self.answers["/issuer/keys"] = 200, document, headers

    def break_down(self, status: int = 503) -> None:
        """Answer everything with an error."""
        self.answers = {path: (status, {"error": "down"}, {}) for path in self.answers}

    @property
    def discoveries(self) -> int:
        return self.asked["/fhir/r4/.well-known/smart-configuration"]

    @property
    def key_fetches(self) -> int:
        return self.asked["/issuer/keys"]

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        self.headers[request.path] = dict(request.headers)
        status, document, headers = self.answers.get(request.path, (404, {}, {}))
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"Content-Type": "application/json"} | headers
        return web.Response(status=status, body=body, headers=headers)
