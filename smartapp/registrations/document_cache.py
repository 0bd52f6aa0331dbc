"""An in-memory cache of documents that other servers publish.

One request serves all who wait. A document is fetched again before it expires, while the old one is
still used, so a launch on a warm process does not wait. If the server does not answer, the last
good document is used for a day (C15).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from smartapp import http
from smartapp.protocol.errors import DiscoveryFailed, DiscoveryInvalid, SmartError

STALE_SECONDS = 86_400
RETRY_SECONDS = 30
FORCE_SECONDS = 60
REFUSED_SECONDS = 300
AHEAD = 0.75

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A document, for how many seconds it may be trusted, and how old it already is.
    `may_stand_in`: it may be used later if a newer one cannot be fetched."""

    value: T
    trusted_seconds: float
    age_seconds: float = 0
    may_stand_in: bool = True


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    answer: Answer[T]
    asks_again_at: float
    trusted_until: float
    usable_until: float


class Documents(Generic[K, T]):
    """The fetched documents, by key.

    With `remembers_refusals` a server without a usable document is not asked again for five
    minutes. This is for documents that launches do not need.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, remembers_refusals: bool = False
    ) -> None:
        self._clock = clock
        self._remembers_refusals = remembers_refusals
        self._refused: dict[K, tuple[float, str, str]] = {}
        self._kept: dict[K, _Kept[T]] = {}
        self._forced_at: dict[K, float] = {}
        # A task belongs to its event loop, and so do the callers that wait for it.
        self._asking: dict[tuple[asyncio.AbstractEventLoop, K], asyncio.Task[T]] = {}

    async def get(
        self, key: K, fetch: Callable[[], Awaitable[Answer[T]]], *, force: bool = False
    ) -> T:
        """Return the document; fetch it if there is no trusted one in memory.

        `force` fetches it even if there is one, at most once a minute (C92). Raises the errors of
        `fetch`, unless a document of the last 24 hours can stand in.
        """
        kept = self._kept.get(key)
        now = self._clock()
        if kept is None:
            self._refuse_again(key)
            return await self._wait(key, fetch)
        if force and self._may_force(key):
            return await self._wait(key, fetch)
        if now >= kept.asks_again_at:
            if now >= kept.trusted_until:
                return await self._wait(key, fetch)
            self._ask_once(key, fetch)
        return kept.answer.value

    def __len__(self) -> int:
        return len(self._kept)

    def forget(self) -> None:
        self._kept.clear()
        self._refused.clear()
        self._forced_at.clear()

    async def end_asking(self) -> None:
        """Stop all requests of the running loop, because its session is about to be closed."""
        loop = asyncio.get_running_loop()
        await http.end([task for (of, _), task in self._asking.items() if of is loop])

    def _refuse_again(self, key: K) -> None:
        until, detail, rule = self._refused.get(key, (0.0, "", ""))
        if self._clock() < until:
            raise DiscoveryInvalid(detail, rule=rule)

    def _remember_refusal(self, key: K, error: SmartError) -> None:
        may_pass = not isinstance(error, DiscoveryInvalid) or isinstance(error, DiscoveryFailed)
        if self._remembers_refusals and not may_pass:
            self._refused[key] = self._clock() + REFUSED_SECONDS, error.detail, error.rule

    def _may_force(self, key: K) -> bool:
        now = self._clock()
        if now < self._forced_at.get(key, -FORCE_SECONDS) + FORCE_SECONDS:
            return False
        self._forced_at[key] = now
        return True

    async def _wait(self, key: K, fetch: Callable[[], Awaitable[Answer[T]]]) -> T:
        try:
            # Shielded: if one browser leaves, the others still get the answer.
            return await asyncio.shield(self._ask_once(key, fetch))
        except SmartError:
            kept = self._kept.get(key)
            if kept is None or not kept.answer.may_stand_in or self._clock() >= kept.usable_until:
                raise
            return kept.answer.value

    def _ask_once(self, key: K, fetch: Callable[[], Awaitable[Answer[T]]]) -> asyncio.Task[T]:
        flight = asyncio.get_running_loop(), key
        task = self._asking.get(flight)
        if task is None:
            task = self._asking[flight] = asyncio.create_task(self._ask(key, fetch))
            task.add_done_callback(lambda done: self._landed(flight, done))
        return task

    def _landed(self, flight: tuple[asyncio.AbstractEventLoop, K], task: asyncio.Task[T]) -> None:
        del self._asking[flight]
        if not task.cancelled():
            task.exception()  # reads the error, or asyncio logs it as lost; `_ask` has handled it

    async def _ask(self, key: K, fetch: Callable[[], Awaitable[Answer[T]]]) -> T:
        try:
            answer = await fetch()
        except SmartError as error:
            logger.warning("Asking for %s: %s %s", key, error.code, error.detail)
            self._postpone(key)
            self._remember_refusal(key, error)
            raise
        self._keep(key, answer)
        return answer.value

    def _keep(self, key: K, answer: Answer[T]) -> None:
        now = self._clock()
        self._kept[key] = _Kept(
            answer,
            asks_again_at=now + answer.trusted_seconds * AHEAD,
            trusted_until=now + answer.trusted_seconds,
            usable_until=now + STALE_SECONDS - answer.age_seconds,
        )

    def _postpone(self, key: K) -> None:
        """Wait before the next request, so that launches do not all wait for a server that is
        down."""
        kept = self._kept.get(key)
        if kept is not None:
            pause = min(RETRY_SECONDS, kept.answer.trusted_seconds)
            again = min(self._clock() + pause, kept.usable_until)
            self._kept[key] = replace(kept, asks_again_at=again)
