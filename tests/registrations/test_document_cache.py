"""What is fetched once, trusted for a while, refreshed ahead and kept for bad days: C15, C92."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smartapp.protocol.errors import EHRUnreachable
from smartapp.registrations.document_cache import Answer, Documents

DAY = 86_400


class Source:
    """A server that counts, and that can be down."""

    def __init__(self, trusted_seconds: float = 100) -> None:
        self.asked = 0
        self.down = False
        self.trusted_seconds = trusted_seconds
        self.age_seconds = 0.0
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> Answer[int]:
        self.asked += 1
        number = self.asked
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise EHRUnreachable("down")
        return Answer(number, self.trusted_seconds, self.age_seconds)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Get = Callable[..., Awaitable[int]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def get(clock: Clock, source: Source) -> Get:
    documents: Documents[str, int] = Documents(clock)
    return lambda force=False: documents.get("key", source, force=force)


async def settle() -> None:
    """Let what was started in the background finish."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_trusted_answer_is_not_asked_for_again(
    get: Get, clock: Clock, source: Source
) -> None:
    assert await get() == 1
    clock.now += 74
    assert await get() == 1
    assert source.asked == 1


async def test_near_its_end_it_is_asked_for_while_nobody_waits(
    get: Get, clock: Clock, source: Source
) -> None:
    await get()
    clock.now += 75
    assert await get() == 1
    await settle()
    assert source.asked == 2
    assert await get() == 2


async def test_past_its_end_it_is_waited_for(get: Get, clock: Clock, source: Source) -> None:
    await get()
    clock.now += 100
    assert await get() == 2


async def test_with_no_trust_it_is_asked_for_every_time(get: Get, source: Source) -> None:
    source.trusted_seconds = 0
    assert [await get(), await get(), await get()] == [1, 2, 3]


async def test_all_who_wait_share_one_request(get: Get, source: Source) -> None:
    source.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(get()) for _ in range(64)]
    await settle()
    source.gate.set()
    assert await asyncio.gather(*waiting) == [1] * 64
    assert source.asked == 1


async def test_one_who_leaves_does_not_take_it_from_the_others(get: Get, source: Source) -> None:
    source.gate = asyncio.Event()
    first, second = asyncio.ensure_future(get()), asyncio.ensure_future(get())
    await settle()
    first.cancel()
    await settle()
    source.gate.set()
    assert await second == 1
    assert first.cancelled()


async def test_without_any_answer_the_failure_is_everybodys(get: Get, source: Source) -> None:
    source.down = True
    results = await asyncio.gather(get(), get(), return_exceptions=True)
    assert [type(result) for result in results] == [EHRUnreachable, EHRUnreachable]
    assert source.asked == 1


async def test_a_failure_is_not_remembered(get: Get, source: Source) -> None:
    source.down = True
    with pytest.raises(EHRUnreachable):
        await get()
    source.down = False
    assert await get() == 2


async def test_while_the_server_is_down_the_last_answer_serves_for_a_day(
    get: Get, clock: Clock, source: Source
) -> None:
    await get()
    source.down = True
    clock.now += DAY - 1
    assert await get() == 1


async def test_after_a_day_it_serves_no_more(get: Get, clock: Clock, source: Source) -> None:
    await get()
    source.down = True
    clock.now += DAY
    with pytest.raises(EHRUnreachable):
        await get()


async def test_the_day_counts_from_when_the_server_said_it(
    get: Get, clock: Clock, source: Source
) -> None:
    source.age_seconds = DAY - 200
    await get()
    source.down = True
    clock.now += 150
    assert await get() == 1
    clock.now += 50
    with pytest.raises(EHRUnreachable):
        await get()


async def test_a_server_that_is_down_is_asked_twice_a_minute_at_most(
    get: Get, clock: Clock, source: Source
) -> None:
    await get()
    source.down = True
    clock.now += 100
    await get()
    clock.now += 29
    await get()
    assert source.asked == 2
    clock.now += 1
    await get()
    assert source.asked == 3


async def test_a_failure_ahead_of_time_is_not_repeated_at_once(
    get: Get, clock: Clock, source: Source
) -> None:
    await get()
    source.down = True
    clock.now += 75
    await get()
    await settle()
    await get()
    await settle()
    assert source.asked == 2


async def test_it_can_be_forced_once_a_minute(get: Get, clock: Clock, source: Source) -> None:
    """C92: a forged kid must not turn this app into a hammer on the issuer."""
    await get()
    assert await get(force=True) == 2
    assert await get(force=True) == 2
    clock.now += 59
    assert await get(force=True) == 2
    clock.now += 1
    assert await get(force=True) == 3


async def test_forced_while_the_server_is_down_the_last_answer_serves(
    get: Get, source: Source
) -> None:
    await get()
    source.down = True
    assert await get(force=True) == 1


async def test_at_shutdown_what_is_being_asked_for_ends(clock: Clock, source: Source) -> None:
    """It would open a session again, once that of the loop is closed."""
    documents: Documents[str, int] = Documents(clock)
    source.gate = asyncio.Event()
    waiting = asyncio.create_task(documents.get("key", source))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert source.asked == 1

    await documents.end_asking()
    assert not documents._asking
    with pytest.raises(asyncio.CancelledError):
        await waiting
