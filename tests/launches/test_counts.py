"""What a warm launch costs, counted: the same on any machine."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from tests.counting import counted
from tests.launches.conftest import Browser, new_browser
from tests.scripted_ehr import ScriptedEHR

pytestmark = pytest.mark.usefixtures("no_background_refresh")


async def test_warm_launch_costs_what_it_must_and_no_more(
    app: str, ehr: ScriptedEHR, ehr_launch: Callable[[], str]
) -> None:
    async with new_browser(app) as first, new_browser(app) as second:
        # Four at once, so that every database thread has its connection.
        await asyncio.gather(*(first.launch(ehr_launch()) for _ in range(4)))
        asked_before = len(ehr.requests)
        with counted() as costs:
            await second.launch(ehr_launch())
        asked = ehr.requests[asked_before:]
    assert [path for _, path in asked if path not in {"/authorize"}] == ["/token"]
    assert len(costs.statements) <= 5, costs.statements
    assert costs.commits <= 2
    assert costs.connections == 0
    assert costs.threads == 0
    assert costs.keys_parsed == 0
    assert costs.http_clients == 0
    assert costs.tls_contexts == 0


async def test_jwks_and_healthz_cost_no_statement(app: str) -> None:
    async def answered(http: aiohttp.ClientSession, path: str) -> None:
        async with http.get(app + path) as response:
            assert response.status == 200
            assert "Set-Cookie" not in response.headers

    jwks = "/.well-known/jwks/scripted.json"
    async with aiohttp.ClientSession() as http:
        await answered(http, jwks)  # on a busy machine the keys may not be in memory before
        with counted() as costs:
            for path in ("/healthz", jwks, "/.well-known/jwks.json"):
                await answered(http, path)
    assert costs.statements == []


async def test_64_launches_at_once_finish_while_the_ehr_fetches_our_jwks(
    app: str, ehr: ScriptedEHR, ehr_launch: Callable[[], str]
) -> None:
    ehr.token_delay = 0.3

    async def one() -> None:
        async with new_browser(app) as browser:
            await browser.launch(ehr_launch())

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(64))), timeout=60)
    assert len(ehr.assertions) == 64
    assert len({assertion["jti"] for assertion in ehr.assertions}) == 64


async def test_launch_keeps_one_connection_to_the_ehr(
    app: str, browser: Browser, ehr: ScriptedEHR, ehr_launch: Callable[[], str]
) -> None:
    for _ in range(3):
        await browser.launch(ehr_launch())
    assert len(ehr.client_ports("/token")) == 1
