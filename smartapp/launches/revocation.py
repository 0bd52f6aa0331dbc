"""Asking EHRs to revoke the tokens of ended launches (C133).

The code that ends a launch tries at once. `maintain` and an administrator's button process the rest
of `pending_revocations`, a few at a time for each EHR, so that launches there do not have to wait.
"""

import asyncio
import logging
import time
from uuid import UUID

from django.utils import timezone

from smartapp.database import in_database
from smartapp.exchange.revocation import Told, outcome, revoke
from smartapp.launches import pending_revocations
from smartapp.launches.models import EndReason

logger = logging.getLogger(__name__)

AT_ONCE = 20
AT_ONCE_PER_ENDPOINT = 4


async def tell(pk: UUID) -> EndReason:
    """Send one revocation that this caller has claimed. Return the result as the end reason of a
    launch that a person disconnected."""
    told = await outcome(_revoke(pk), f"revocation {pk}")
    await in_database(pending_revocations.settle, pk, told, timezone.now())
    if told.failure:
        logger.warning("revocation %s: the EHR was not told: %s", pk, told.failure)
    return pending_revocations.end_reason(told)


async def _revoke(pk: UUID) -> Told:
    loaded = await in_database(pending_revocations.load, pk)
    return await revoke(*loaded) if loaded else Told()


async def work_off(*, within_seconds: float) -> int:
    """Send the due revocations, a few at a time; return how many the EHRs accepted. Those that are
    left when the time is over stay pending."""
    until = time.monotonic() + within_seconds
    gates: dict[int, asyncio.Semaphore] = {}
    told = 0
    while time.monotonic() < until:
        claimed = await in_database(pending_revocations.claim, AT_ONCE, timezone.now())
        if not claimed:
            break
        endpoints = await in_database(pending_revocations.endpoints_of, claimed)
        outcomes = await asyncio.gather(
            *(
                _tell_in_turn(
                    pk, gates.setdefault(endpoint, asyncio.Semaphore(AT_ONCE_PER_ENDPOINT))
                )
                for pk, endpoint in endpoints
            )
        )
        told += sum(outcome == EndReason.DISCONNECTED for outcome in outcomes)
    return told


async def _tell_in_turn(pk: UUID, gate: asyncio.Semaphore) -> EndReason:
    async with gate:
        return await tell(pk)
