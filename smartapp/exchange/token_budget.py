"""A limit on our token requests to an EHR (C128, C144, T30).

A vendor accepts a limited number of token requests a minute from one client id (athenahealth: five
in preview) and answers 429 to the rest. A registration's budget keeps all processes together below
that limit in *any* minute, because we do not know when the vendor's minute begins. Each request
takes one slot in the shared cache and holds it for a minute; there are as many slots as the limit.

A code lives for a minute and a person waits for it; a refresh can wait. So two slots in five are
for codes only, and a code waits a little for a slot. Every other request is refused at once, with
the time of the next attempt. Half of the slots for codes (one in five) are closed to networks
without a recent good code (`code_quota`): many strangers with invented codes cannot lock out people
whose network has launched before. After a 429 no request of this registration is sent for as long
as the EHR says, or until the minute is over if it does not say.

Without a budget nothing here uses the cache. If the cache is away, requests are sent: the budget
protects a quota, not a person.
"""

import asyncio
import enum
import logging
import random
import time
from datetime import UTC, datetime

from django.core.cache import cache

from smartapp import metrics
from smartapp.protocol.errors import EHRLimited, TokenBudgetSpent
from smartapp.protocol.retry_after import retry_after_seconds
from smartapp.registrations.registry import EndpointConfig
from smartapp.shared_cache import in_cache

# One second more than a minute: requests may reach the EHR closer together than they were sent.
WINDOW_SECONDS = 61
SOONEST_AGAIN_SECONDS = 0.5
RESERVED_FOR_CODES = 2 / 5
RESERVED_FOR_KNOWN_NETWORKS = 1 / 5
CODE_WAITS_SECONDS = 15
# Upper limit for Retry-After: a gateway's mistake must not lock people out for a day.
LONGEST_BACK_OFF_SECONDS = 600

logger = logging.getLogger(__name__)

# Per registration id: when its pause after a 429 ends, by `time.monotonic`, as far as this process
# knows.
_left_alone: dict[int, float] = {}


class Share(enum.Enum):
    """The share of the budget that a request uses; the value is the part that is closed to it."""

    CODE = 0.0
    CODE_OF_A_STRANGER = RESERVED_FOR_KNOWN_NETWORKS
    OTHER = RESERVED_FOR_CODES


async def take(config: EndpointConfig, share: Share = Share.OTHER) -> None:
    """Take one token request out of the budget; a code waits a few seconds for it.

    Raises TokenBudgetSpent, which says when to try again; nothing has been sent then.
    """
    give_up_at = time.monotonic() + (0 if share is Share.OTHER else CODE_WAITS_SECONDS)
    while wait := await _seconds_to_wait(config, share):
        if time.monotonic() + wait > give_up_at:
            limit = config.token_requests_per_minute
            why = f"{limit} a minute are taken" if limit else "the EHR has answered 429"
            detail = f"{config.registration_slug} waits: {why}"
            metrics.token_budget.labels(config.registration_slug, "held back").inc()
            raise TokenBudgetSpent(detail, retry_after=wait)
        await asyncio.sleep(wait + random.uniform(0, 0.2))  # noqa: S311 - spreads the retries
    metrics.token_budget.labels(config.registration_slug, "let through").inc()


async def count(config: EndpointConfig) -> None:
    """Count a request that is sent even if the budget is spent."""
    if config.token_requests_per_minute:
        await _seconds_to_wait(config, Share.CODE)


async def limited(config: EndpointConfig, retry_after: str | None) -> EHRLimited:
    """Pause the registration after a 429, in all processes if it has a budget. Return the error
    that says until when."""
    now = time.time()
    seconds = _seconds(retry_after, now)
    _left_alone[config.registration_id] = time.monotonic() + seconds
    metrics.token_budget.labels(config.registration_slug, "limited by the EHR").inc()
    logger.warning("%s answered 429: left alone for %d s", config.registration_slug, seconds)
    if config.token_requests_per_minute:
        await in_cache(_leave_alone, config.registration_id, now, seconds, away=0.0)
    return EHRLimited(f"the EHR answered 429 to {config.registration_slug}", retry_after=seconds)


def asked_to_wait(retry_after: str | None) -> float | None:
    """Return for how many seconds a failing EHR asks us to wait (RFC 9110 §10.2.3), at most ten
    minutes; None if it does not say."""
    now = datetime.now(UTC)
    return retry_after_seconds(retry_after, now=now, longest=LONGEST_BACK_OFF_SECONDS)


def forget() -> None:
    """Forget all pauses: in tests the EHR ends before the process does."""
    _left_alone.clear()


def _seconds(retry_after: str | None, now: float) -> float:
    """Return the seconds of the pause: those of Retry-After, or those to the end of the minute."""
    at = datetime.fromtimestamp(now, UTC)
    asked = retry_after_seconds(retry_after, now=at, longest=LONGEST_BACK_OFF_SECONDS)
    return max(60 - now % 60 if asked is None else asked, 1.0)


async def _seconds_to_wait(config: EndpointConfig, share: Share) -> float:
    """Return 0 if a request may be sent now, and count it; else the seconds until a retry."""
    pause = _left_alone.get(config.registration_id, 0.0) - time.monotonic()
    if pause > 0:
        return pause
    limit = config.token_requests_per_minute
    if not limit:
        return 0.0
    first = int(limit * share.value)
    slots = [_key(config.registration_id, slot) for slot in range(first, limit)]
    left_alone = _key(config.registration_id, "429")
    return await in_cache(_take, slots, left_alone, time.time(), away=0.0)


def _key(registration_id: int, slot: int | str) -> str:
    return f"token-budget-{registration_id}-{slot}"


def _take(slots: list[str], left_alone: str, now: float) -> float:
    """Take a free slot and return 0; else return the seconds until one may be free.

    `add` is atomic, so a slot is taken only once. A value is the time when it was taken and for how
    long, for requests that find no free slot. How long it lasts the cache decides: the clocks of
    two machines may differ.
    """
    held: dict[str, tuple[float, float]] = cache.get_many([*slots, left_alone])
    if left_alone in held:
        return _left(held[left_alone], now)
    for slot in slots:
        if slot not in held and cache.add(slot, (now, WINDOW_SECONDS), timeout=WINDOW_SECONDS):
            return 0.0
    return min((_left(taken, now) for taken in held.values()), default=SOONEST_AGAIN_SECONDS)


def _left(taken: tuple[float, float], now: float) -> float:
    at, seconds = taken
    return min(max(SOONEST_AGAIN_SECONDS, at + seconds - now), seconds)


def _leave_alone(registration_id: int, now: float, seconds: float) -> float:
    cache.set(_key(registration_id, "429"), (now, seconds), timeout=seconds)
    return seconds
