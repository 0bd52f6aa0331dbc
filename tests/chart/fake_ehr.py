"""A FHIR server on loopback that does as a test tells it, and one launch's way to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from smartapp import http
from tests.chart.samples import Resource, patient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeEHR:
    """A FHIR server: resources by type, and what a test does to single paths."""

    def __init__(self) -> None:
        self.resources: list[Resource] = [patient()]
        self.answers: dict[str, Handler] = {}
        self.token = "first"
        self.requests: list[web.Request] = []
        self.base = ""

    def add(self, *resources: Resource) -> None:
        self.resources += resources

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        path = request.path.removeprefix("/fhir/")
        if path in self.answers:
            return await self.answers[path](request)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "invalid_token"}, status=401)
        if "/" in path:
            return self.read(path)
        if any(":" in name for name in request.query):
            return web.Response(status=400)  # no modifiers (FHIR R4, Search)
        return self.search(path, request.query.get("category"))

    def read(self, path: str) -> web.Response:
        for resource in self.resources:
            if f"{resource['resourceType']}/{resource['id']}" == path:
                return fhir(resource)
        return web.Response(status=404)

    def search(self, resource_type: str, category: str | None) -> web.Response:
        found = [
            resource
            for resource in self.resources
            if resource["resourceType"] == resource_type
            and (category is None or is_of_category(resource, category))
        ]
        return bundle(found)

    def asked(self, resource_type: str) -> list[web.Request]:
        return [one for one in self.requests if one.path == f"/fhir/{resource_type}"]


def is_of_category(observation: Resource, category: str) -> bool:
    concepts, asked = observation.get("category", []), category.split(",")
    return any(coding["code"] in asked for one in concepts for coding in one["coding"])


def fhir(document: Any) -> web.Response:
    return web.Response(text=json.dumps(document), content_type="application/fhir+json")


def bundle(resources: list[Resource], next_url: str | None = None) -> web.Response:
    link = [{"relation": "next", "url": next_url}] if next_url else []
    entries = [{"resource": resource} for resource in resources]
    return fhir({"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link})


def always(answer: Callable[[], web.StreamResponse]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return answer()

    return handler


class FakeAccess:
    def __init__(self, ehr: FakeEHR) -> None:
        self.fhir_base_url = ehr.base
        self.renewals: list[str] = []
        self.renewed = "second"
        self.refusal: Exception | None = None

    async def access_token(self) -> str:
        return "first"

    async def renewed_access_token(self, rejected: str) -> str:
        self.renewals.append(rejected)
        await asyncio.sleep(0.01)
        if self.refusal is not None:
            raise self.refusal
        return self.renewed


@asynccontextmanager
async def serving(fake: FakeEHR) -> AsyncIterator[FakeEHR]:
    """Serve it while the block runs, and close the app's HTTP session of this event loop."""
    app = web.Application()
    app.router.add_get("/{path:.*}", fake.answer)
    async with TestServer(app) as server:
        fake.base = str(server.make_url("/fhir"))
        yield fake
        await http.close()
