"""`/readyz`: ready is what a launch needs, and anybody may ask without a cost to others (T30)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from smartapp import vault
from smartapp.database import in_database
from smartapp.keys import heartbeat, key_creation, memory
from smartapp.keys.models import SigningKey
from smartapp.launches import readiness
from smartapp.launches.models import Launch, LaunchKind, tokens_context
from smartapp.registrations.models import Endpoint
from tests.launches.conftest import Browser
from tests.secrecy import all_logs
from tests.test_asgi import ask

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def look_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readiness, "GOOD_FOR_SECONDS", 0)
    readiness.forget()
    yield
    readiness.forget()
    memory.forget()


def answering(well: bool) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return well

    return check


async def raises() -> bool:
    raise OperationalError


async def never() -> bool:
    await asyncio.sleep(60)
    return True


async def look() -> tuple[list[str], list[str]]:
    found = await readiness.now()
    return list(found.missing), list(found.warnings)


async def test_one_look_serves_all_who_ask(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "GOOD_FOR_SECONDS", 1)
    looks: list[str] = []

    async def slow() -> bool:
        looks.append("look")
        await asyncio.sleep(0.2)
        return True

    monkeypatch.setattr(readiness, "NEEDED", {"database": slow})
    answers = await asyncio.gather(*(browser.get("/readyz") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(looks) == 1


async def test_what_never_answers_delays_no_launch(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "NEEDED", {"database": never})
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 2)
    asking = [asyncio.create_task(browser.get("/readyz")) for _ in range(8)]
    began = time.monotonic()
    uuid = await browser.launch(ehr_launch())
    assert (await browser.get(f"/launches/{uuid}/")).status == 200
    assert not any(task.done() for task in asking)
    assert time.monotonic() - began < 2
    answers = await asyncio.gather(*asking)
    assert {answer.status for answer in answers} == {503}
    assert (await answers[0].json())["missing"] == ["database"]


@pytest.mark.django_db(transaction=True)
class TestLook:
    @pytest.mark.parametrize("check", [answering(False), raises, never])
    async def test_names_what_is_missing_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch, check: Callable[[], Awaitable[bool]]
    ) -> None:
        monkeypatch.setattr(readiness, "WAIT_SECONDS", 1)
        checks = {**readiness.NEEDED, "key ring": check}
        monkeypatch.setattr(readiness, "NEEDED", checks)
        assert await look() == (["key ring"], [])

    @pytest.mark.parametrize("check", [answering(False), raises, never])
    async def test_a_cache_that_is_away_or_hangs_is_a_warning(
        self, monkeypatch: pytest.MonkeyPatch, check: Callable[[], Awaitable[bool]]
    ) -> None:
        """Launches go on without it: it takes no process out of service."""
        monkeypatch.setattr(readiness, "WAIT_SECONDS", 1)
        monkeypatch.setattr(readiness, "DONE_WITHOUT", {"cache": check})
        assert await look() == ([], ["the cache is away"])

    async def test_asks_the_threads_that_launches_use(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.5)
        busy = [asyncio.create_task(in_database(time.sleep, 1.5)) for _ in range(4)]
        await asyncio.sleep(0.1)
        assert await look() == (["database", "signing key"], [])
        await asyncio.gather(*busy)
        assert await look() == ([], [])

    async def test_does_what_a_launch_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that is read-only, full, or lacks a column answers SELECT 1."""

        def refuses(**_: object) -> None:
            raise OperationalError

        assert await look() == ([], [])
        assert await in_database(Launch.objects.count) == 0
        monkeypatch.setattr(Launch.objects, "create", refuses)
        assert await look() == (["database"], [])

    async def test_a_disk_that_is_full_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readiness, "FREE_BYTES_NEEDED", 2**80)
        # PostgreSQL may be on another machine; there the insert tells it.
        missing = [] if connection.vendor == "postgresql" else ["database"]
        assert await look() == (missing, [])

    async def test_needs_no_key_before_the_first_ehr(self) -> None:
        """Behind a load balancer a new installation could not be reached to register one."""
        memory.forget()
        assert await look() == ([], [])

    async def test_needs_a_key_for_an_ehr(self, registered: Endpoint) -> None:
        await memory.refresh()
        assert await look() == ([], [])
        await in_database(SigningKey.objects.update, signs_from=None)
        await memory.refresh()
        assert await look() == (["signing key"], [])

    async def test_tells_of_periodic_work_that_has_stopped(self) -> None:
        long_ago = timezone.now() - timedelta(hours=1)
        await in_database(key_creation.create_key_set, "one", algs=["ES384"], now=long_ago)
        await in_database(heartbeat.ran, long_ago)
        missing, warnings = await look()
        assert missing == []
        assert "60 minutes ago" in warnings[0] or "1 hour" in warnings[0]

    async def test_tells_of_keys_that_this_ring_does_not_open_and_the_log_once(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        now, new = timezone.now(), vault.new_key()
        await in_database(key_creation.create_key_set, "one", algs=["ES384"], now=now)
        settings.ENCRYPTION_KEYS = new
        await in_database(key_creation.create_key_set, "two", algs=["ES384"], now=now)
        for _ in range(3):
            await memory.refresh()
        missing, [warning] = await look()
        assert missing == []  # the other EHRs' launches go on
        assert "lacks the key of some values (keys.SigningKey: 1)" in warning
        assert caplog.text.count("does not open: sealed under a key") == 1

    async def test_tells_that_another_process_seals_with_a_key_that_this_one_lacks(
        self, registered: Endpoint, settings: Settings
    ) -> None:
        """Launches pass, and are not counted one by one."""
        own, uuid = settings.ENCRYPTION_KEYS, uuid4()
        settings.ENCRYPTION_KEYS = f"{vault.new_key()},{own}"
        sealed = vault.seal(b"{}", tokens_context(uuid))
        await in_database(
            Launch.objects.create, uuid=uuid, endpoint=registered, kind=LaunchKind.EHR,
            state_digest="x", launched_at=timezone.now(), sealed_tokens=sealed,
        )  # fmt: skip
        settings.ENCRYPTION_KEYS = own
        _, [warning] = await look()
        assert "does not open what the database holds (launches.Launch" in warning

    async def test_a_change_is_logged_once(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        await look()
        monkeypatch.setattr(readiness, "NEEDED", {"database": raises})
        with all_logs() as keeper:
            for _ in range(3):
                await look()
        lines = [line for line in keeper.lines if "readiness" in line]
        assert len(lines) == 2
        assert any("database: OperationalError" in line for line in lines)
        told = {(record.levelname, record.getMessage()) for record in caplog.records}
        assert ("WARNING", "not ready: database") in told
        assert "ERROR" not in {level for level, _ in told}  # a start is none
        monkeypatch.setattr(readiness, "NEEDED", {})
        with all_logs() as keeper:
            await look()
        assert any("ready again" in line for line in keeper.lines)


@pytest.mark.django_db(transaction=True)
class TestAtAnInstance:
    @pytest.mark.parametrize("path", ["/readyz", "/healthz"])
    async def test_is_answered_by_address_and_without_tls(
        self, settings: Settings, path: str
    ) -> None:
        """As a load balancer asks: no X-Forwarded-Proto, the instance's address as Host."""
        settings.SECURE_SSL_REDIRECT = True
        settings.ALLOWED_HOSTS = ["app.example.org"]
        status, headers, _ = await ask(path, headers=[(b"host", b"10.0.0.7:8000")])
        assert status == 200
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"

    async def test_says_503_with_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readiness, "NEEDED", {"database": raises})
        with all_logs() as keeper:
            answers: list[Any] = [await ask("/readyz") for _ in range(3)]
        assert {status for status, _, _ in answers} == {503}
        assert answers[0][2] == b'{"ready": false, "missing": ["database"]}'
        assert not any("django.request" in line for line in keeper.lines)
