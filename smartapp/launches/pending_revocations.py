"""Pending revocations: tokens of ended launches that an EHR still has to revoke (C133).

When a launch is ended, its tokens are deleted at once, whatever the EHR answers. A sealed copy
waits in its own table until the EHR has revoked them, so no revocation is lost if an EHR is away or
a process stops half-way.

The code that ends a launch tries at once (`tell`). `maintain` and an administrator's button process
the rest (`work_off`), a few at a time for each EHR, so that launches there do not have to wait. The
other functions are the database work.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db.models import F
from django.utils import timezone

from smartapp import vault
from smartapp.database import delete_batch, in_database
from smartapp.exchange.revocation import LONGEST_WAIT, Told, outcome, revoke
from smartapp.launches import tokens
from smartapp.launches.models import EndReason, Launch, Revocation, revocation_context
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.token import Issued
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint
from smartapp.registrations.registry import EndpointConfig
from smartapp.vault import Form, VaultError

# Longer than a batch whose requests all time out, so that no other process repeats them. A repeated
# revocation would do no harm.
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(minutes=1)
GIVE_UP_AFTER = timedelta(days=7)
KEPT_AFTER_GIVING_UP = timedelta(days=30)
AT_ONCE = 20
AT_ONCE_PER_ENDPOINT = 4
FORM = Form(Issued)

logger = logging.getLogger(__name__)


def revocation_of(
    launch: UUID,
    endpoint_id: int,
    held: LaunchTokens | Issued,
    now: datetime,
    *,
    lease: bool = False,
) -> Revocation:
    """Return a new row, not saved, with the tokens to revoke. With `lease` it waits a while,
    because the caller tries at once."""
    row = Revocation(uuid=uuid4(), launch=launch, endpoint_id=endpoint_id, asked_at=now)
    row.sealed_tokens = FORM.seal(_issued(held), revocation_context(row))
    row.not_before = now + LEASE if lease else now
    return row


def revocation_of_sealed(
    launch: UUID,
    endpoint_id: int,
    sealed: str,
    now: datetime,
    *,
    lease: bool = False,
    only_refresh_tokens: bool = False,
) -> Revocation | None:
    """Return the same for the sealed tokens of a launch; None if there are none to revoke.

    Tokens that this process cannot open stay as they were sealed for the launch: another process
    may have their key, or be of the release that sealed them.
    """
    if not sealed:
        return None
    try:
        held = tokens.unseal(sealed, launch)
    except VaultError:
        return Revocation(
            uuid=launch, launch=launch, endpoint_id=endpoint_id, sealed_tokens=sealed,
            asked_at=now, not_before=now,
        )  # fmt: skip
    if only_refresh_tokens and held.refresh_token is None:
        return None
    return revocation_of(launch, endpoint_id, held, now, lease=lease)


def claim(limit: int, now: datetime) -> list[UUID]:
    """Claim a few due revocations, each for this caller only, across all processes. Those whose key
    this process lacks are left to the others."""
    free = Revocation.objects.filter(
        vault.ring().has_key_of("sealed_tokens"), given_up_at=None, not_before__lte=now
    )
    due = list(free.order_by("not_before").values_list("pk", flat=True)[:limit])
    return [pk for pk in due if free.filter(pk=pk).update(not_before=now + LEASE)]


def waiting(**lookup: object) -> int:
    """Return the number of pending revocations, of one EHR or of all."""
    return Revocation.objects.filter(given_up_at=None, **lookup).count()


def not_taken(endpoint_id: int) -> tuple[int, int, str]:
    """Return for an EHR: how many revocations failed so far, how many were given up, also without
    a try, and the last failure."""
    rows = Revocation.objects.filter(endpoint_id=endpoint_id)
    given_up = rows.exclude(given_up_at=None).count()
    failed = rows.exclude(failure="")
    why = failed.values_list("failure", flat=True).order_by("-not_before").first()
    return failed.filter(given_up_at=None).count(), given_up, why or "never tried"


def make_due(now: datetime) -> None:
    """Make those due that wait after a failure, except those being tried now."""
    failed = Revocation.objects.filter(given_up_at=None).exclude(failure="")
    failed.filter(not_before__gt=now + LEASE).update(not_before=now)


def load(pk: UUID) -> tuple[EndpointConfig, Issued] | None:
    """Return the EHR and the tokens of a revocation. An EHR that was switched off is included:
    there revocation matters most."""
    row = Revocation.objects.filter(pk=pk, given_up_at=None).first()
    if row is None:
        return None
    endpoint = Endpoint.objects.select_related("registration__key_set").get(pk=row.endpoint_id)
    return registry.load(endpoint), _unseal(row)


def _unseal(row: Revocation) -> Issued:
    if row.uuid != row.launch:
        return FORM.unseal(row.sealed_tokens, revocation_context(row))
    return _issued(tokens.unseal(row.sealed_tokens, row.launch))


def _issued(held: LaunchTokens | Issued) -> Issued:
    return Issued(held.refresh_token, held.access_token, held.token_endpoint)


def end_reason(told: Told) -> EndReason:
    """Return the result of a revocation as the end reason of a launch that a person
    disconnected."""
    if told.failure:
        return EndReason.NOT_REVOKED
    return EndReason.DISCONNECTED if told.is_offered else EndReason.NOT_REVOCABLE


def settle(pk: UUID, told: Told, now: datetime) -> None:
    """Store the result of an attempt: done, to be tried again later, or given up after a week."""
    row = Revocation.objects.filter(pk=pk).first()
    if row is None:
        return
    if not told.failure:
        disconnected = Launch.objects.filter(pk=row.launch, end_reason=EndReason.NOT_REVOKED)
        disconnected.update(end_reason=end_reason(told))
        row.delete()
        return
    doubled = FIRST_WAIT * 2 ** min(row.attempts, 10)
    # Another process may have settled or resealed the row meanwhile, so write only what changes.
    unsettled = Revocation.objects.filter(pk=pk, given_up_at=None)
    unsettled.update(
        not_before=now + max(told.retry_after or FIRST_WAIT, min(doubled, LONGEST_WAIT)),
        attempts=F("attempts") + 1,
        failure=told.failure,
    )
    if now - row.asked_at > GIVE_UP_AFTER:
        unsettled.update(given_up_at=now, sealed_tokens="")


def purge_batch(now: datetime) -> int:
    """Delete a few revocations that were given up long ago; return how many.

    No revocation keeps its tokens for longer than a week, even if it was never tried.
    """
    overdue = Revocation.objects.filter(given_up_at=None, asked_at__lt=now - GIVE_UP_AFTER)
    overdue.filter(not_before__lte=now).update(given_up_at=now, sealed_tokens="")
    return delete_batch(Revocation.objects.filter(given_up_at__lt=now - KEPT_AFTER_GIVING_UP))


def endpoints_of(pks: Iterable[UUID]) -> Sequence[tuple[UUID, int]]:
    """Return each of these revocations with the id of its endpoint."""
    rows = Revocation.objects.filter(pk__in=list(pks))
    return list(rows.values_list("pk", "endpoint_id"))


async def tell(pk: UUID) -> EndReason:
    """Send one revocation that this caller has claimed. Return the result as the end reason of a
    launch that a person disconnected."""
    told = await outcome(_revoke(pk), f"revocation {pk}")
    await in_database(settle, pk, told, timezone.now())
    if told.failure:
        logger.warning("revocation %s: the EHR was not told: %s", pk, told.failure)
    return end_reason(told)


async def _revoke(pk: UUID) -> Told:
    loaded = await in_database(load, pk)
    return await revoke(*loaded) if loaded else Told()


async def work_off(*, within_seconds: float) -> int:
    """Send the due revocations, a few at a time; return how many the EHRs accepted. Those that are
    left when the time is over stay pending."""
    until = time.monotonic() + within_seconds
    gates: dict[int, asyncio.Semaphore] = {}
    told = 0
    while time.monotonic() < until:
        claimed = await in_database(claim, AT_ONCE, timezone.now())
        if not claimed:
            break
        endpoints = await in_database(endpoints_of, claimed)
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
