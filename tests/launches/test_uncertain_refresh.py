"""A refresh whose answer was lost: never a blind second use of its token (C124)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp import web
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smartapp import http
from smartapp.database import in_database
from smartapp.launches import events, refresh, refresh_lease, store
from smartapp.launches.models import EndReason, Launch
from smartapp.launches.refresh_failure import RefreshFailure
from smartapp.launches.store import StoredLaunch
from smartapp.protocol.errors import RefreshUncertain
from smartapp.registrations.models import Endpoint, Registration
from tests.diagnosis.test_causes import first_is
from tests.launches.conftest import Browser, expire, refreshes, row
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


class RotatingEHR:
    """Uses a refresh token up, tells what it gave for it or not, and ends all on a second use."""

    def __init__(self, ehr: ScriptedEHR) -> None:
        self.ehr = ehr
        self.used: set[str] = set()
        self.family_is_alive = True
        self.lose: Lose | None = cut
        ehr.token_answer = self

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        if fields["grant_type"] != "refresh_token":
            return self.ehr._exchanged(fields)
        self.family_is_alive = self.family_is_alive and fields["refresh_token"] not in self.used
        if not self.family_is_alive:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.used.add(fields["refresh_token"])
        return self.lose(request) if self.lose else self.ehr._refreshed(fields)


class PersistentEHR(RotatingEHR):
    """Uses nothing up, and loses one answer only."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.used.clear()
        answer = await super().__call__(request)
        if (await request.post())["grant_type"] == "refresh_token":
            self.lose = None
        return answer


@pytest.fixture(autouse=True)
async def no_connection_left() -> AsyncIterator[None]:
    """Some of these renew in the test's own event loop."""
    yield
    await http.close()


def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


Lose = Callable[[web.Request], web.StreamResponse]


def says(status: int, text: str = "gateway", **headers: str) -> Lose:
    """Answer so in place of what the EHR gave."""
    return lambda _: web.Response(status=status, text=text, headers=headers)


LOST = "answer was lost"
UNUSABLE = "answer could not be used"
NOT_OURS = '{"errorCode":"E0000009","error":"Internal Server Error"}'


async def reading(uuid: UUID) -> StoredLaunch:
    digest = (await row(uuid)).session_id
    assert digest is not None
    return await in_database(store.find, uuid, digest, timezone.now())


async def persistent() -> None:
    await in_database(Registration.objects.update, refresh_tokens_persist=True)


class TestWhereATokenMayBeUsedUp:
    @pytest.mark.parametrize(
        ("lose", "words"),
        [
            (cut, LOST),
            (says(200, "<html>sign in to the proxy</html>"), UNUSABLE),
            (says(200, "{}"), UNUSABLE),
            (says(204, ""), UNUSABLE),
            (says(302, Location="https://login.example/"), UNUSABLE),
            *((says(status), LOST) for status in (408, 499, 502, 504, 520, 524)),
            (says(500), UNUSABLE),
            (says(500, NOT_OURS), UNUSABLE),
        ],
    )
    async def test_it_is_sent_once_and_the_page_says_why_it_ends_here(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        expired: UUID,
        lose: Lose,
        words: str,
    ) -> None:
        """And so it is where nobody knows, which is how a registration begins. What happened is
        said each time the page is loaded."""
        rotating = RotatingEHR(ehr)
        rotating.lose = lose
        for _ in range(3):
            response = await browser.get(f"/launches/{expired}/")
            assert response.status == 410
            assert words in await response.text()
            await in_database(Launch.objects.update, refresh_not_before=None)
        assert len(refreshes(ehr)) == 1
        assert rotating.family_is_alive
        left = await row(expired)
        assert left.refresh_uncertain_at is not None
        assert (left.ended_at, left.refresh_lease_until) == (None, None)

    async def test_who_read_the_row_before_it_was_lost_does_not_send_it_again(
        self, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C123: with a reading from while the lease was held, or from before."""
        rotating = RotatingEHR(ehr)
        before = await reading(expired)
        await in_database(refresh_lease.take, before)
        meanwhile = await reading(expired)
        await in_database(Launch.objects.update, refresh_lease_until=None)
        with pytest.raises(RefreshUncertain):
            await refresh.renewed(before)
        assert len(refreshes(ehr)) == 1
        for early in (before, meanwhile):
            assert not await in_database(refresh_lease.take, early)
            with pytest.raises(RefreshUncertain):
                await refresh.renewed(early)
        assert len(refreshes(ehr)) == 1
        assert rotating.family_is_alive

    async def test_the_lease_ends_in_the_statement_that_marks_it(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C123: no moment at which the lease is free and nothing says that an answer was lost."""
        uuid = await browser.launch(ehr_launch())
        launch = await reading(uuid)
        await in_database(refresh_lease.take, launch)

        def statements() -> int:
            with CaptureQueriesContext(connection) as captured:
                refresh_lease.leave_uncertain(launch, RefreshFailure("x", ""), timezone.now())
            return len(captured)

        assert await in_database(statements) == 1
        left = await row(uuid)
        assert left.refresh_lease_until is None
        assert left.refresh_uncertain_at is not None

    async def test_our_own_failure_after_it_was_sent_is_a_lost_answer(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        expired: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """At once, and not when the lease is over: and what failed is not hidden."""

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patched:
            patched.setattr("smartapp.launches.tokens.from_refresh", broken)
            assert (await browser.get(f"/launches/{expired}/")).status == 500
        left = await row(expired)
        assert left.refresh_lease_until is None
        assert left.refresh_uncertain_at is not None
        assert (await browser.get(f"/launches/{expired}/")).status == 410
        assert len(refreshes(ehr)) == 1

    async def test_after_a_time_out_too(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("smartapp.exchange.pipeline.TIMEOUT_SECONDS", 0.3)
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        ehr.token_delay = 1
        assert (await browser.get(f"/launches/{uuid}/")).status == 410
        assert (await row(uuid)).refresh_uncertain_at is not None

    async def test_what_was_never_sent_is_not_uncertain(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        expired: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C125: nobody listens there now; the refresh token is as good as before."""
        trusted = [ehr.base.removeprefix("http://"), "127.0.0.1:9"]
        await in_database(Endpoint.objects.update, pinned_hosts=trusted)
        real = store.find

        def elsewhere(*arguments: object) -> StoredLaunch:
            found = real(*arguments)  # type: ignore[arg-type]
            assert found.tokens
            tokens = replace(found.tokens, token_endpoint="http://127.0.0.1:9/token")
            return replace(found, tokens=tokens)

        with monkeypatch.context() as patched:
            patched.setattr(store, "find", elsewhere)
            assert (await browser.get(f"/launches/{expired}/")).status == 502
        left = await row(expired)
        assert left.refresh_uncertain_at is None
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{expired}/")).status == 200

    async def test_an_answer_whose_proof_is_refused_has_used_the_token_up(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C98: its new refresh token is refused with it."""

        async def forged(_: web.Request) -> web.Response:
            answer = ehr.token_response("openid")
            ehr.id_token_claims = {"aud": "another"}
            return web.json_response(answer | {"id_token": ehr.id_token("x", "")})

        ehr.token_answer = forged
        for _ in range(2):
            response = await browser.get(f"/launches/{expired}/")
            assert response.status == 410
            page = await response.text()
            assert "proof of who is signed in" in page
            assert "lost" not in page
        assert len(refreshes(ehr)) == 1

    async def test_a_holder_that_died_may_have_asked(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """Its lease is over and was never given back. The EHR is not blamed for it."""
        past = timezone.now() - timedelta(seconds=1)
        await in_database(Launch.objects.update, refresh_lease_until=past)
        for _ in range(2):
            response = await browser.get(f"/launches/{expired}/")
            assert response.status == 410
            page = await response.text()
            assert "refresh-interrupted" in page
            assert "This app was interrupted while it renewed its access" in page
        assert refreshes(ehr) == []
        assert (await row(expired)).refresh_uncertain_at is not None

    async def test_a_lease_lasts_for_as_long_as_its_holder_works(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        expired: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C123: and no longer, so that a process that was killed is noticed within seconds."""
        monkeypatch.setattr(refresh_lease, "REFRESH_LEASE", timedelta(seconds=2))
        monkeypatch.setattr(refresh, "PROLONG_SECONDS", 0.1)
        ehr.token_delay = 4
        url = f"/launches/{expired}/context.json"
        responses = await asyncio.gather(*(browser.get(url) for _ in range(3)))
        assert [response.status for response in responses] == [200] * 3
        assert len(refreshes(ehr)) == 1

    async def test_a_lease_is_given_back_once_and_not_prolonged_after_that(
        self, browser: Browser, expired: UUID
    ) -> None:
        before = await reading(expired)
        await in_database(refresh_lease.prolong, before)
        assert (await row(expired)).refresh_lease_until is None

    async def test_a_machine_whose_clock_is_ahead_takes_no_lease_for_abandoned(
        self, expired: UUID
    ) -> None:
        """C123: leases go by the database's clock."""
        before = await reading(expired)
        await in_database(refresh_lease.take, before)
        ahead = timezone.now() + timedelta(minutes=10)
        found = await in_database(store.find, expired, before.session_digest, ahead)
        assert (found.is_being_refreshed, found.is_refresh_abandoned) == (True, False)
        await in_database(refresh_lease.abandon, found, ahead)
        assert not await in_database(refresh_lease.take, found)
        assert (await row(expired)).refresh_uncertain_at is None

    async def test_nobody_waits_for_a_holder_for_ever(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(refresh, "WAIT_FOR_HOLDER_SECONDS", 0.3)
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        later = timezone.now() + timedelta(minutes=1)
        await in_database(Launch.objects.update, refresh_lease_until=later)
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 504
        assert response.headers["Retry-After"] == "1"
        assert refreshes(ehr) == []

    async def test_who_disconnects_still_revokes(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        RotatingEHR(ehr)
        await browser.get(f"/launches/{expired}/")
        await browser.http.post(f"{browser.app}/launches/{expired}/end/", allow_redirects=False)
        assert ehr.requests[-1] == ("POST", "/revoke")
        assert (await row(expired)).end_reason == EndReason.DISCONNECTED

    async def test_another_reading_of_the_launch_is_told_the_same(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """Twenty at once: one asks, all are told."""
        rotating = RotatingEHR(ehr)
        ehr.token_delay = 0.3
        url = f"/launches/{expired}/context.json"
        responses = await asyncio.gather(*(browser.get(url) for _ in range(20)))
        assert {response.status for response in responses} == {410}
        assert len(refreshes(ehr)) == 1
        assert rotating.family_is_alive

    async def test_why_says_so(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)
        RotatingEHR(ehr)
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        await browser.get(f"/launches/{uuid}/")
        await first_is("answer to a refresh was lost", "C124")


class TestWhereTheRegistrationSaysThatTokensPersist:
    async def test_it_is_sent_once_more(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        await persistent()
        PersistentEHR(ehr)
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        first, second = refreshes(ehr)
        assert first["refresh_token"] == second["refresh_token"]
        assert first["client_assertion"] != second["client_assertion"]
        assert (await row(expired)).refresh_uncertain_at is None

    async def test_once_and_then_it_is_kept_for_later(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        await persistent()
        granted = ehr.token_answer

        async def always_cut(request: web.Request) -> web.StreamResponse:
            return cut(request)

        ehr.token_answer = always_cut
        assert (await browser.get(f"/launches/{expired}/")).status == 502
        assert len(refreshes(ehr)) == 2
        assert (await browser.get(f"/launches/{expired}/context.json")).status == 502
        assert len(refreshes(ehr)) == 2
        assert (await row(expired)).refresh_uncertain_at is not None
        ehr.token_answer = granted
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        assert (await row(expired)).refresh_uncertain_at is None

    @pytest.mark.parametrize("answer", [says(503), says(500), says(200, "<html>"), says(302)])
    async def test_any_other_failure_is_not_repeated_at_once(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, answer: Lose
    ) -> None:
        """C125: the launch is kept, and the same token is good later."""
        await persistent()

        async def failing(request: web.Request) -> web.StreamResponse:
            return answer(request)

        ehr.token_answer = failing
        for _ in range(2):
            assert (await browser.get(f"/launches/{expired}/context.json")).status >= 500
        assert len(refreshes(ehr)) == 1
        ehr.token_answer = None
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{expired}/")).status == 200

    async def test_a_lease_of_a_holder_that_died_is_taken_over(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        await persistent()
        past = timezone.now() - timedelta(seconds=1)
        await in_database(Launch.objects.update, refresh_lease_until=past)
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        assert len(refreshes(ehr)) == 1


async def test_a_lease_that_runs_out_between_two_looks_is_not_taken(expired: UUID) -> None:
    """The UPDATE itself refuses, whatever was read before."""
    launch = await row(expired)
    assert launch.session_id
    found = await in_database(store.find, expired, launch.session_id, timezone.now())
    past = timezone.now() - timedelta(seconds=1)
    await in_database(Launch.objects.update, refresh_lease_until=past)
    assert not await in_database(refresh_lease.take, found)
    with pytest.raises(RefreshUncertain):
        await refresh.renewed(await in_database(store.find, expired, launch.session_id, past))
