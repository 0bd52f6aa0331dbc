"""A vendor's limit on token requests is kept, and a 429 is obeyed (C128, C144, T30)."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import redis
from aiohttp import web
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from smartapp import http, shared_cache
from smartapp.database import in_database
from smartapp.exchange import token_budget
from smartapp.launches import readiness
from smartapp.launches.backend import backend_token
from smartapp.launches.models import Launch
from smartapp.protocol.errors import EHRLimited, TokenBudgetSpent
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.registry import EndpointConfig
from tests.launches.conftest import Browser, expire, new_browser, refreshes, row
from tests.launches.test_stale_copy import knows, rotated
from tests.reliability.services import Redis
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(token_budget, "CODE_WAITS_SECONDS", 1)
    cache.clear()
    yield
    cache.clear()


async def limit(requests: int | None) -> EndpointConfig:
    await in_database(Registration.objects.update, token_requests_per_minute=requests)
    registry.forget()
    return await registry.endpoint_for_slug("scripted")


def codes(ehr: ScriptedEHR) -> list[dict[str, str]]:
    return [one for one in ehr.token_requests if one["grant_type"] == "authorization_code"]


def answering_429(ehr: ScriptedEHR, **headers: str) -> None:
    async def limited(_: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "too_many"}, status=429, headers=headers)

    ehr.token_answer = limited


class TestBudget:
    async def test_100_launches_send_no_more_than_the_vendor_takes(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: athenahealth's preview takes five a minute. Who has to wait is told how long, and
        has lost nothing: state and code are as good as before."""
        await limit(5)

        async def one() -> tuple[int, str, str]:
            async with new_browser(app) as browser:
                response = await browser.get(await browser.to_callback(ehr_launch()))
                return (
                    response.status,
                    response.headers.get("Retry-After", ""),
                    (await response.text()),
                )

        finished = await asyncio.gather(*(one() for _ in range(100)))
        assert Counter(status for status, _, _ in finished) == {303: 5, 503: 95}
        assert len(ehr.token_requests) == 5
        for status, retry_after, page in finished:
            if status == 503:
                assert 1 <= int(retry_after) <= 61
                assert f">{retry_after} seconds</span>" in page
                assert "token-budget-spent" in page

    async def test_the_same_address_is_good_again_when_its_turn_comes(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        await limit(1)
        await browser.launch(ehr_launch())
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(callback)).status == 503
        assert len(codes(ehr)) == 1
        cache.clear()  # the minute is over
        assert (await browser.get(callback)).status == 303
        assert len(codes(ehr)) == 2

    async def test_a_code_waits_a_moment_for_its_turn(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(token_budget, "WINDOW_SECONDS", 2)
        monkeypatch.setattr(token_budget, "CODE_WAITS_SECONDS", 5)
        await limit(1)
        for _ in range(2):
            await browser.launch(ehr_launch())
        assert len(codes(ehr)) == 2

    async def test_in_no_minute_are_there_more(
        self, registered: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whenever the vendor's own minute begins: a window that moves, not one that is reset."""
        monkeypatch.setattr(token_budget, "WINDOW_SECONDS", 1)
        config = await limit(4)
        taken: list[float] = []
        until = time.monotonic() + 3
        while time.monotonic() < until:
            try:
                await token_budget.take(replace(config))
                taken.append(time.monotonic())
            except TokenBudgetSpent:
                await asyncio.sleep(0.02)
        assert len(taken) >= 6
        for first in taken:
            assert sum(first <= one < first + 0.95 for one in taken) <= 4
        assert registered.pk

    async def test_part_of_it_is_for_codes_only(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """A code lives for a minute, a refresh can wait: whatever refreshes, people get in."""
        uuid = await browser.launch(ehr_launch())
        config = await limit(5)
        for _ in range(3):
            await token_budget.take(config)
        await expire(uuid)
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 503
        assert refreshes(ehr) == []
        for _ in range(2):
            await browser.launch(ehr_launch())
        assert len(codes(ehr)) == 3

    async def test_a_refresh_waits_for_its_turn_and_the_launch_is_kept(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        config = await limit(1)
        await token_budget.take(config)
        await expire(uuid)
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        assert "Nothing of yours is lost" in page
        kept = await row(uuid)
        assert kept.ended_at is None
        assert kept.refresh_lease_until is None
        assert kept.refresh_not_before is not None
        ahead = (kept.refresh_not_before - timezone.now()).total_seconds()
        assert 50 < ahead <= 61
        cache.clear()
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200

    async def test_a_token_for_the_app_itself_counts_too(self, app: str, ehr: ScriptedEHR) -> None:
        scope = "system/Patient.rs"
        await in_database(Registration.objects.update, scope=scope, standalone_scope="")
        await in_database(Endpoint.objects.update, launchable=False)
        await in_database(Registration.objects.update, token_requests_per_minute=1)
        await backend_token("scripted", scope)
        cache.delete_many([key for key in _keys() if "backend-token" in key])
        with pytest.raises(TokenBudgetSpent):
            await backend_token("scripted", scope)
        assert len(ehr.token_requests) == 1
        await http.close()

    async def test_so_does_a_request_that_is_signed_a_second_time(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        old, _ = await rotated()
        knows(ehr, old)
        config = await limit(2)
        await browser.launch(ehr_launch())
        with pytest.raises(TokenBudgetSpent):
            await token_budget.take(config)

    async def test_each_registration_has_its_own(self, registered: Endpoint) -> None:
        config = await limit(1)
        await token_budget.take(config)
        await token_budget.take(replace(config, registration_id=registered.pk + 1000))

    async def test_without_one_the_cache_is_not_asked(
        self, registered: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def asked(*_: Any) -> None:
            raise AssertionError("the cache was asked")

        monkeypatch.setattr(token_budget, "_take", asked)
        config = await limit(None)
        for _ in range(200):
            await token_budget.take(config)
        assert registered.pk

    async def test_a_cache_that_is_away_keeps_nobody_out(
        self, browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> None:
            raise ConnectionError("away")

        monkeypatch.setattr(token_budget, "_take", away)
        await limit(1)
        for _ in range(2):
            await browser.launch(ehr_launch())

    async def test_a_cache_that_never_answers_keeps_nobody_waiting(
        self, registered: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor does it take the threads that look up the addresses of EHRs."""
        monkeypatch.setattr(shared_cache, "WAIT_SECONDS", 0.1)

        def silent(*_: Any) -> float:
            time.sleep(1.5)
            return 0.0

        monkeypatch.setattr(token_budget, "_take", silent)
        config = await limit(1)
        started = time.monotonic()
        await asyncio.gather(*(token_budget.take(config) for _ in range(64)))
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert time.monotonic() - started < 1
        await token_budget.take(config)  # left alone meanwhile
        assert time.monotonic() - started < 1.2
        await asyncio.sleep(1.5)  # its threads are the next test's too
        assert registered.pk


def _keys() -> list[str]:
    return [key.split(":", 2)[2] for key in getattr(cache, "_cache", {})]


class Test429:
    async def test_nobody_asks_before_the_ehr_says_so(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C144: a refresh, then a launch of somebody else."""
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        answering_429(ehr, **{"Retry-After": "40"})
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 503
        assert response.headers["Retry-After"] == "40"
        assert "ehr-limited" in await response.text()
        again = await browser.get(f"/launches/{uuid}/")
        assert "ehr-limited" in await again.text()
        kept = await row(uuid)
        assert kept.refresh_not_before is not None
        assert 30 < (kept.refresh_not_before - timezone.now()).total_seconds() <= 40
        async with new_browser(browser.app) as other:
            waits = await other.get(await other.to_callback(ehr_launch()))
            assert waits.status == 503
            assert 30 < int(waits.headers["Retry-After"]) <= 40
        assert len(ehr.token_requests) == 2

    async def test_a_code_that_was_refused_is_not_sent_again(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C69."""
        answering_429(ehr, **{"Retry-After": "1"})
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(callback)).status == 503
        await asyncio.sleep(1.1)
        assert (await browser.get(callback)).status == 400
        assert len(ehr.token_requests) == 1

    async def test_where_there_is_a_budget_every_process_knows(self, registered: Endpoint) -> None:
        config = await limit(50)
        await token_budget.limited(config, "40")
        token_budget.forget()  # another process
        with pytest.raises(TokenBudgetSpent) as caught:
            await token_budget.take(config)
        assert 30 < (caught.value.retry_after or 0) <= 40
        assert registered.pk

    @pytest.mark.parametrize(
        ("retry_after", "low", "high"),
        [
            ("7", 7, 7),
            ("0", 1, 1),
            (None, 1, 60),
            ("soon", 1, 60),
            ("-3", 1, 60),
            ("86400", 600, 600),
            ("9" * 400, 600, 600),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 1, 1),
            (f"Fri, 01 Jan 2027 00:00:00 +{'9' * 30}", 1, 60),
            (f"Fri, 01 Jan {'9' * 30} 00:00:00 GMT", 1, 60),
        ],
    )
    async def test_for_how_long(
        self, registered: Endpoint, retry_after: str | None, low: int, high: int
    ) -> None:
        """RFC 9110 §10.2.3; else until the minute is over; and never for longer than is sane."""
        error: EHRLimited = await token_budget.limited(await limit(None), retry_after)
        assert error.retry_after is not None
        assert low <= error.retry_after <= high
        assert registered.pk

    async def test_until_a_date(self, registered: Endpoint) -> None:
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        error = await token_budget.limited(await limit(None), at)
        assert 20 < (error.retry_after or 0) <= 31
        assert registered.pk


@pytest.mark.redis
async def test_processes_share_it_through_redis(
    registered: Endpoint, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clients of one server, as two processes are: five requests between them."""
    monkeypatch.setattr(shared_cache, "WAIT_SECONDS", 30)  # a busy machine is no cache that is away
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:6379/14",
            "KEY_PREFIX": f"test-{time.time_ns()}",
        }
    }
    config = await limit(5)

    async def tries() -> int:
        taken = 0
        for _ in range(20):
            try:
                await token_budget.take(config)
                taken += 1
            except TokenBudgetSpent:
                await asyncio.sleep(0)
        return taken

    taken = await asyncio.gather(*(tries() for _ in range(8)))
    assert sum(taken) == 3
    assert registered.pk


@pytest.mark.redis
async def test_a_redis_without_room_keeps_nobody_out(
    browser: Browser, ehr_launch: Start, settings: Settings
) -> None:
    """It answers, and refuses to store anything: neither a launch nor a refresh waits for it."""
    server = Redis()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                client.set("a", "b")
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": server.url}}
        await limit(1)
        for _ in range(2):
            uuid = await browser.launch(ehr_launch())
            await expire(uuid)
            assert (await browser.get(f"/launches/{uuid}/")).status == 200
        readiness.forget()
        found = json.loads(await (await browser.get("/readyz")).text())
        readiness.forget()
        assert found == {"ready": True, "missing": [], "warnings": ["the cache is away"]}
    finally:
        server.kill()
