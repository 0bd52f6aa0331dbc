"""Whole launches in a row while keys rotate: authorize, callback, page, over real HTTP.

The clock is simulated, for the app and for the sandbox; everything else is real. Both EHRs keep our
JWKS for 29 hours, whatever our Cache-Control says: the longest time that Epic keeps a copy. One
fetches again when it meets an unknown kid, as Epic says it does; the other never does. The
sandbox's request log shows what they received and refused.
"""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from smartapp.database import in_database
from smartapp.keys import (
    automation,
    emergency,
    evidence,
    fetches,
    key_creation,
    memory,
    refusals,
    rotation,
    waits,
)
from smartapp.keys.models import KeySet, StaleCopy
from smartapp.keys.rotation import RotationStep
from smartapp.keys.waits import Wait
from smartapp.launches.models import Launch
from smartapp.sandbox import client_keys
from smartapp.sandbox.models import Client, JWKSFetch, RequestRecord
from tests.journeys.inside import expire, printed, uuid_of
from tests.journeys.outside import Browser, Page, ehr_launch
from tests.keys.timeline import assert_timeline_holds

CACHE = timedelta(hours=29)
TICK = timedelta(hours=3)
ROTATIONS = 3
SCOPE = "launch openid fhirUser offline_access patient/Patient.rs"
# Name of the registration, client and world; the algorithm that it signs with.
EHRS = {"preview": "ES384", "strict": "RS384"}
NEVER_ASKS_AGAIN = "strict"
REPLACED = "The EHR does not know this app's new keys yet"


class Clock:
    """The time for both sides. It begins at the real time, and the test moves it."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    monkeypatch.setattr(time, "time", clock.seconds)
    return clock


@pytest.fixture(autouse=True)
def stubborn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both EHRs keep their copy for 29 hours; one never fetches again for an unknown kid."""
    remember, may_refetch = client_keys._remember, client_keys.may_refetch

    def for_long(
        client: Client, status: int | None, keys: list[client_keys.Jwk] | None, _: int, why: str
    ) -> None:
        remember(client, status, keys, int(CACHE.total_seconds()), why)

    monkeypatch.setattr(client_keys, "_remember", for_long)
    monkeypatch.setattr(
        client_keys,
        "may_refetch",
        lambda client: client.client_id != NEVER_ASKS_AGAIN and may_refetch(client),
    )


class World:
    """Our key set, two EHRs that it signs for, and a person who launches at both."""

    def __init__(self, origin: str, browser: Browser, clock: Clock) -> None:
        self.origin, self.browser, self.clock = origin, browser, clock
        self.key_set = KeySet()
        self.launched = 0

    async def connect(self) -> None:
        await in_database(self._connect)
        await memory.refresh()

    def _connect(self) -> None:
        for world, alg in EHRS.items():
            printed(
                "sandbox_client", world, "--kind=web", f"--world={world}", "--profile=strict",
                f"--jwks-url={self.origin}/.well-known/jwks/our-keys.json",
                f"--redirect-uri={self.origin}/callback/{world}/",
                f"--launch-url={self.origin}/launch",
            )  # fmt: skip
            printed(
                "register_ehr", f"{self.origin}/sandbox/{world}/fhir/r4", "--name", world,
                "--slug", world, "--client-id", world, "--preset", "epic", "--key-set",
                "our-keys", "--alg", alg, "--scope", SCOPE, "--standalone-scope", "",
            )  # fmt: skip
        self.key_set = KeySet.objects.get(slug="our-keys")
        # An unused line would only take up some of the five published keys.
        self.key_set.signing_keys.filter(alg="RS256").delete()
        self.key_set.rotate_after_days = 2
        self.key_set.save()

    async def launch(self, ehr: str) -> Page:
        self.launched += 1
        return await self.browser.allow(ehr_launch(ehr))

    async def launches(self) -> None:
        for ehr in EHRS:
            page = await self.launch(ehr)
            assert (page.status, page.path.split("/")[1]) == (200, "launches"), page.words

    async def due(self) -> tuple[datetime, RotationStep]:
        """Return when the next automatic step is due, and which step it is."""
        found = await in_database(rotation.of, self.key_set)
        planned = await in_database(
            lambda: [automation.planned_step(self.key_set, line) for line in found]
        )
        return min((when, step) for step, when in filter(None, planned))

    async def go_on(self) -> list[str]:
        """Let time pass, at most until the next step, and take the steps that are due.

        People launch before the step, and before and after the serving process has learnt of it.
        """
        await self.launches()
        due, step = await self.due()
        self.clock.now = max(self.clock.now, min(self.clock.now + TICK, due))
        if step is RotationStep.PUBLISH and due <= self.clock.now:
            # The worst moment for an EHR to fetch: its copy then lacks the new key for all of 29
            # hours.
            await in_database(Client.objects.update, jwks_fresh_until=None)
            await self.launches()
        taken = await in_database(
            automation.auto, [self.key_set], now=self.clock.now, actor="rotate_keys --auto"
        )
        if taken:
            await self.launches()
        await memory.refresh()
        if taken:
            await self.launches()
        return [step for _, step, _ in taken]

    def replace_at_once(self) -> None:
        for alg in EHRS.values():
            emergency.replace_at_once(
                self.key_set, alg, now=self.clock.now, actor="test", reason="a test",
                typed=refusals.confirmation(self.key_set, alg),
            )  # fmt: skip

    def publish_next(self) -> None:
        key_creation.publish_next(self.key_set, "ES384", now=self.clock.now, actor="test")

    async def refused(self) -> list[tuple[str, str]]:
        """Return client and error of each token request that an EHR refused."""
        rows = RequestRecord.objects.filter(endpoint="token", accepted=False)
        return await in_database(lambda: list(rows.values_list("client_id", "error")))


@pytest.fixture
async def browser(origin: str) -> AsyncIterator[Browser]:
    async with Browser(origin) as one:
        yield one


@pytest.fixture
async def world(clock: Clock, origin: str, browser: Browser) -> World:
    world = World(origin, browser, clock)
    await world.connect()
    return world


@pytest.fixture(autouse=True)
def empty_evidence() -> Iterator[None]:
    yield
    fetches.forget()


@pytest.mark.endurance
@pytest.mark.timeout(600)
async def test_three_rotations_fail_no_launch_and_no_token_request(world: World) -> None:
    """Both algorithms rotate, and no request needs the previous key as a fallback (T22)."""
    began, withdrawn = world.clock.now, 0
    while withdrawn < ROTATIONS * len(EHRS):
        withdrawn += (await world.go_on()).count("withdraw")
    await world.launches()
    assert await world.refused() == []
    assert not await in_database(StaleCopy.objects.exists)
    assert await in_database(RequestRecord.objects.filter(endpoint="token").count) == world.launched
    assert world.launched > 150
    await in_database(assert_timeline_holds, world.key_set, CACHE)
    # The EHRs kept their copies as long as claimed, and still saw each key.
    fetched = await in_database(JWKSFetch.objects.filter(client__client_id=NEVER_ASKS_AGAIN).count)
    assert fetched <= (world.clock.now - began) / CACHE + 1 + ROTATIONS


@pytest.mark.endurance
@pytest.mark.timeout(300)
async def test_a_wait_shorter_than_the_copy_lasts_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This test shows that the one above can fail: with 28 hours, a token request is refused.

    Only a second attempt with the previous key saves the launch.
    """
    too_short = Wait(timedelta(hours=28), "")
    monkeypatch.setattr(
        waits, "before_signing_each", lambda key_sets: {one.pk: too_short for one in key_sets}
    )
    steps: list[str] = []
    while steps.count("sign") < len(EHRS):
        steps += await world.go_on()
    assert (NEVER_ASKS_AGAIN, "invalid_client") in await world.refused()


@pytest.mark.timeout(300)
async def test_an_emergency_fails_the_launches_that_must_fail_and_their_page_says_so(
    world: World,
) -> None:
    """Launches fail at the EHR that holds the old copy and does not fetch again, until that copy
    expires.

    People who are already in the app keep their launch.
    """
    opened = await world.launch(NEVER_ASKS_AGAIN)
    await world.launches()
    await in_database(world.replace_at_once)
    await memory.refresh()

    # This EHR fetches again for an unknown kid, so no launch has to fail there.
    page = await world.launch("preview")
    assert page.path.startswith("/launches/"), page.words
    failed = await world.launch(NEVER_ASKS_AGAIN)
    assert failed.status == 503
    assert REPLACED in failed.words
    assert "Nothing is lost." in failed.words
    assert "open it again from the patient's chart" in failed.words
    assert set(await world.refused()) == {(NEVER_ASKS_AGAIN, "invalid_client")}

    # A person already in the app reads on until the access token expires; then the page says the
    # same, and the launch is kept (C125).
    assert (await world.browser.get(opened.url)).status == 200
    await expire(opened)
    waiting = await world.browser.get(opened.url)
    assert REPLACED in waiting.words
    row = await in_database(Launch.objects.get, uuid=uuid_of(opened))
    assert row.ended_at is None

    world.clock.now += CACHE - timedelta(hours=20)
    page = await world.launch("preview")
    assert page.path.startswith("/launches/"), page.words
    world.clock.now += timedelta(hours=20)
    await memory.refresh()
    before = len(await world.refused())
    await world.launches()
    assert len(await world.refused()) == before


async def test_the_ehr_behind_a_fetch_is_named(world: World) -> None:
    """Two EHRs share a key set; the time of a fetch tells which one fetched, over real HTTP."""

    async def said() -> list[str]:
        await fetches.flush()
        await fetches.settle()
        found = await in_database(
            lambda: evidence.of(world.key_set, rotation.of(world.key_set), timezone.now())
        )
        return found.ehrs

    await world.launch("preview")
    assert await said() == [
        "preview fetched less than a minute ago.",
        "strict was not seen to fetch these keys yet.",
    ]
    await in_database(world.publish_next)
    await memory.refresh()
    assert (await said())[0].endswith("and has not seen the new ES384 key yet.")
    world.clock.now += CACHE
    await world.launch("preview")
    world.clock.now += timedelta(minutes=3)
    assert (await said())[0] == "preview fetched 3 minutes ago and has seen the new key."
