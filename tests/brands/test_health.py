"""Background looks at listed EHRs and at logos: bounded, and told to patients."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from pytest_django import Settings

from smartapp import http
from smartapp.brands import health, logos, search
from smartapp.brands.models import Brand, BrandAddress, BrandLogo
from smartapp.database import in_database
from smartapp.registrations.models import Endpoint, Registration
from tests.brands.conftest import Import
from tests.brands.lists import JSONObject, bundle, endpoint, organization
from tests.registrations.ehr import EHR
from tests.registrations.factories import NOW
from tests.serving import free_port

pytestmark = pytest.mark.django_db(transaction=True)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'


def at(*bases: str) -> JSONObject:
    entries = []
    for number, base in enumerate(bases):
        identity = f"e{number}"
        entries.append(endpoint(identity, address=base))
        entries.append(organization(f"b{number}", f"Endpoint/{identity}", name=f"Maple {number}"))
    return bundle(*entries)


async def notes() -> list[str]:
    found = await in_database(search.search, "maple")
    return [hit.note for hit in found.hits]


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    yield
    await http.close()


class TestHealth:
    @pytest.fixture
    async def ehr(self) -> AsyncIterator[EHR]:
        ehr = await EHR().start()
        yield ehr
        await ehr.stop()

    async def test_one_that_passes_is_read_pinned_and_offered(
        self, ehr: EHR, import_list: Import, registration: Registration
    ) -> None:
        await in_database(import_list, at(ehr.base), "--registration", "vendor")
        assert await notes() == [search.NOT_CHECKED]
        assert await health.check_round(NOW) == 1
        assert await notes() == [""]
        pinned = await in_database(lambda: Endpoint.objects.get().pinned_hosts)
        assert pinned

    async def test_one_that_is_dead_is_not_offered_and_said(
        self, import_list: Import, registration: Registration
    ) -> None:
        dead = f"http://127.0.0.1:{free_port()}/fhir"
        await in_database(import_list, at(dead), "--registration", "vendor")
        assert await health.check_round(NOW) == 1
        assert await notes() == [search.NOT_REACHABLE]

    async def test_one_that_recovers_is_offered_again(
        self, ehr: EHR, import_list: Import, registration: Registration
    ) -> None:
        await in_database(import_list, at(ehr.base), "--registration", "vendor")
        await in_database(
            lambda: BrandAddress.objects.update(problem="ehr-unreachable", checked_at=NOW)
        )
        assert await health.check_round(NOW + timedelta(minutes=30)) == 0
        assert await health.check_round(NOW + timedelta(hours=2)) == 1
        assert await notes() == [""]

    async def test_a_round_is_bounded_and_goes_on_where_it_stopped(
        self, import_list: Import, registration: Registration, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "ROUND", 3)
        dead = [f"http://127.0.0.1:{free_port()}/r{number}" for number in range(5)]
        await in_database(import_list, at(*dead), "--registration", "vendor")
        assert await health.check_round(NOW) == 3
        assert await health.check_round(NOW) == 2
        assert await health.check_round(NOW) == 0

    async def test_nobody_is_asked_whom_nobody_can_connect_to(
        self, ehr: EHR, import_list: Import
    ) -> None:
        await in_database(import_list, at(ehr.base))
        assert await health.check_round(NOW) == 0


async def logo_shown() -> str:
    (hit,) = (await in_database(search.search, "maple")).hits
    return hit.logo_url


class TestLogos:
    @pytest.fixture
    async def origin(self) -> AsyncIterator[str]:
        self.bodies = {"png": PNG, "svg": SVG, "html": b"<html>", "big": PNG + bytes(70_000)}
        app = web.Application()
        app.router.add_get("/{name}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        yield f"http://127.0.0.1:{port}"
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = self.bodies[request.match_info["name"]]
        return web.Response(body=body, content_type="text/html")

    @pytest.mark.parametrize(
        ("name", "content_type"),
        [("png", "image/png"), ("svg", "image/svg+xml"), ("html", ""), ("big", "")],
    )
    async def test_what_is_a_picture_by_its_bytes_is_kept(
        self, origin: str, transactional_db: None, name: str, content_type: str
    ) -> None:
        values = {"name": "Maple", "offered": True, "logo_url": f"{origin}/{name}"}
        await in_database(lambda: Brand.objects.create(key="b", sort_key="maple", **values))
        assert await logos.fetch_round(NOW) == 1
        assert await logos.fetch_round(NOW) == 0  # remembered, also when it is none
        kept = await in_database(BrandLogo.objects.get)
        assert kept.content_type == content_type
        shown = f"/brands/{kept.brand_id}/logo" if content_type else ""
        assert await logo_shown() == shown

    async def test_a_row_has_none_until_it_was_fetched(self, transactional_db: None) -> None:
        values = {"name": "Maple", "offered": True, "logo_url": "https://maple.example/logo.png"}
        await in_database(lambda: Brand.objects.create(key="b", sort_key="maple", **values))
        assert await logo_shown() == ""

    async def test_it_is_served_from_here_and_nothing_in_it_runs(
        self, transactional_db: None, async_client: object, settings: Settings
    ) -> None:
        brand = await in_database(lambda: Brand.objects.create(key="b", name="Maple"))
        kept = {"url": "x", "image": SVG, "content_type": "image/svg+xml", "fetched_at": NOW}
        await in_database(lambda: BrandLogo.objects.create(brand=brand, **kept))
        answer = await async_client.get(f"/brands/{brand.pk}/logo")  # type: ignore[attr-defined]
        assert (answer.status_code, answer.content) == (200, SVG)
        assert "sandbox" in answer["Content-Security-Policy"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"

    async def test_a_hidden_brand_shows_none(
        self, transactional_db: None, async_client: object
    ) -> None:
        brand = await in_database(lambda: Brand.objects.create(key="b", name="x", hidden=True))
        kept = {"url": "x", "image": PNG, "content_type": "image/png", "fetched_at": NOW}
        await in_database(lambda: BrandLogo.objects.create(brand=brand, **kept))
        answer = await async_client.get(f"/brands/{brand.pk}/logo")  # type: ignore[attr-defined]
        assert answer.status_code == 404
