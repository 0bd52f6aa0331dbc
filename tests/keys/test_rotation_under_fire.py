"""Continuous token requests while keys rotate, at EHRs that never refetch.

The clock is simulated, everything else is real: the steps, the memory that signs, the served JWKS.
Each EHR keeps our JWKS for 29 hours whatever our header says, and does not refetch for an unknown
key (Epic's maximum, but without Epic's refetch).
"""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from joserfc import jws, jwt
from joserfc.errors import JoseError

from smartapp.database import in_database
from smartapp.keys import automation, emergency, key_creation, lifecycle, memory, waits
from smartapp.keys.fetches import Visitor
from smartapp.keys.models import KeySet
from smartapp.keys.public import jwks_response
from smartapp.protocol import jwks
from smartapp.protocol.client_assertion import sign_client_assertion
from smartapp.protocol.errors import IDTokenKeyUnknown
from tests.keys.timeline import assert_timeline_holds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.endurance]

ALGS = ("ES384", "RS384")
CACHE = timedelta(hours=29)
TICK = timedelta(minutes=30)
EHRS = 5
ROTATIONS = 3


class StubbornEHR:
    def __init__(self, fetches_at: datetime) -> None:
        self.fetches_at = fetches_at
        self.held: jwks.JWKS | None = None
        self.refused: list[tuple[datetime, str]] = []
        self.accepted = 0

    async def asked_for_token(self, assertion: str, alg: str, now: datetime) -> None:
        if self.held is None or now >= self.fetches_at:
            _, _, body = await jwks_response(
                "GET", "/.well-known/jwks/epic.json", None, Visitor("192.0.2.7", "stubborn")
            )
            self.held = jwks.parse_jwks(body)
        if now >= self.fetches_at:
            self.fetches_at = now + CACHE
        if self._verifies(self.held, assertion, alg):
            self.accepted += 1
        else:
            self.refused.append((now, alg))

    def _verifies(self, held: jwks.JWKS, assertion: str, alg: str) -> bool:
        kid = jws.extract_compact(assertion.encode()).headers()["kid"]
        try:
            jwt.decode(assertion, held.find(kid, alg).key, algorithms=[alg])
        except (IDTokenKeyUnknown, JoseError):
            return False
        return True


class World:
    """A key set, its EHRs with their caches spread over 29 hours, and the time."""

    def __init__(self, key_set: KeySet, now: datetime) -> None:
        self.key_set, self.now = key_set, now
        self.ehrs = [StubbornEHR(now + CACHE * number / EHRS) for number in range(EHRS)]

    async def launches(self) -> None:
        """Make one launch for each algorithm at each EHR."""
        for alg in ALGS:
            signer = await memory.signer("epic", alg, now=self.now)
            assertion = sign_client_assertion(
                client_id="us",
                audience="https://ehr.example/token",
                private_key=signer.private_key,
                alg=alg,
                kid=signer.kid,
                now=self.now,
            )
            for ehr in self.ehrs:
                await ehr.asked_for_token(assertion, alg, self.now)

    async def tick(self) -> list[str]:
        """Let time pass: due steps are taken, and launches go on before and after this process
        knows of them."""
        self.now += TICK
        taken = await in_database(automation.auto, [self.key_set], now=self.now, actor="test")
        await self.launches()
        await memory.refresh()
        await self.launches()
        return [step for _, step, _ in taken]

    @property
    def refused(self) -> list[tuple[datetime, str]]:
        return [refusal for ehr in self.ehrs for refusal in ehr.refused]


@pytest.fixture
async def world() -> World:
    # Ahead of the real clock, by which the memory drops retired keys.
    now = timezone.now() + timedelta(days=1)
    key_set = await in_database(key_creation.create_key_set, "epic", algs=ALGS, now=now)
    key_set.rotate_after_days = 2
    await in_database(key_set.save)
    await memory.refresh()
    return World(key_set, now)


async def test_three_rotations_of_both_algorithms_and_not_one_refusal(world: World) -> None:
    withdrawn = 0
    while withdrawn < ROTATIONS * len(ALGS):
        withdrawn += (await world.tick()).count("withdraw")
    assert world.refused == []
    assert sum(ehr.accepted for ehr in world.ehrs) > 4000
    await in_database(assert_timeline_holds, world.key_set)


async def test_a_wait_shorter_than_the_cache_would_have_been_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test can find a refusal."""
    monkeypatch.setattr(waits, "WHERE_UNKNOWN", timedelta(hours=20))
    steps: list[str] = []
    while steps.count("sign") < len(ALGS):
        steps += await world.tick()
    assert world.refused


async def test_rolling_back_refuses_nobody(world: World) -> None:
    steps: list[str] = []
    while steps.count("sign") < len(ALGS):
        steps += await world.tick()
    for alg in ALGS:
        await in_database(lifecycle.roll_back, world.key_set, alg, now=world.now, actor="test")
    while steps.count("withdraw") < len(ALGS):
        steps += await world.tick()
    for _ in range(CACHE // TICK + 1):
        await world.tick()
    assert world.refused == []


async def test_an_emergency_fails_where_it_must_and_nowhere_else(world: World) -> None:
    """Only for the algorithm that was replaced, and only until the EHR's copy has expired."""
    for _ in range(70):
        await world.tick()
    assert world.refused == []
    happened = world.now
    expires = [ehr.fetches_at for ehr in world.ehrs]
    await in_database(
        emergency.replace_at_once,
        world.key_set,
        "ES384",
        now=happened,
        actor="test",
        typed="epic",
        reason="a test",
    )
    await memory.refresh()
    for _ in range(CACHE // TICK + 2):
        await world.tick()
    for ehr, expiry in zip(world.ehrs, expires, strict=True):
        assert {alg for _, alg in ehr.refused} == {"ES384"}
        assert all(happened < at < expiry for at, _ in ehr.refused)
        ticks_until_expiry = -((happened - expiry) // TICK) - 1
        assert len(ehr.refused) == 2 * ticks_until_expiry
