"""Tokens that are not needed any more: deleted here at once, and the EHR is told (C133, T34).

That no token is in the database or a log is checked after each test of this folder.
"""

import asyncio
import html
import io
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import ProtectedError, QuerySet
from django.test import Client
from django.utils import timezone

from smartapp import http, vault
from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.exchange.revocation import Told
from smartapp.launches import ending, pending_revocations, refresh, refresh_lease, store
from smartapp.launches.models import EndReason, Launch, Revocation
from smartapp.registrations.models import Endpoint, Registration
from tests.diagnosis.test_attempts import administrator
from tests.launches.conftest import (
    Browser,
    asked_for_tokens,
    leave_during_token_request,
    new_browser,
    row,
    until,
)
from tests.launches.test_security import expire_in
from tests.scripted_ehr import CANARY, ScriptedEHR

Start = Callable[[], str]
END = "/admin/launches/launch/end/"
TELL = "/admin/launches/revocation/tell/"


@pytest.fixture(autouse=True)
async def no_connection_left() -> AsyncIterator[None]:
    """`work_off` runs in the test's own event loop here."""
    yield
    await http.close()


async def disconnect(browser: Browser, uuid: UUID) -> None:
    async with browser.http.post(f"{browser.app}/launches/{uuid}/end/") as response:
        assert response.status == 410


@pytest.fixture
async def untold(browser: Browser, ehr: ScriptedEHR, ehr_launch: Start) -> UUID:
    """A disconnected launch, of which an EHR that is away could not be told yet."""
    uuid = await browser.launch(ehr_launch())
    ehr.revoke_status = 503
    await disconnect(browser, uuid)
    return uuid


async def waiting() -> list[Revocation]:
    return await in_database(list, Revocation.objects.order_by("asked_at"))


async def later(**elapsed: float) -> None:
    """Let so much time pass for all that waits."""
    by = timedelta(**elapsed)
    for one in await waiting():
        changed = {"not_before": one.not_before - by, "asked_at": one.asked_at - by}
        await in_database(Revocation.objects.filter(pk=one.pk).update, **changed)


async def work_off() -> int:
    return await pending_revocations.work_off(within_seconds=20)


class TestDisconnect:
    async def test_refresh_token_goes_first_then_the_access_token(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C133, RFC 7009 §2.1: each with its hint, from a client that authenticates."""
        uuid = await browser.launch(ehr_launch())
        await disconnect(browser, uuid)
        hints = [one["token_type_hint"] for one in ehr.revocations]
        assert hints == ["refresh_token", "access_token"]
        assert all(one["client_assertion"] for one in ehr.revocations)
        assert (await row(uuid)).end_reason == EndReason.DISCONNECTED
        assert await waiting() == []

    async def test_ehr_that_is_away_is_told_later(self, ehr: ScriptedEHR, untold: UUID) -> None:
        """RFC 7009 §2.2.1: a 503 means that the token still lives, and to try again."""
        ended = await row(untold)
        assert (ended.sealed_tokens, ended.end_reason) == ("", EndReason.NOT_REVOKED)
        (one,) = await waiting()
        assert (one.failure, one.attempts) == ("status-503", 1)
        assert await work_off() == 0  # not before its time
        ehr.revoke_status = 200
        await later(minutes=3)
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()
        assert await waiting() == []
        assert (await row(untold)).end_reason == EndReason.DISCONNECTED

    @pytest.mark.parametrize(
        ("asked", "waits"),
        [
            ("1800", 1800),
            ("999999", 3600),
            ("Fri, 01 Jan 2999 00:00:00 GMT", 3600),
            ("0", 60),
            ("soon", 60),
        ],
    )
    async def test_retry_after_is_kept_to_within_reason(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, asked: str, waits: int
    ) -> None:
        """RFC 7009 §2.2.1."""
        uuid = await browser.launch(ehr_launch())

        async def away(_: web.Request) -> web.Response:
            return web.Response(status=503, headers={"Retry-After": asked})

        ehr.revoke_answer = away
        await disconnect(browser, uuid)
        (one,) = await waiting()
        assert abs((one.not_before - timezone.now()).total_seconds() - waits) < 20

    async def test_ehr_that_cannot_revoke_access_tokens_has_been_told_all(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """RFC 7009 §2.2.1: unsupported_token_type."""
        uuid = await browser.launch(ehr_launch())

        async def refresh_tokens_only(request: web.Request) -> web.Response:
            if (await request.post())["token_type_hint"] == "refresh_token":
                return web.Response()
            return web.json_response({"error": "unsupported_token_type"}, status=400)

        ehr.revoke_answer = refresh_tokens_only
        await disconnect(browser, uuid)
        assert (await row(uuid)).end_reason == EndReason.DISCONNECTED

    @pytest.mark.parametrize("refresh_token", ["refresh", None])
    async def test_ehr_that_can_revoke_none_of_our_tokens_has_confirmed_nothing(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, refresh_token: str | None
    ) -> None:
        """They stay valid, and asking again does not help."""
        ehr.refresh_token = refresh_token
        uuid = await browser.launch(ehr_launch())

        async def cannot(_: web.Request) -> web.Response:
            return web.json_response({"error": "unsupported_token_type"}, status=400)

        ehr.revoke_answer = cannot
        await disconnect(browser, uuid)
        assert (await row(uuid)).end_reason == EndReason.NOT_REVOCABLE
        assert await waiting() == []

    async def test_ehr_that_answers_without_content_has_been_told(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        ehr.revoke_status = 204
        await disconnect(browser, uuid)
        assert (await row(uuid)).end_reason == EndReason.DISCONNECTED
        assert await waiting() == []

    async def test_process_that_stops_half_way_costs_no_revocation(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The tokens are gone here, and still known for the EHR, whatever happens between."""
        uuid = await browser.launch(ehr_launch())

        async def killed(_: UUID) -> None:
            raise RuntimeError("power cut")

        monkeypatch.setattr(pending_revocations, "tell", killed)
        async with browser.http.post(f"{browser.app}/launches/{uuid}/end/"):
            pass
        assert (await row(uuid)).sealed_tokens == ""
        monkeypatch.undo()
        assert await work_off() == 0  # its lease is not over
        await later(minutes=3)
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_two_processes_do_not_tell_the_ehr_twice(
        self, ehr: ScriptedEHR, untold: UUID
    ) -> None:
        ehr.revoke_status = 200
        await later(minutes=3)
        ehr.revocations.clear()
        assert sum(await asyncio.gather(work_off(), work_off(), work_off())) == 1
        assert len(ehr.revocations) == 2

    async def test_it_is_given_up_after_a_week_and_said_so(
        self, untold: UUID, admin: Client
    ) -> None:
        await later(days=8)
        assert await work_off() == 0
        (one,) = await waiting()
        assert one.sealed_tokens == ""
        assert one.given_up_at is not None
        out = io.StringIO()

        await in_database(lambda: call_command("doctor", "scripted", stdout=out))
        assert "given up 1, last failure status-503" in out.getvalue()
        response = await in_database(admin.get, "/admin/launches/revocation/")
        assert "given up" in text_of(response)
        assert await in_database(pending_revocations.purge_batch, timezone.now()) == 0
        month = timezone.now() + timedelta(days=31)
        assert await in_database(pending_revocations.purge_batch, month) == 1

    async def test_tokens_are_not_kept_longer_when_nobody_tries(self, untold: UUID) -> None:
        """C133: whatever kept it from being tried."""
        await later(days=8)
        await in_database(pending_revocations.purge_batch, timezone.now())
        (one,) = await waiting()
        assert one.sealed_tokens == ""
        assert one.given_up_at is not None

    async def test_fault_of_our_own_keeps_nobody_else_waiting(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ehr.revoke_status = 503
        for _ in range(2):
            await disconnect(browser, await browser.launch(ehr_launch()))
        ehr.revoke_status = 200
        await later(hours=2)
        broken = (await waiting())[0].pk
        load = pending_revocations.load

        def sometimes(pk: UUID) -> object:
            if pk == broken:
                raise RuntimeError
            return load(pk)

        monkeypatch.setattr(pending_revocations, "load", sometimes)
        assert await work_off() == 1
        (one,) = await waiting()
        assert (one.pk, one.failure) == (broken, "unexpected-error")

    async def test_endpoint_does_not_go_before_its_ehr_was_told(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C133: with the row the tokens would go, and the EHR would go on taking them."""
        ehr.revoke_status = 503
        await disconnect(browser, await browser.launch(ehr_launch()))

        def delete() -> None:
            Launch.objects.all().delete()
            Endpoint.objects.get().delete()

        with pytest.raises(ProtectedError):
            await in_database(delete)
        await in_database(Revocation.objects.update, given_up_at=timezone.now())
        await in_database(delete)
        assert await waiting() == []

    async def test_tokens_that_come_from_a_refresh_after_the_end_are_revoked_too(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C123: what the EHR gave while the person disconnected."""
        ehr.token_delay = 1.0
        refreshing = asyncio.create_task(browser.get(f"/launches/{expired}/"))
        await asked_for_tokens(ehr, 2)
        await disconnect(browser, expired)
        assert (await refreshing).status == 410
        assert len(ehr.valid_access_tokens) == 1
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_it_survives_a_change_of_the_key_ring(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, settings: Any
    ) -> None:
        """T21: `reseal` knows the column, and a value belongs to its row."""
        for _ in range(2):
            uuid = await browser.launch(ehr_launch())
            ehr.revoke_status = 503
            await disconnect(browser, uuid)
        settings.ENCRYPTION_KEYS = f"{vault.new_key()},{settings.ENCRYPTION_KEYS}"
        await in_database(call_command, "reseal", stdout=io.StringIO())
        settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS.partition(",")[0]
        one, other = await waiting()
        moved = Revocation.objects.filter(pk=one.pk)
        await in_database(moved.update, sealed_tokens=other.sealed_tokens)
        await later(minutes=3)
        ehr.revoke_status = 200
        assert await work_off() == 1
        (left,) = await waiting()
        assert (left.pk, left.failure) == (one.pk, "tokens-do-not-open")

    async def test_ehr_is_told_of_the_last_persons_launch_on_a_shared_workstation(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T18: the next one's launch closes it."""
        await browser.launch(ehr_launch())
        ehr.id_token_claims = {"sub": f"{CANARY}-next"}
        await browser.launch(ehr_launch())
        assert len(ehr.valid_access_tokens) == 2
        assert await work_off() == 1
        assert len(ehr.valid_access_tokens) == 1

    async def test_ehr_is_told_of_a_launch_that_its_fhir_server_ended(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C141: its authorization server has just renewed the tokens."""

        async def unauthorized(_: web.Request) -> web.Response:
            return web.Response(status=401)

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = unauthorized
        assert (await browser.get(f"/launches/{uuid}/")).status == 410
        assert await work_off() == 1
        hints = [one["token_type_hint"] for one in ehr.revocations]
        assert hints == ["refresh_token", "access_token"]

    async def test_ehr_is_told_of_a_launch_that_the_alarm_ended(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C126: its tokens would open another patient's record."""

        async def other_patient(_: web.Request) -> web.Response:
            return web.json_response(ehr.token_response("openid") | {"patient": "p-2"})

        ehr.token_answer = other_patient
        assert (await browser.get(f"/launches/{expired}/")).status == 409
        await later(minutes=3)
        assert await work_off() == 2  # what the launch had, and what came for the other patient
        hints = sorted(one["token_type_hint"] for one in ehr.revocations)
        assert hints == ["access_token"] * 2 + ["refresh_token"] * 2

    async def test_maintain_works_it_off(self, ehr: ScriptedEHR, untold: UUID) -> None:
        ehr.revoke_status = 200
        await later(minutes=3)
        out = io.StringIO()
        await in_database(call_command, "maintain", stdout=out)
        assert "Revoked at their EHR: 1; still to do: 0." in out.getvalue()


Change = Callable[[dict[str, Any]], object]
UNUSABLE: list[Change] = [
    lambda answer: answer.update(token_type="mac"),
    lambda answer: answer.pop("token_type"),
    lambda answer: answer.update(expires_in="soon"),
    lambda answer: answer.update(scope=["openid"]),
    lambda answer: answer.update(id_token=7),
    lambda answer: answer.update({f"member-{number}": 1 for number in range(250)}),
    lambda answer: answer.update(state=float("nan")),
    lambda answer: answer.update(access_token="a token with spaces"),
]


def answering(ehr: ScriptedEHR, change: Change) -> set[str]:
    """Let the EHR give tokens in an answer so changed; return the tokens, once it has."""
    given: set[str] = set()

    async def answer(_: web.Request) -> web.Response:
        members = ehr.token_response("openid")
        change(members)
        held = (members.get(name) for name in ("access_token", "refresh_token"))
        given.update(value for value in held if value)
        return web.json_response(members)

    ehr.token_answer = answer
    return given


def told(ehr: ScriptedEHR) -> set[str]:
    return {one["token"] for one in ehr.revocations}


class TestTokensThatNobodyHas:
    """C133, T34: what the EHR issued and this app refused, lost or let expire."""

    async def test_of_a_refused_id_token(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.id_token_claims = {"aud": "somebody-else"}
        refused = await browser.get(await browser.to_callback(ehr_launch()))
        assert refused.status >= 400
        assert len(ehr.valid_access_tokens) == 1
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()
        assert len(ehr.revocations) == 2

    async def test_of_an_unusable_context(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.patient = "not a FHIR id"
        refused = await browser.get(await browser.to_callback(ehr_launch()))
        assert refused.status >= 400
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    @pytest.mark.parametrize("wrong", UNUSABLE)
    async def test_of_an_answer_that_cannot_be_used(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, wrong: Change
    ) -> None:
        """C80: whatever is wrong with it, the EHR takes the tokens that it holds."""
        given = answering(ehr, wrong)
        refused = await browser.get(await browser.to_callback(ehr_launch()))
        assert refused.status == 502
        assert ehr.revocations == []  # the page does not wait for it
        assert await work_off() == 1
        assert told(ehr) == given

    async def test_of_an_answer_with_a_refresh_token_only(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C80: it would be good there for months."""
        given = answering(ehr, lambda answer: answer.pop("access_token"))
        await browser.get(await browser.to_callback(ehr_launch()))
        assert await work_off() == 1
        assert told(ehr) == given

    async def test_of_a_browser_that_left_during_the_exchange(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C124's care for the first tokens: the key to them has reached nobody, so nobody could
        open or disconnect this launch."""
        callback = await browser.to_callback(ehr_launch())
        ehr.token_delay = 0.6
        await leave_during_token_request(browser, ehr, callback)
        await until(lambda: bool(ehr.valid_access_tokens))
        await until(Revocation.objects.exists)
        launch = await in_database(Launch.objects.get)
        assert (launch.end_reason, launch.sealed_tokens) == (EndReason.FAILED, "")
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()
        assert len(told(ehr)) == 2

    async def test_of_a_browser_that_left_while_the_launch_was_stored(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The row has its tokens by then, and its cookie was not sent."""
        callback = await browser.to_callback(ehr_launch())
        complete = store.complete
        stores, has_stored = Event(), Event()

        def slowly(*args: Any, **kwargs: Any) -> None:
            stores.set()
            time.sleep(0.6)
            try:
                complete(*args, **kwargs)
            finally:
                has_stored.set()

        monkeypatch.setattr(store, "complete", slowly)
        request = asyncio.create_task(browser.get(callback))
        assert await asyncio.to_thread(stores.wait, 20)
        request.cancel()
        await until(Revocation.objects.exists)
        assert await asyncio.to_thread(has_stored.wait, 20)
        launch = await in_database(Launch.objects.get)
        assert (launch.end_reason, launch.sealed_tokens) == (EndReason.FAILED, "")
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_while_the_database_is_away(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What cannot even be written down for later is told at once."""

        def away(*_: object, **__: object) -> None:
            raise OperationalError("no connection")

        callback = await browser.to_callback(ehr_launch())
        monkeypatch.setattr(store, "complete", away)
        monkeypatch.setattr(store, "close_unfinished", away)
        assert "This sign-in was lost" in await (await browser.get(callback)).text()
        await until(lambda: len(ehr.revocations) == 2)
        assert ehr.valid_access_tokens == set()

    async def test_of_a_launch_that_could_not_be_stored(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Its row does not stay half open either, and the page promises no second try: the state
        is used up (C50)."""

        def full(*_: object, **__: object) -> None:
            raise OperationalError("disk full")

        monkeypatch.setattr(store, "complete", full)
        refused = await browser.get(await browser.to_callback(ehr_launch()))
        assert refused.status == 503
        assert "This sign-in was lost" in await refused.text()
        assert "Refresh" not in refused.headers
        (launch,) = await in_database(list, Launch.objects.all())
        assert launch.end_reason == EndReason.FAILED
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_none_of_a_refused_code(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """There is nothing to tell of."""

        async def refusal(_: web.Request) -> web.Response:
            return web.json_response({"error": "invalid_grant"}, status=400)

        ehr.token_answer = refusal
        await browser.get(await browser.to_callback(ehr_launch()))
        assert await waiting() == []

    @pytest.mark.parametrize(
        "refused",
        [
            lambda answer, ehr: answer.update(id_token=ehr.id_token(answer["access_token"], "")),
            lambda answer, ehr: answer.update(expires_in="soon"),
        ],
        ids=["C98", "C80"],
    )
    async def test_of_a_refused_answer_to_a_refresh(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        expired: UUID,
        refused: Callable[[dict[str, Any], ScriptedEHR], object],
    ) -> None:
        """C98, C80: the launch keeps the tokens it has, for a disconnection; nobody has the new
        ones."""
        ehr.id_token_claims = {"sub": f"{CANARY}-somebody-else"}
        given = answering(ehr, lambda answer: refused(answer, ehr))
        assert (await browser.get(f"/launches/{expired}/")).status == 410
        assert ehr.revocations == []
        assert await work_off() == 1
        assert told(ehr) == given
        left = await row(expired)
        assert left.ended_at is None
        assert left.sealed_tokens

    async def test_but_not_of_a_refresh_token_that_the_launch_keeps(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C122: an EHR that does not rotate sends the same one with each answer."""
        await in_database(Registration.objects.update, refresh_tokens_persist=True)
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)

        def the_same(answer: dict[str, Any]) -> None:
            kept = ehr.token_requests[-1]["refresh_token"]
            answer.update(refresh_token=kept, expires_in="soon")

        given = answering(ehr, the_same)
        assert (await browser.get(f"/launches/{uuid}/")).status == 502
        assert await work_off() == 1
        assert told(ehr) == given - {ehr.token_requests[-1]["refresh_token"]}

    async def test_of_a_refresh_that_could_not_be_stored(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C124: the database is away, and stays away."""

        def away(*_: object, **__: object) -> None:
            raise OperationalError("no connection")

        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)
        monkeypatch.setattr(refresh, "STORE_AGAIN_SECONDS", ())
        monkeypatch.setattr(refresh_lease, "store_renewed", away)
        monkeypatch.setattr(store, "hand_over", away)
        given = answering(ehr, lambda answer: None)
        assert (await browser.get(f"/launches/{uuid}/")).status == 503
        await until(lambda: told(ehr) == given)

    @pytest.mark.parametrize(
        ("refresh_token", "ring", "taken"),
        [("refresh", "", 1), (None, "", 0), ("refresh", vault.new_key(), 1)],
        ids=["with", "without", "by a process that lacks their key"],
    )
    async def test_of_an_expired_launch_with_a_refresh_token(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        settings: Any,
        refresh_token: str | None,
        ring: str,
        taken: int,
    ) -> None:
        """It may stay good for months there; an access token ends by itself."""
        ehr.refresh_token = refresh_token
        await browser.launch(ehr_launch())
        await in_database(Session.objects.update, expire_date=timezone.now() - timedelta(hours=1))
        right, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, ring or settings.ENCRYPTION_KEYS
        assert await in_database(ending.purge_batch, timezone.now()) == 1
        assert not await in_database(Launch.objects.exists)
        settings.ENCRYPTION_KEYS = right
        assert await work_off() == taken
        assert bool(ehr.valid_access_tokens) == (not taken)

    async def test_which_the_command_that_django_recommends_deletes(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """Django's own would take the launches along without a word to their EHRs."""
        await browser.launch(ehr_launch())
        await in_database(Session.objects.update, expire_date=timezone.now() - timedelta(hours=1))
        await in_database(partial(call_command, "clearsessions", stdout=io.StringIO()))
        assert not await in_database(Launch.objects.exists)
        assert await work_off() == 1
        assert not ehr.valid_access_tokens


class TestTwoProcessesSettle:
    """What one writes the other does not undo."""

    NOT_DONE = Told("status-503")

    async def settled_while(
        self, change: Callable[[], object], pk: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Settle, and let another process do something between reading and writing."""
        first = QuerySet.first

        def then_the_other(rows: QuerySet[Any]) -> Any:
            found = first(rows)
            change()
            return found

        monkeypatch.setattr(QuerySet, "first", then_the_other)
        await in_database(pending_revocations.settle, pk, self.NOT_DONE, timezone.now())
        monkeypatch.undo()

    async def test_row_that_is_done_does_not_come_back(
        self, untold: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one,) = await waiting()
        await self.settled_while(Revocation.objects.all().delete, one.pk, monkeypatch)
        assert await waiting() == []

    async def test_reseal_is_not_undone(
        self, untold: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one,) = await waiting()
        await self.settled_while(
            lambda: Revocation.objects.update(sealed_tokens="resealed"), one.pk, monkeypatch
        )
        (after,) = await waiting()
        assert (after.sealed_tokens, after.attempts) == ("resealed", 2)


def text_of(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def confirmed(client: Client, path: str, **fields: str) -> str:
    """Choose, then confirm as the page's own form does; return the last page."""
    page = text_of(client.post(path, fields) if fields else client.get(path))
    assert CANARY not in page
    found = re.search(r'name="(registration|endpoint|launch|person)" value="([^"]+)"', page)
    assert found, page
    return text_of(client.post(END, {found[1]: found[2], "confirm": "yes"}, follow=True))


@pytest.fixture
def admin(registered: Endpoint) -> Client:
    return administrator()


class TestRevokeAll:
    """C133: of an EHR, of a person, of one session."""

    async def test_of_an_ehr(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        registered: Endpoint,
        admin: Client,
    ) -> None:
        """They end here at once, before any EHR is asked."""
        uuids = [await browser.launch(ehr_launch()) for _ in range(3)]
        uuids.append(await browser.launch("/connect/scripted/"))
        response = await in_database(admin.get, f"{END}?endpoint={registered.pk}")
        assert "4 launches are open" in text_of(response)
        assert ehr.revocations == []
        page = await in_database(confirmed, admin, f"{END}?endpoint={registered.pk}")
        assert "Ended here: 4" in page
        assert ehr.revocations == []
        for uuid in uuids:
            assert (await browser.get(f"/launches/{uuid}/")).status == 410
            ended = await row(uuid)
            assert (ended.sealed_tokens, ended.end_reason) == ("", EndReason.ADMINISTRATOR)
        assert await work_off() == 4
        assert ehr.valid_access_tokens == set()
        (event,) = await in_database(list, AuditEvent.objects.filter(action="launch.end"))
        assert (event.actor, event.detail) == ("root", {"launches": 4})

    async def test_of_an_ehr_that_was_switched_off(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        registered: Endpoint,
        admin: Client,
    ) -> None:
        """T34: above all then must its tokens go."""
        await browser.launch(ehr_launch())
        await in_database(Registration.objects.update, enabled=False)
        pk = registered.registration_id
        await in_database(confirmed, admin, f"{END}?registration={pk}")
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_of_a_person_by_subject(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start, admin: Client
    ) -> None:
        """In every browser, and nobody else's; the subject is in no address and on no page."""
        async with new_browser(app) as one, new_browser(app) as two, new_browser(app) as other:
            mine = [await one.launch(ehr_launch()), await two.launch(ehr_launch())]
            ehr.id_token_claims = {"sub": f"{CANARY}-somebody-else"}
            theirs = await other.launch(ehr_launch())
            page = await in_database(confirmed, admin, END, iss=ehr.issuer, sub=f"{CANARY}-subject")
            assert "Ended here: 2" in page
            for uuid in mine:
                assert (await row(uuid)).end_reason == EndReason.ADMINISTRATOR
            assert (await row(theirs)).ended_at is None
            assert (await other.get(f"/launches/{theirs}/")).status == 200

    async def test_of_a_person_says_which_it_could_not_look_into(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, admin: Client, settings: Any
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        settings.ENCRYPTION_KEYS = vault.new_key()
        asked = {"iss": ehr.issuer, "sub": f"{CANARY}-subject"}
        page = text_of(await in_database(admin.post, END, asked))
        assert "Not looked into: 1" in page
        assert "has no open launch" not in page
        assert (await row(uuid)).ended_at is None

    async def test_by_a_process_that_lacks_their_key_is_done_by_one_that_has_it(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, registered: Endpoint,
        admin: Client, settings: Any,
    ) -> None:  # fmt: skip
        await browser.launch(ehr_launch())
        ring, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, vault.new_key()
        pk = registered.registration_id
        page = await in_database(confirmed, admin, f"{END}?registration={pk}")
        assert "Ended here: 1" in page
        assert "waits for a process with its key" in page
        assert await work_off() == 0
        assert [one.attempts for one in await waiting()] == [0]
        settings.ENCRYPTION_KEYS = ring
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_of_a_person_without_open_launches_says_what_to_check(
        self, ehr: ScriptedEHR, registered: Endpoint, admin: Client
    ) -> None:
        asked = {"iss": ehr.issuer, "sub": "nobody"}
        page = text_of(await in_database(admin.post, END, asked))
        said = f"This person has no open launch at <strong>{ehr.issuer}</strong>."
        assert f"{said} Check the subject and the issuer." in page
        assert "nobody" not in page

    async def test_of_the_person_of_a_launch(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start, admin: Client
    ) -> None:
        async with new_browser(app) as one, new_browser(app) as two:
            first, second = await one.launch(ehr_launch()), await two.launch(ehr_launch())
            page = await in_database(confirmed, admin, f"{END}?person_of={first}")
            assert "Ended here: 2" in page
            assert (await row(second)).sealed_tokens == ""

    async def test_of_a_person_whose_issuer_the_endpoint_no_longer_names(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, admin: Client
    ) -> None:
        """C133: the issuer that vouched is the one sealed with the launch."""
        uuid = await browser.launch(ehr_launch())
        await in_database(Endpoint.objects.update, issuers=["https://other.example"])
        page = await in_database(confirmed, admin, f"{END}?person_of={uuid}")
        assert "Ended here: 1" in page
        assert (await browser.get(f"/launches/{uuid}/")).status == 410

    async def test_subject_in_an_address_is_not_read(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, admin: Client
    ) -> None:
        """C133: addresses stand in histories and logs."""
        await browser.launch(ehr_launch())
        sent = {"iss": ehr.issuer, "sub": f"{CANARY}-subject"}
        page = text_of(await in_database(admin.get, END, sent))
        assert "Choose which." in page

    async def test_empty_choice_beside_another_is_none(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        registered: Endpoint,
        admin: Client,
    ) -> None:
        await browser.launch(ehr_launch())
        path = f"{END}?registration=&endpoint={registered.pk}"
        assert "Ended here: 1" in await in_database(confirmed, admin, path)

    async def test_launch_in_its_code_exchange_ends_too(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        registered: Endpoint,
        admin: Client,
    ) -> None:
        """C133: it would have a page in a moment. What the EHR gives for its code is revoked."""
        callback = await browser.to_callback(ehr_launch())
        ehr.token_delay = 2.0
        finishing = asyncio.create_task(browser.get(callback))
        await asked_for_tokens(ehr, 1)
        page = await in_database(confirmed, admin, f"{END}?endpoint={registered.pk}")
        assert "Ended here: 1" in page
        finished = await finishing
        assert finished.status == 410
        assert "An administrator of this app ended" in await finished.text()
        (launch,) = await in_database(list, Launch.objects.all())
        assert (launch.session_id, launch.sealed_tokens) == (None, "")
        assert launch.end_reason == EndReason.ADMINISTRATOR
        assert len(ehr.valid_access_tokens) == 1
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_launch_that_begins_during_the_run_ends_too(
        self,
        browser: Browser,
        ehr_launch: Start,
        registered: Endpoint,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C133: whatever its uuid, which the run may be beyond already."""
        await browser.launch(ehr_launch())
        end_batch = ending._end_batch
        born = [UUID(int=1)]

        def meanwhile(*batch: Any) -> int:
            ended = end_batch(*batch)
            if born:
                Launch.objects.create(
                    uuid=born.pop(),
                    endpoint=registered,
                    kind="ehr",
                    state_digest="born",
                    launched_at=timezone.now(),
                )
            return ended

        monkeypatch.setattr(ending, "_end_batch", meanwhile)
        selection = ending.at_endpoint(registered)
        ended = await in_database(lambda: ending.end(selection, actor="root"))
        assert (ended.count, ended.is_complete) == (2, True)
        assert not await in_database(Launch.objects.filter(ended_at=None).exists)

    async def test_launch_whose_session_has_expired_ends_too(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, registered: Endpoint
    ) -> None:
        """C133: its EHR still takes its tokens."""
        await browser.launch(ehr_launch())
        await in_database(Session.objects.update, expire_date=timezone.now() - timedelta(hours=1))
        selection = ending.at_endpoint(registered)
        assert (await in_database(lambda: ending.end(selection, actor="root"))).count == 1
        assert await work_off() == 1
        assert ehr.valid_access_tokens == set()

    async def test_of_one_session(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, admin: Client
    ) -> None:
        """Each launch has a session of its own."""
        one, two = await browser.launch(ehr_launch()), await browser.launch(ehr_launch())
        assert "Ended here: 1" in await in_database(confirmed, admin, f"{END}?launch={one}")
        assert (await browser.get(f"/launches/{one}/")).status == 410
        assert (await browser.get(f"/launches/{two}/")).status == 200

    async def test_what_was_interrupted_goes_on(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        registered: Endpoint,
        monkeypatch: pytest.MonkeyPatch,
        admin: Client,
    ) -> None:
        for _ in range(5):
            await browser.launch(ehr_launch())
        monkeypatch.setattr(ending, "BATCH", 2)
        monkeypatch.setattr(ending, "READ_AT_ONCE", 3)
        monkeypatch.setattr(ending, "SECONDS_PER_REQUEST", -1)
        page = await in_database(confirmed, admin, f"{END}?endpoint={registered.pk}")
        assert "2 are ended; there was no time for more." in page
        assert "3 launches are open" in page
        monkeypatch.setattr(ending, "SECONDS_PER_REQUEST", 20)
        page = await in_database(confirmed, admin, f"{END}?endpoint={registered.pk}")
        assert "Ended here: 3" in page

    async def test_button_tells_the_ehrs_now(
        self, ehr: ScriptedEHR, untold: UUID, admin: Client
    ) -> None:
        ehr.revoke_status = 200
        await in_database(
            Revocation.objects.update, not_before=timezone.now() + timedelta(minutes=30)
        )
        response = await in_database(lambda: admin.post(TELL, follow=True))
        assert "EHRs were told of 1; 0 wait." in text_of(response)
        assert ehr.valid_access_tokens == set()

    @pytest.mark.parametrize("path", [END, TELL])
    async def test_it_is_a_permission_of_its_own(self, app: str, path: str) -> None:
        def refused() -> bool:
            client = administrator("view_launch", "view_revocation", "introspect_launch")
            return client.post(path).status_code == 403

        assert await in_database(refused)

    async def test_dead_ehr_does_not_hold_up_another(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """Four at once for each EHR, and the breaker opens; nothing is lost."""
        uuids = [await browser.launch(ehr_launch()) for _ in range(6)]
        at_once = most = 0

        async def slow(_: web.Request) -> web.Response:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.1)
            at_once -= 1
            return web.Response()

        ehr.revoke_answer = slow
        for uuid in uuids:
            launch = await in_database(store.find_for_administrator, uuid, timezone.now())
            await in_database(
                store.end_and_hand_over, launch, EndReason.ADMINISTRATOR, timezone.now()
            )
        assert await work_off() == 6
        assert most <= pending_revocations.AT_ONCE_PER_ENDPOINT
