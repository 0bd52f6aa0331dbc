import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from smartapp.database import in_database
from smartapp.keys import fetches, key_creation, memory
from smartapp.keys.fetches import Visitor
from smartapp.keys.models import JWKSFetch, KeySet
from smartapp.keys.public import jwks_response

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "/.well-known/jwks/epic.json"
EHR = Visitor("192.0.2.7", "Epic/1")


@pytest.fixture
async def epic() -> KeySet:
    key_set = await in_database(
        key_creation.create_key_set, "epic", algs=["ES384"], now=timezone.now()
    )
    await memory.refresh()
    return key_set


async def rows() -> list[JWKSFetch]:
    await fetches.flush()
    return await in_database(lambda: list(JWKSFetch.objects.order_by("address", "etag")))


def note(visitor: Visitor = EHR, etag: str = '"a"', now: datetime = NOW) -> None:
    fetches.note("epic", etag, ("kid-1",), visitor=visitor, now=now)


@pytest.mark.usefixtures("epic")
class TestWhatIsNoted:
    async def test_who_saw_which_keys_and_when(self) -> None:
        before = timezone.now()
        await jwks_response("GET", URL, None, EHR)
        [row] = await rows()
        published = memory.published("epic")
        assert published is not None
        assert (row.address, row.user_agent) == ("192.0.2.7", "Epic/1")
        assert (row.etag, tuple(row.kids)) == (published.etag, published.kids)
        assert before <= row.first_at == row.last_at <= timezone.now()
        assert row.count == 1

    async def test_the_default_address_counts_for_its_key_set(self) -> None:
        await jwks_response("GET", "/.well-known/jwks.json", None, EHR)
        [row] = await rows()
        assert row.etag.startswith('"')

    async def test_a_304_is_a_fetch_too(self) -> None:
        """RFC 9110 §15.4.5: a client that sends our ETag has the document."""
        published = memory.published("epic")
        assert published is not None
        await jwks_response("GET", URL, published.etag, EHR)
        assert len(await rows()) == 1

    @pytest.mark.parametrize(
        ("method", "path", "tag"),
        [
            ("HEAD", URL, None),
            ("POST", URL, None),
            ("GET", URL, " * "),
            ("GET", "/.well-known/jwks/nobody.json", None),
        ],
    )
    async def test_what_shows_no_key_proves_nothing(
        self, method: str, path: str, tag: str | None
    ) -> None:
        await jwks_response(method, path, tag, EHR)
        assert await rows() == []

    async def test_costs_no_thread_and_no_query(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The EHR waits for this response while we wait for the EHR."""

        def no_thread(*_: object, **__: object) -> None:
            raise AssertionError("a thread was asked")

        monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", no_thread)
        assert (await jwks_response("GET", URL, None, EHR))[0] == 200


@pytest.mark.usefixtures("epic")
class TestBounds:
    async def test_the_same_fetcher_is_one_row(self) -> None:
        for minutes in (0, 5, 10):
            note(now=NOW + timedelta(minutes=minutes))
        await fetches.flush()
        note(now=NOW + timedelta(minutes=15))
        [row] = await rows()
        assert row.count == 4
        assert (row.first_at, row.last_at) == (NOW, NOW + timedelta(minutes=15))

    async def test_a_flood_is_counted_not_stored(self) -> None:
        for number in range(1000):
            note(Visitor("198.51.100.1", f"agent {number}"))
        assert len(fetches._noted) == fetches.MAX_NOTED + 1
        stored = await rows()
        assert len(stored) == fetches.MAX_ROWS_PER_ADDRESS + 1
        assert sum(row.count for row in stored) == 1000
        assert stored[0].address == ""

    async def test_a_flood_cannot_hide_an_address_that_is_known(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetches, "MAX_ROWS", 10)
        note()
        await fetches.flush()
        for number in range(100):
            note(Visitor(f"198.51.100.{number}", "flood"))
        await fetches.flush()
        note(etag='"b"')
        stored = await rows()
        assert [row.etag for row in stored if row.address == EHR.address] == ['"a"', '"b"']
        assert len(stored) == 10 + 1 + 1

    async def test_what_a_stranger_calls_itself_is_cut_and_cleaned(self) -> None:
        """PostgreSQL refuses NUL, and a terminal interprets escapes."""
        note(Visitor("192.0.2.9", "a\x00b\x1b[31m" + "x" * 500))
        [row] = await rows()
        assert row.user_agent.startswith("ab[31mxxx")
        assert len(row.user_agent) == 200

    async def test_ninety_days_after_the_last_fetch_it_goes(self) -> None:
        note()
        await fetches.flush()
        late = NOW + fetches.KEPT_FOR
        assert await in_database(fetches.purge_batch, late) == 0
        assert await in_database(fetches.purge_batch, late + timedelta(seconds=1)) == 1


@pytest.mark.usefixtures("epic")
class TestFlush:
    async def test_what_could_not_be_written_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def away(*_: Any) -> None:
            raise OperationalError("no answer")

        note()
        with monkeypatch.context() as patched, pytest.raises(OperationalError):
            patched.setattr(fetches, "in_database", away)
            await fetches.flush()
        note()
        [row] = await rows()
        assert row.count == 2

    async def test_nothing_noted_asks_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fetches, "in_database", None)
        await fetches.flush()

    async def test_two_processes_add_to_one_row(self) -> None:
        note()
        first = dict(fetches._noted)
        await fetches.flush()
        await in_database(fetches._write, first)
        [row] = await rows()
        assert row.count == 2

    async def test_the_background_task_writes_them_down(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "REFRESH_SECONDS", 0.01)
        note()
        task = asyncio.create_task(memory.keep_fresh())
        for _ in range(500):
            if await in_database(JWKSFetch.objects.count):
                break
            await asyncio.sleep(0.01)
        task.cancel()
        assert await in_database(JWKSFetch.objects.count) == 1


async def test_latest_is_one_per_visitor_and_leaves_strangers_out(epic: KeySet) -> None:
    note()
    note(etag='"b"', now=NOW + timedelta(hours=1))
    note(fetches.OTHERS)
    note(Visitor("192.0.2.8", ""), now=NOW + timedelta(hours=2))
    await fetches.flush()
    latest = await in_database(fetches.latest, epic)
    assert [(row.address, row.etag) for row in latest] == [
        ("192.0.2.8", '"a"'),
        ("192.0.2.7", '"b"'),
    ]
