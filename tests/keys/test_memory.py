import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet as JoseKeySet

from smartapp.database import in_database
from smartapp.keys import emergency, key_creation, lifecycle, material, memory, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.protocol import jwks
from smartapp.protocol.errors import ClientKeyError

pytestmark = pytest.mark.django_db(transaction=True)


async def create(slug: str, *algs: str) -> KeySet:
    now = timezone.now()
    return await in_database(key_creation.create_key_set, slug, algs=algs or ("ES384",), now=now)


def refuse_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError("a query, or a thread for one")

    monkeypatch.setattr(memory, "in_database", refused)


class TestSigner:
    async def test_both_smart_algorithms_sign_and_the_jwks_verifies_them(self) -> None:
        """C64: RS384 and ES384; signatures verify with the published keys."""
        await create("epic", "RS384", "ES384", "RS256")
        for alg in ("RS384", "ES384", "RS256"):
            signer = await memory.signer("epic", alg)
            token = jwt.encode(
                {"alg": alg, "kid": signer.kid}, {"n": 1}, signer.private_key, algorithms=[alg]
            )
            published = memory.published("epic")
            assert published is not None
            keys = JoseKeySet.import_key_set(json.loads(published.body))
            assert jwt.decode(token, keys, algorithms=[alg]).claims == {"n": 1}

    async def test_a_key_set_made_by_another_process_is_found(self) -> None:
        """register_ehr runs in its own process while we serve."""
        await memory.refresh()
        key_set = await create("late")
        signer = await memory.signer("late", "ES384")
        assert signer.kid == (await in_database(key_set.signing_keys.get)).kid

    async def test_an_unknown_line_is_a_client_key_error(self) -> None:
        await create("epic")
        with pytest.raises(ClientKeyError, match="key set epic has no RS256 key that signs"):
            await memory.signer("epic", "RS256")

    async def test_a_burst_of_misses_costs_one_refresh(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T24: strangers may request key sets that do not exist as often as they like."""
        loads = 0
        load = memory._load

        def counted(*args: Any) -> memory.Snapshot:
            nonlocal loads
            loads += 1
            return load(*args)

        monkeypatch.setattr(memory, "_load", counted)
        misses = (memory.signer(f"no-{number}", "ES384") for number in range(100))
        results = await asyncio.gather(*misses, return_exceptions=True)
        assert all(isinstance(result, ClientKeyError) for result in results)
        assert loads == 1

    async def test_misses_refresh_once_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "SECONDS_BETWEEN_MISSES", 0.2)
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            with pytest.raises(ClientKeyError):
                await memory.signer("nobody", "ES384")
        assert asyncio.get_running_loop().time() - began >= 0.4

    async def test_the_clock_decides_who_signs_not_the_refresh(self) -> None:
        """A retirement written by a machine whose clock is ahead takes effect at its time."""
        key_set = await create("epic")
        now = timezone.now()
        soon = now + timedelta(minutes=1)

        def rotate_soon() -> tuple[str, str]:
            old = key_set.signing_keys.get()
            new = key_creation.publish_next(key_set, "ES384", now=now, actor="test")
            SigningKey.objects.filter(pk=old.pk).update(signs_until=soon)
            SigningKey.objects.filter(pk=new.pk).update(signs_from=soon)
            return old.kid, new.kid

        old_kid, new_kid = await in_database(rotate_soon)
        await memory.refresh()
        just_before = soon - timedelta(microseconds=1)
        assert (await memory.signer("epic", "ES384", now=just_before)).kid == old_kid
        assert (await memory.signer("epic", "ES384", now=soon)).kid == new_kid

    async def test_a_machine_whose_clock_is_behind_signs_with_the_key_of_the_others(self) -> None:
        """Also a moment after a compromised key was dropped by a machine whose clock is right."""
        await create("epic")
        behind = timezone.now() - timedelta(minutes=10)
        right = await memory.signer("epic", "ES384")
        assert await memory.signer("epic", "ES384", now=behind) == right
        assert memory.previous_signer("epic", "ES384", now=behind) is None

    async def test_each_private_key_is_parsed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        open_private_key, refresh = material.open_private_key, memory.refresh

        def counted(row: SigningKey) -> material.PrivateKey:
            opened.append(row.kid)
            return open_private_key(row)

        async def not_now() -> None:
            """The server of another test, in this process, would read the new keys too."""

        monkeypatch.setattr(memory, "refresh", not_now)
        monkeypatch.setattr(memory, "open_private_key", counted)
        await create("epic", "ES384", "RS384")
        for _ in range(3):
            await refresh()
            await memory.signer("epic", "ES384")
            await memory.signer("epic", "RS384")
        assert len(opened) == len(set(opened)) == 2

    async def test_a_key_that_does_not_open_silences_only_itself(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """T21: a private key moved from another row cannot be unsealed; the others go on
        signing."""
        first, second = await create("one"), await create("two")

        def move() -> None:
            moved = second.signing_keys.get().sealed_private_key
            first.signing_keys.update(sealed_private_key=moved)

        await in_database(move)
        memory.forget()  # the server of another test may have read it in between
        assert (await memory.signer("two", "ES384")).alg == "ES384"
        with pytest.raises(ClientKeyError):
            await memory.signer("one", "ES384")
        assert "sealed for another place" in caplog.text

    async def test_a_signer_shows_no_private_half(self) -> None:
        """T23: not in a log line, not in a traceback."""
        await create("epic")
        signer = await memory.signer("epic", "ES384")
        assert repr(signer) == f"Signer(kid='{signer.kid}', alg='ES384')"


class TestPublished:
    async def test_is_pure_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """T24: no query, no thread, no serialising: the same object each time."""
        await create("epic")
        await memory.refresh()
        refuse_sql(monkeypatch)
        monkeypatch.setattr(jwks, "jwks_document", None)
        assert memory.published("epic") is memory.published("epic")
        assert memory.published("nobody") is None

    async def test_a_warm_signer_is_pure_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        await create("epic")
        await memory.refresh()
        refuse_sql(monkeypatch)
        assert (await memory.signer("epic", "ES384")).alg == "ES384"

    async def test_a_refresh_is_one_statement(self) -> None:
        """Two statements could see two states: a signer that is missing in the JWKS."""
        await create("one")
        await create("two", "ES384", "RS384")

        def statements() -> int:
            with connection.execute_wrapper(count):
                memory._load(1, {})
            return counted

        counted = 0

        def count(execute: Callable[..., Any], *args: Any) -> Any:
            nonlocal counted
            counted += 1
            return execute(*args)

        assert await in_database(statements) == 1

    async def test_a_signer_is_always_published_in_the_same_snapshot(self) -> None:
        """The process never signs with a key that its JWKS does not contain."""
        key_set = await create("epic", "ES384", "RS384")
        now = timezone.now()

        def rotate() -> None:
            later = now + waits.WHERE_UNKNOWN
            key_creation.publish_next(key_set, "ES384", now=now, actor="test")
            lifecycle.start_signing(key_set, "ES384", now=later, actor="test")

        await in_database(rotate)
        await memory.refresh()
        snapshot = memory._snapshot
        shown = {key["kid"] for key in json.loads(snapshot.published["epic"].body)["keys"]}
        assert set(snapshot.private_keys()) <= shown
        assert len(shown) == 3


class TestRefresh:
    async def test_the_later_look_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two refreshes overlap, and the one that started first ends last."""
        first_may_answer = asyncio.Event()

        async def first_is_slow(work: Callable[..., Any], *args: Any) -> Any:
            is_first = not first_may_answer.is_set()
            result = await in_database(work, *args)
            if is_first:
                await first_may_answer.wait()
            return result

        monkeypatch.setattr(memory, "in_database", first_is_slow)
        slow = asyncio.create_task(memory.refresh())
        await asyncio.sleep(0.1)
        await create("epic")
        first_may_answer.set()
        await asyncio.gather(memory.refresh(), slow)
        assert memory.published("epic")

    @pytest.mark.parametrize("error", [OperationalError, RuntimeError])
    async def test_survives_whatever_goes_wrong(
        self,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        error: type[Exception],
    ) -> None:
        await create("epic")
        await memory.refresh()
        before = memory.published("epic")

        async def away(*args: object) -> None:
            raise error("no answer")

        with monkeypatch.context() as patched:
            patched.setattr(memory, "in_database", away)
            patched.setattr(memory, "REFRESH_SECONDS", 0.01)
            task = asyncio.create_task(memory.keep_fresh())
            await asyncio.sleep(0.05)
            assert memory.published("epic") is before
            assert "the previous ones stay" in caplog.text
            patched.undo()
            await create("new")
            await asyncio.sleep(0.2)
        task.cancel()
        assert not task.done() or task.cancelled()

    async def test_what_this_process_changes_it_knows_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A compromised key leaves the JWKS at once, not at the next refresh."""
        monkeypatch.setattr(memory, "REFRESH_SECONDS", 3600)
        key_set = await create("epic")
        await memory.refresh()
        task = asyncio.create_task(memory.keep_fresh())
        await asyncio.sleep(0)  # it listens from here on
        new = await in_database(
            lambda: emergency.replace_at_once(
                key_set, "ES384", now=timezone.now(), actor="test", typed="epic", reason="a test"
            )
        )
        for _ in range(100):
            published = memory.published("epic")
            if published and published.kids == (new.kid,):
                break
            await asyncio.sleep(0.02)
        task.cancel()
        assert published
        assert published.kids == (new.kid,)
        assert (await memory.signer("epic", "ES384")).kid == new.kid

    async def test_a_loop_that_is_gone_is_nobody_to_wake(self) -> None:
        loop = asyncio.new_event_loop()
        loop.close()
        memory._waker = loop, asyncio.Event()
        await create("epic")
        memory._waker = None

    async def test_a_withdrawn_key_leaves_memory(self) -> None:
        """The key leaves the JWKS, and its private key the process."""
        key_set = await create("epic")
        now = timezone.now()

        def rotate() -> str:
            old = key_set.signing_keys.get()
            signs = now + waits.WHERE_UNKNOWN
            over = signs + waits.BEFORE_WITHDRAWAL
            key_creation.publish_next(key_set, "ES384", now=now, actor="test")
            lifecycle.start_signing(key_set, "ES384", now=signs, actor="test")
            lifecycle.withdraw(key_set, "ES384", now=over, actor="test")
            return old.kid

        await memory.refresh()
        kid = await in_database(rotate)
        await memory.refresh()
        published = memory.published("epic")
        assert published is not None
        assert kid not in published.body.decode()
        assert kid not in memory._snapshot.private_keys()


def default_slug() -> str | None:
    published = memory.published()
    return published.slug if published else None


class TestDefaultKeySet:
    async def test_none_without_key_sets(self) -> None:
        await memory.refresh()
        assert memory.published() is None
        assert memory.can_sign() is False

    async def test_the_oldest_until_one_is_named_default(self) -> None:
        await create("zebra")
        await create("adder")
        await memory.refresh()
        assert default_slug() == "zebra"
        await create("default")
        await memory.refresh()
        assert default_slug() == "default"
        assert memory.can_sign() is True
        await in_database(SigningKey.objects.update, signs_until=timezone.now())
        await memory.refresh()
        assert memory.can_sign() is False
