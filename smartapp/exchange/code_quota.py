"""Refused codes use up the quota of the network that they came from, and of no other (T30).

Anybody can start a launch and come back with an invented code. If a vendor allows only a few token
requests a minute, five invented codes would lock everybody else out. Strangers differ from a
hospital in the result: a hospital's codes are good. So each code holds a place of its network at
the registration while it is exchanged. If the EHR accepts the code, the place becomes free at once.
If the EHR refuses the code, the place stays taken for a minute, because the vendor counts that
request for a minute too.

A network has as many places as one fifth of the budget, and three fifths if one of its codes was
good lately. Three fifths, because a hospital whose codes expire in the queue must not be treated as
a stranger. Not all, because somebody on the hospital's guest network or on a patient's mobile
network must not use up the whole budget. An honest network still reaches its whole budget: an
exchange times out after ten seconds, and if each exchange frees its place within twelve seconds,
the places of a network allow as many requests a minute as the budget.

Many networks with invented codes together could use up the budget. So in a network without a recent
good code each refused code keeps its place longer than the one before, up to five minutes. Such
networks also leave one fifth of the budget to networks whose codes were good, so these never wait
for strangers.

The places are counted where the budget is, in the shared cache; without a budget nothing is
counted. The cache knows a network only by a keyed digest.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.utils.crypto import salted_hmac

from smartapp.exchange import background, token_budget
from smartapp.exchange.token_budget import WINDOW_SECONDS, Share
from smartapp.http import is_loopback
from smartapp.protocol.errors import CodesRefused, InvalidClient, SmartError, TokenError
from smartapp.protocol.token import TokenResponse
from smartapp.rate_limit import IPV6_SITE, network_of
from smartapp.registrations.registry import EndpointConfig
from smartapp.shared_cache import in_cache

SHARE_OF_A_STRANGER = 1 / 5
SHARE_WHERE_CODES_WERE_GOOD = 3 / 5
REMEMBERED_FOR = timedelta(days=7)  # longer than a weekend without launches
# The longest time for which a stranger's refused code keeps its place. The time doubles with each
# refusal. An administrator who has just repaired a registration whose codes were all refused waits
# no longer than this.
LONGEST_KEPT_SECONDS = 300
REFUSALS_COUNT_SECONDS = 3600
PLACE_WAITS_SECONDS = 10
SECONDS_BETWEEN_LOOKS = 0.5
# Limit for one network at one registration in this process: each waiting request polls the cache
# twice a second.
MAX_WAITING = 32

_waiting: Counter[str] = Counter()


@dataclass(frozen=True, slots=True)
class Place:
    """A network's place at a registration, held while its code is exchanged. `is_known`: a code of
    this network was good lately."""

    key: str
    network: str
    is_known: bool

    async def judge(self, exchange: Awaitable[TokenResponse]) -> TokenResponse:
        """Return the result of the exchange, or raise its error. Frees the place unless the EHR
        refused the code.

        An answer without tokens counts as a refusal, unless it is about our own credentials: not
        every token endpoint answers `invalid_grant` to an invented code.
        """
        try:
            response = await exchange
        except SmartError as error:
            refused = isinstance(error, TokenError) and not isinstance(error, InvalidClient)
            await (self._keep() if refused else self.free())
            raise
        await self.free(code_was_good=True)
        return response

    async def free(self, *, code_was_good: bool = False) -> None:
        await in_cache(_free, self.key, self.network if code_was_good else "", away=None)

    async def _keep(self) -> None:
        await in_cache(_keep, self, away=None)


async def take(config: EndpointConfig, address: str) -> Place | None:
    """Take a place of the visitor's network, then a token request out of the budget; wait a little
    for either. The caller must let the place `judge` the exchange, or the place stays taken.

    None if nothing is counted: there is no budget, or no cache. Requests from this machine and
    requests without an address count for no network, as in the limits against floods
    (`rate_limit`). Raises TokenBudgetSpent and CodesRefused, which say when to try again; nothing
    has been sent then.
    """
    limit = config.token_requests_per_minute
    if not limit or not address or is_loopback(address):
        place = None
    else:
        place = await _place(config, address, limit)
    is_known = place is None or place.is_known
    try:
        await token_budget.take(config, Share.CODE if is_known else Share.CODE_OF_A_STRANGER)
    except BaseException:  # also when the browser has left
        if place:
            await background.to_its_end(place.free())
        raise
    return place


async def _place(config: EndpointConfig, address: str, limit: int) -> Place | None:
    prefix = f"refused-codes-{config.registration_id}-{_network(address)}"
    if _waiting[prefix] >= MAX_WAITING:
        raise CodesRefused(f"{MAX_WAITING} of one network wait for {config.slug}", retry_after=2)
    _waiting[prefix] += 1
    try:
        return await _waited_for(config, prefix, limit)
    finally:
        _waiting[prefix] -= 1
        if not _waiting[prefix]:
            del _waiting[prefix]


async def _waited_for(config: EndpointConfig, prefix: str, limit: int) -> Place | None:
    give_up_at = time.monotonic() + PLACE_WAITS_SECONDS
    while True:
        taken: Place | float | None = await in_cache(_take, prefix, limit, time.time(), away=None)
        if taken is None or isinstance(taken, Place):
            return taken
        if time.monotonic() + taken > give_up_at:
            raise CodesRefused(f"refused codes of one network at {config.slug}", retry_after=taken)
        await asyncio.sleep(taken + random.uniform(0, 0.2))  # noqa: S311 - spreads the retries


def _network(address: str) -> str:
    network = network_of(address, IPV6_SITE)
    return salted_hmac("smartapp.exchange.code_quota", network, algorithm="sha256").hexdigest()


def _take(prefix: str, limit: int, now: float) -> Place | float:
    """Return a place. If all are taken, return the seconds until a retry makes sense.

    The value of a place is the time when it becomes free. It is in the past while the exchange
    runs.
    """
    is_known = bool(cache.get(_good(prefix)))
    share = SHARE_WHERE_CODES_WERE_GOOD if is_known else SHARE_OF_A_STRANGER
    keys = [f"{prefix}-{number}" for number in range(math.ceil(limit * share))]
    held = cache.get_many(keys)
    for key in keys:
        if key not in held and cache.add(key, now, timeout=WINDOW_SECONDS):
            return Place(key, prefix, is_known)
    # The clock of the machine that wrote the value may differ from this one's.
    left = min(min(held.values(), default=now) - now, LONGEST_KEPT_SECONDS)
    return max(SECONDS_BETWEEN_LOOKS, left)


def _good(network: str) -> str:
    return f"{network}-good"


def _refusals(network: str) -> str:
    return f"{network}-refusals"


def _free(key: str, good_network: str) -> None:
    if good_network:
        cache.set(_good(good_network), True, timeout=REMEMBERED_FOR.total_seconds())
        cache.delete(_refusals(good_network))
    cache.delete(key)


def _keep(place: Place) -> None:
    before = 0 if place.is_known else cache.get(_refusals(place.network), 0)
    cache.set(_refusals(place.network), before + 1, timeout=REFUSALS_COUNT_SECONDS)
    seconds = min(WINDOW_SECONDS * 2 ** min(before, 10), LONGEST_KEPT_SECONDS)
    cache.set(place.key, time.time() + seconds, timeout=seconds)
