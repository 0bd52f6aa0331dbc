"""Codes that an EHR refuses cost the networks that they came from, and nobody else (T30).

Anybody can begin a launch and come back with a code of their own invention. Where a vendor takes
few token requests a minute, five of those would keep everybody else out. What tells a stranger from
a hospital is what becomes of the codes: the hospital's are good. So while a code is exchanged it
holds a place of its network at this registration. The place is free again when the EHR takes the
code, and stays taken for a minute when it refuses it, as the request stays in the vendor's count.

A network has as many places as a fifth of the budget; where a code was good lately, three fifths:
a hospital whose codes grow old in the queue must not stand like a stranger, and somebody on its
guest network, or on a patient's mobile network, must not have all of the budget. No place keeps an
honest network below its budget: a place that each exchange leaves within twelve seconds turns over
as often in a minute as the budget allows, and an exchange is given up after ten.

Many networks with invented codes are more than the budget together. So a network of which no code
was good lately keeps its place for longer with each code that is refused, up to five minutes, and
leaves a fifth of the budget to those whose codes were good: they never wait for strangers.

It is counted where the budget is, in the shared cache; without a budget nothing is. The cache knows
networks by a keyed digest.
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
from smartapp.exchange.token_budget import WINDOW_SECONDS, Share, shared
from smartapp.http import is_loopback
from smartapp.protocol.errors import CodesRefused, InvalidClient, SmartError, TokenError
from smartapp.protocol.token import TokenResponse
from smartapp.rate_limit import IPV6_SITE, network_of
from smartapp.registrations.registry import EndpointConfig

SHARE_OF_A_STRANGER = 1 / 5
SHARE_WHERE_CODES_WERE_GOOD = 3 / 5
REMEMBERED_FOR = timedelta(days=7)  # longer than a weekend at which nobody launches
# For how long a stranger's refused code keeps its place: doubled with each, and no longer than
# somebody waits who has just mended a registration of which every code was refused.
LONGEST_KEPT_SECONDS = 300
REFUSALS_COUNT_SECONDS = 3600
PLACE_WAITS_SECONDS = 10
SECONDS_BETWEEN_LOOKS = 0.5
# Of one network, for its places at one registration, in this process: each looks twice a second.
MAX_WAITING = 32

_waiting: Counter[str] = Counter()


@dataclass(frozen=True, slots=True)
class Place:
    """A network's place at a registration, held while its code is exchanged. Without `key` nothing
    is counted: there is no budget, no address, or no cache. `is_known`: a code of this network was
    good lately, or it is none that is counted."""

    key: str = ""
    network: str = ""
    is_known: bool = True

    async def judge(self, exchange: Awaitable[TokenResponse]) -> TokenResponse:
        """Return what the exchange brings, or raise what it raises; the place is free again unless
        the EHR refused the code.

        An answer without tokens counts as a refusal, unless it is about our own credentials: not
        every token endpoint says `invalid_grant` to an invented code.
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
        if self.key:
            await shared(_free, self.key, self.network if code_was_good else "", away=None)

    async def _keep(self) -> None:
        if self.key:
            await shared(_keep, self, away=None)


async def take(config: EndpointConfig, address: str) -> Place:
    """Take a code's request out of the budget, and a place of the visitor's network before that;
    wait a little for either. Who does not have the place `judge` the exchange leaves it taken.

    Raises TokenBudgetSpent and CodesRefused, which know when to try again: nothing has been sent
    then. This machine itself, and who comes without an address, are counted for no network, as in
    a flood.
    """
    place = await _place(config, address)
    try:
        await token_budget.take(config, Share.CODE if place.is_known else Share.CODE_OF_A_STRANGER)
    except BaseException:  # also when the browser has left meanwhile
        await background.to_its_end(place.free())
        raise
    return place


async def _place(config: EndpointConfig, address: str) -> Place:
    limit = config.token_requests_per_minute
    if not limit or not address or is_loopback(address):
        return Place()
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


async def _waited_for(config: EndpointConfig, prefix: str, limit: int) -> Place:
    give_up_at = time.monotonic() + PLACE_WAITS_SECONDS
    while True:
        taken: Place | float = await shared(_take, prefix, limit, time.time(), away=Place())
        if isinstance(taken, Place):
            return taken
        if time.monotonic() + taken > give_up_at:
            raise CodesRefused(f"refused codes of one network at {config.slug}", retry_after=taken)
        await asyncio.sleep(taken + random.uniform(0, 0.2))  # noqa: S311 - not all at once


def _network(address: str) -> str:
    network = network_of(address, IPV6_SITE)
    return salted_hmac("smartapp.exchange.code_quota", network, algorithm="sha256").hexdigest()


def _take(prefix: str, limit: int, now: float) -> Place | float:
    """Return a place; where all are taken, the seconds until it is worth to look again.

    The value of a place is when it will be free, and in the past while its exchange goes on.
    """
    is_known = bool(cache.get(_good(prefix)))
    share = SHARE_WHERE_CODES_WERE_GOOD if is_known else SHARE_OF_A_STRANGER
    keys = [f"{prefix}-{number}" for number in range(math.ceil(limit * share))]
    held = cache.get_many(keys)
    for key in keys:
        if key not in held and cache.add(key, now, timeout=WINDOW_SECONDS):
            return Place(key, prefix, is_known)
    return max(SECONDS_BETWEEN_LOOKS, min(held.values(), default=now) - now)


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
