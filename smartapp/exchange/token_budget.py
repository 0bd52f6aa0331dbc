"""How often this app may ask an EHR's token endpoint (C128, C144, T30).

A vendor takes so many token requests a minute from one client id, athenahealth five in preview,
and answers 429 to the rest. A registration's budget keeps all processes together below that in
*any* minute, whenever the vendor's own begins: each request takes one of as many slots in the
shared cache and holds it for a minute.

A code lives for a minute and a person waits for it; a refresh can wait. So two slots in five are
for codes only, a code waits a little for a slot, and everything else is told when to try again.
One of these two takes no code from a network of which no code was ever good (`code_quota`): many
strangers with invented codes keep out nobody who has launched before.
After a 429 all that belongs to the registration is left alone, as long as the EHR says, and else
until the minute is over.

Without a budget nothing here asks the cache. When the cache is away, requests go out: the budget
protects a quota, not a person.
"""

import asyncio
import enum
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from django.core.cache import cache

from smartapp import metrics
from smartapp.exception_reports import cause
from smartapp.protocol.errors import EHRLimited, TokenBudgetSpent
from smartapp.protocol.retry_after import retry_after_seconds
from smartapp.registrations.registry import EndpointConfig

# A second more than the minute: requests may reach the EHR closer together than they left.
WINDOW_SECONDS = 61
RESERVED_FOR_CODES = 2 / 5
RESERVED_FOR_KNOWN_NETWORKS = 1 / 5
CODE_WAITS_SECONDS = 15
# What a Retry-After may ask for: a mistake of a gateway must not keep people out for a day.
LONGEST_BACK_OFF_SECONDS = 600

# What a person waits for the cache, and for how long it is left alone after that.
CACHE_SECONDS = 1.0
AWAY_SECONDS = 10.0

logger = logging.getLogger(__name__)

T = TypeVar("T")

_threads = ThreadPoolExecutor(2, thread_name_prefix="token-budget")
_away_until = 0.0
# Until when a registration is left alone after a 429, by its id; what this process knows.
_left_alone: dict[int, float] = {}


class Share(enum.Enum):
    """Whose share of the budget a request takes; its value is the part that it may not use."""

    CODE = 0.0
    CODE_OF_A_STRANGER = RESERVED_FOR_KNOWN_NETWORKS
    OTHER = RESERVED_FOR_CODES


async def take(config: EndpointConfig, share: Share = Share.OTHER) -> None:
    """Take one token request out of the budget; a code waits a few seconds for it.

    Raises TokenBudgetSpent, which knows when to try again: nothing has been sent then.
    """
    give_up_at = time.monotonic() + (0 if share is Share.OTHER else CODE_WAITS_SECONDS)
    while wait := await _seconds_to_wait(config, share):
        if time.monotonic() + wait > give_up_at:
            limit = config.token_requests_per_minute
            why = f"{limit} a minute are taken" if limit else "the EHR has answered 429"
            detail = f"{config.registration_slug} waits: {why}"
            metrics.token_budget.labels(config.registration_slug, "held back").inc()
            raise TokenBudgetSpent(detail, retry_after=wait)
        await asyncio.sleep(wait + random.uniform(0, 0.2))  # noqa: S311 - not all at once
    metrics.token_budget.labels(config.registration_slug, "let through").inc()


async def count(config: EndpointConfig) -> None:
    """Take one out for a request that is sent whatever the budget says."""
    if config.token_requests_per_minute:
        await _seconds_to_wait(config, Share.CODE)


async def limited(config: EndpointConfig, retry_after: str | None) -> EHRLimited:
    """Leave the registration alone after a 429, in all processes where it has a budget; return
    the error that says until when."""
    now = time.time()
    seconds = _seconds(retry_after, now)
    _left_alone[config.registration_id] = now + seconds
    metrics.token_budget.labels(config.registration_slug, "limited by the EHR").inc()
    logger.warning("%s answered 429: left alone for %d s", config.registration_slug, seconds)
    if config.token_requests_per_minute:
        await shared(_leave_alone, config.registration_id, now + seconds, seconds, away=0.0)
    return EHRLimited(f"429 for {config.registration_slug}", retry_after=seconds)


def asked_to_wait(retry_after: str | None) -> float | None:
    """Return for how many seconds a failing EHR asks to be left alone (RFC 9110 §10.2.3); ten
    minutes at most. None where it does not say."""
    now = datetime.now(UTC)
    return retry_after_seconds(retry_after, now=now, longest=LONGEST_BACK_OFF_SECONDS)


def forget() -> None:
    """Forget each 429, and that the cache was away: a test's EHR ends, the process does not."""
    global _away_until
    _left_alone.clear()
    _away_until = 0.0


def _seconds(retry_after: str | None, now: float) -> float:
    """Return for how long: what Retry-After says, else to the minute's end."""
    at = datetime.fromtimestamp(now, UTC)
    asked = retry_after_seconds(retry_after, now=at, longest=LONGEST_BACK_OFF_SECONDS)
    return max(60 - now % 60 if asked is None else asked, 1.0)


async def _seconds_to_wait(config: EndpointConfig, share: Share) -> float:
    """Return 0 where a request may be sent now, and has been counted; else when to try again."""
    now = time.time()
    until = _left_alone.get(config.registration_id, 0.0)
    if until > now:
        return until - now
    limit = config.token_requests_per_minute
    if not limit:
        return 0.0
    first = int(limit * share.value)
    slots = [_key(config.registration_id, slot) for slot in range(first, limit)]
    return await shared(_take, slots, _key(config.registration_id, "429"), now, away=0.0)


async def shared(work: Callable[..., T], *arguments: object, away: T) -> T:
    """Return what `work` returns, done in a thread: the cache may be on the network. `away` when it
    is that, or so slow that it may as well be.

    In threads of its own: a cache that accepts and never answers holds one for seconds, and the
    loop's own threads look up every EHR's address.
    """
    global _away_until
    if time.monotonic() < _away_until:
        return away
    try:
        async with asyncio.timeout(CACHE_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(_threads, work, *arguments)
    except Exception as error:
        # Whatever a driver raises means the same here.
        _away_until = time.monotonic() + AWAY_SECONDS
        logger.error("token budget: the cache is away: %s", cause(error))
        return away


def _key(registration_id: int, slot: int | str) -> str:
    return f"token-budget-{registration_id}-{slot}"


def _take(slots: list[str], left_alone: str, now: float) -> float:
    """Return 0 when one of the slots was free; else the seconds until one may be.

    `add` is atomic, so a slot is held once. Its value is when it becomes free, for those that
    find none; that clocks differ a little does not matter there.
    """
    held = cache.get_many([*slots, left_alone])
    if left_alone in held and held[left_alone] > now:
        return float(held[left_alone] - now)
    held.pop(left_alone, None)
    for slot in slots:
        if slot not in held and cache.add(slot, now + WINDOW_SECONDS, timeout=WINDOW_SECONDS):
            return 0.0
    free_at = min(held.values(), default=now)
    return max(0.5, free_at - now)


def _leave_alone(registration_id: int, until: float, seconds: float) -> float:
    cache.set(_key(registration_id, "429"), until, timeout=seconds)
    return seconds
