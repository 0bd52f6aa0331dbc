"""A clock that jumps by ten minutes, or differs from the EHR's: what is over stays over, no refresh
token is used twice, and the difference is said in words."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from django.utils import timezone

from smartapp.database import in_database, seconds_ahead
from smartapp.diagnosis import own_side
from smartapp.exchange import token_budget
from smartapp.keys import heartbeat, key_creation
from smartapp.launches import ending, readiness, refresh
from smartapp.launches.models import Launch, Revocation
from smartapp.protocol.errors import TokenBudgetSpent
from tests.launches.conftest import Browser, refreshes
from tests.launches.test_presence import form_token, say
from tests.launches.test_token_budget import limit
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
TEN_MINUTES = 10


class Clock:
    """The app's own; the EHR of the tests goes by the machine's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta(0)
        real = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: real() + self.ahead)

    def differs(self, minutes: int) -> None:
        self.ahead = timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def status(browser: Browser, uuid: UUID) -> int:
    return (await browser.get(f"/launches/{uuid}/")).status


class TestLaunchThatIsOpen:
    @pytest.mark.parametrize("jumps", [(10, 0), (-10, 0), (10, -10, 0)])
    async def test_goes_on_and_no_refresh_token_is_used_twice(
        self, clock: Clock, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start,
        jumps: tuple[int, ...],
    ) -> None:  # fmt: skip
        """With access tokens of five minutes: each jump ahead needs a refresh, each jump back finds
        out by a 401 that the token is over."""
        ehr.expires_in = 300
        uuid = await browser.launch(ehr_launch())
        for minutes in jumps:
            clock.differs(minutes)
            if minutes <= 0:
                ehr.valid_access_tokens.clear()
            answers = await asyncio.gather(*(status(browser, uuid) for _ in range(4)))
            assert answers == [200] * 4
        used = [one["refresh_token"] for one in refreshes(ehr)]
        assert len(used) == len(set(used)) >= 1

    async def test_ends_where_the_idle_limit_is_over_by_the_new_time(
        self, clock: Clock, browser: Browser, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        clock.differs(60)
        assert await status(browser, uuid) == 404


class TestLaunchThatIsOver:
    async def test_that_was_ended_stays_so(
        self, clock: Clock, browser: Browser, ehr_launch: Start
    ) -> None:
        clock.differs(TEN_MINUTES)
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        assert await say(browser, uuid, "end", form_token=token) == 410
        for minutes in (0, -TEN_MINUTES):
            clock.differs(minutes)
            assert await status(browser, uuid) == 410

    async def test_whose_idle_limit_is_over_stays_so(
        self, clock: Clock, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T18: also before it is purged, and on other machines."""
        uuid = await browser.launch(ehr_launch())
        clock.differs(60)
        assert await status(browser, uuid) == 404
        for minutes in (0, -TEN_MINUTES):
            clock.differs(minutes)
            assert await status(browser, uuid) == 404
        assert await in_database(ending.purge_batch, timezone.now()) == 1
        assert not await in_database(Launch.objects.exists)

    async def test_a_sign_in_of_eleven_minutes_ago_is_too_old(
        self, clock: Clock, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        clock.differs(11)
        assert (await browser.get(callback)).status == 400
        assert not ehr.token_requests

    async def test_a_state_is_used_once_whatever_the_time(
        self, clock: Clock, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(callback)).status == 303
        for minutes in (-TEN_MINUTES, TEN_MINUTES - 1):
            clock.differs(minutes)
            await browser.get(callback)
        assert len(ehr.token_requests) == 1


async def test_a_lease_that_seems_over_costs_no_second_use(
    browser: Browser, ehr: ScriptedEHR, expired: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C124: the database's clock jumps ahead while a refresh is under way. Who looks meanwhile is
    told that it was interrupted; what comes of it is kept."""
    monkeypatch.setattr(refresh, "PROLONG_SECONDS", 60)
    asked, may_answer = threading.Event(), threading.Event()

    async def waits(_: web.Request) -> web.Response:
        asked.set()
        assert await asyncio.to_thread(may_answer.wait, 20)
        return web.json_response(ehr.token_response("openid patient/*.rs"))

    ehr.token_answer = waits
    holder = asyncio.create_task(status(browser, expired))
    assert await asyncio.to_thread(asked.wait, 20)
    await in_database(
        Launch.objects.update, refresh_lease_until=timezone.now() - timedelta(minutes=TEN_MINUTES)
    )
    assert await status(browser, expired) == 410
    may_answer.set()
    assert await holder == 200
    assert await status(browser, expired) == 200
    assert len(refreshes(ehr)) == 1


class TestClockThatDiffersFromTheEHRs:
    @pytest.mark.parametrize(
        ("minutes", "times", "words"),
        [(-10, {}, "in the future"), (70, {}, "over for"), (10, {"exp": 300}, "over for")],
    )
    async def test_an_id_token_is_refused_and_the_difference_is_said(
        self, clock: Clock, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, minutes: int,
        times: dict[str, int], words: str, caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        """C90: by how much is in the log, for the operator."""
        now = timezone.now().timestamp()
        ehr.id_token_claims = {name: int(now) + seconds for name, seconds in times.items()}
        clock.differs(minutes)
        refused = await browser.get(await browser.to_callback(ehr_launch()))
        assert refused.status == 502
        assert "could not be trusted" in await refused.text()
        assert words in caplog.text
        assert await in_database(Revocation.objects.count) == 1  # its tokens are given back
        clock.differs(0)
        ehr.id_token_claims = {}
        await browser.launch(ehr_launch())

    @pytest.mark.parametrize("minutes", [-10, 10])
    async def test_an_assertion_has_the_times_of_our_clock(
        self, clock: Clock, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, minutes: int
    ) -> None:
        """C66: an EHR that compares them answers `invalid_client`, which *Why?* explains by both
        clocks."""
        now = timezone.now().timestamp()
        clock.differs(minutes)
        await browser.get(await browser.to_callback(ehr_launch()))
        [claims] = ehr.assertions
        assert abs(claims["iat"] - now - minutes * 60) < 60
        assert claims["exp"] - claims["iat"] <= 300


@pytest.mark.django_db(transaction=True)
class TestOwnClock:
    @pytest.mark.parametrize(
        ("ahead", "said"),
        [
            (0, []),
            (59, []),
            (600, ["the clock of this machine is 600 s ahead of the database's"]),
            (-600, ["the clock of this machine is 600 s behind the database's"]),
        ],
    )
    async def test_that_differs_from_the_databases_is_a_warning(
        self, monkeypatch: pytest.MonkeyPatch, ahead: float, said: list[str]
    ) -> None:
        """It takes no machine out of service: the database's may be the wrong one."""
        monkeypatch.setattr(readiness, "seconds_ahead", lambda: ahead)
        readiness.forget()
        found = await readiness.now()
        readiness.forget()
        assert (list(found.warnings), found.missing) == (said, ())

    async def test_agrees_with_the_databases(self) -> None:
        assert abs(await in_database(seconds_ahead)) < 5


@pytest.mark.django_db
class TestPeriodicWork:
    def test_that_runs_is_not_called_silent_for_longer_than_a_round(self, clock: Clock) -> None:
        key_creation.create_key_set("one", now=timezone.now() - timedelta(days=1))
        for minutes in (0, 10, -10, 0):
            clock.differs(minutes)
            heartbeat.ran(timezone.now())
            assert heartbeat.problems(timezone.now()) == []

    def test_that_has_stopped_is_noticed_after_a_jump_back_too(self, clock: Clock) -> None:
        key_creation.create_key_set("one", now=timezone.now() - timedelta(days=1))
        heartbeat.ran(timezone.now())
        clock.differs(-10)
        assert heartbeat.problems(timezone.now()) == []
        clock.differs(11)
        [problem] = heartbeat.problems(timezone.now())
        assert "ran last on" in problem
        [finding] = own_side._periodic_work()
        assert finding.seen == problem


async def test_a_pause_after_a_failed_refresh_is_not_prolonged_by_a_jump_back(
    clock: Clock, browser: Browser, ehr: ScriptedEHR, expired: UUID
) -> None:
    """C125: it goes by the database's clock, as the lease does."""

    async def fails(_: web.Request) -> web.Response:
        return web.json_response({}, status=503, headers={"Retry-After": "20"})

    ehr.token_answer = fails
    for minutes in (TEN_MINUTES, 5, 0):
        clock.differs(minutes)
        waits = await browser.get(f"/launches/{expired}/context.json")
        assert waits.status in (502, 503)
        assert int(waits.headers["Retry-After"]) <= 20
    assert len(refreshes(ehr)) == 1


class TestPausesAfter429:
    async def test_are_not_prolonged_by_a_jump_back(
        self, registered: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In this process by a clock that never jumps, in others for as long as the cache says."""
        moment = time.time()
        config = await limit(5)
        monkeypatch.setattr(time, "time", lambda: moment)
        await token_budget.limited(config, "40")
        moment -= 600
        with pytest.raises(TokenBudgetSpent) as here:
            await token_budget.take(config)
        assert 30 < (here.value.retry_after or 0) <= 40
        token_budget.forget()  # as another process
        with pytest.raises(TokenBudgetSpent) as elsewhere:
            await token_budget.take(config)
        assert 30 < (elsewhere.value.retry_after or 0) <= 40
