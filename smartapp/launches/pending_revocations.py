"""What EHRs are still to be told of: the tokens of launches that were ended here (C133).

A launch that is ended has its tokens deleted at once, whatever the EHR answers. What the EHR is
to be told waits in a table of its own, sealed, until it has been: an EHR that is away, or a
process that stops half-way, costs no revocation. Database work only; `revocation` does the asking.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db.models import F

from smartapp.exchange.revocation import LONGEST_WAIT, Told
from smartapp.launches.models import EndReason, Launch, Revocation, revocation_context
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.token import Issued
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint
from smartapp.registrations.registry import EndpointConfig
from smartapp.vault import Form

# Longer than the requests of a batch that all time out: nobody else tells the EHR meanwhile.
# Twice would do no harm.
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(minutes=1)
GIVE_UP_AFTER = timedelta(days=7)
KEPT_AFTER_GIVING_UP = timedelta(days=30)
PURGE_BATCH = 500
FORM = Form(Issued)


def revocation_of(
    launch: UUID,
    endpoint_id: int,
    tokens: LaunchTokens | Issued,
    now: datetime,
    *,
    lease: bool = False,
) -> Revocation:
    """Return a row, not saved yet, with the tokens that the EHR is to be told of. With a `lease`
    it waits for whoever ends the launch to try at once."""
    row = Revocation(uuid=uuid4(), launch=launch, endpoint_id=endpoint_id, asked_at=now)
    issued = Issued(tokens.refresh_token, tokens.access_token, tokens.token_endpoint)
    row.sealed_tokens = FORM.seal(issued, revocation_context(row.uuid))
    row.not_before = now + LEASE if lease else now
    return row


def claim(limit: int, now: datetime) -> list[UUID]:
    """Take a few that are due, each for this caller alone of all processes."""
    free = Revocation.objects.filter(given_up_at=None, not_before__lte=now)
    due = list(free.order_by("not_before").values_list("pk", flat=True)[:limit])
    return [pk for pk in due if free.filter(pk=pk).update(not_before=now + LEASE)]


def waiting(**lookup: object) -> int:
    """Return how many revocations an EHR, or all of them, is still to be told of."""
    return Revocation.objects.filter(given_up_at=None, **lookup).count()


def not_taken(endpoint_id: int) -> tuple[int, int, str]:
    """Return of how many an EHR could not be told yet, of how many never, and why not."""
    failed = Revocation.objects.filter(endpoint_id=endpoint_id).exclude(failure="")
    given_up = failed.exclude(given_up_at=None).count()
    why = failed.values_list("failure", flat=True).order_by("-not_before").first()
    return failed.count() - given_up, given_up, why or ""


def make_due(now: datetime) -> None:
    """Let those that wait after a failure be tried now; not what is being tried."""
    failed = Revocation.objects.filter(given_up_at=None).exclude(failure="")
    failed.filter(not_before__gt=now + LEASE).update(not_before=now)


def load(pk: UUID) -> tuple[EndpointConfig, Issued] | None:
    """Return what to tell whom. Also at an EHR that was switched off: above all then."""
    row = Revocation.objects.filter(pk=pk, given_up_at=None).first()
    if row is None:
        return None
    endpoint = Endpoint.objects.select_related("registration__key_set").get(pk=row.endpoint_id)
    issued = FORM.unseal(row.sealed_tokens, revocation_context(row.uuid))
    return registry.load(endpoint), issued


def end_reason(told: Told) -> EndReason:
    """Return how it went in the words of a launch that a person has disconnected."""
    if told.failure:
        return EndReason.NOT_REVOKED
    return EndReason.DISCONNECTED if told.is_offered else EndReason.NOT_REVOCABLE


def settle(pk: UUID, told: Told, now: datetime) -> None:
    """Store how telling the EHR went: done, to be tried again later, or given up after a week."""
    row = Revocation.objects.filter(pk=pk).first()
    if row is None:
        return
    if not told.failure:
        disconnected = Launch.objects.filter(pk=row.launch, end_reason=EndReason.NOT_REVOKED)
        disconnected.update(end_reason=end_reason(told))
        row.delete()
        return
    doubled = FIRST_WAIT * 2 ** min(row.attempts, 10)
    # Another process may have settled it meanwhile, or resealed it: only what changes is written.
    unsettled = Revocation.objects.filter(pk=pk, given_up_at=None)
    unsettled.update(
        not_before=now + max(told.retry_after or FIRST_WAIT, min(doubled, LONGEST_WAIT)),
        attempts=F("attempts") + 1,
        failure=told.failure,
    )
    if now - row.asked_at > GIVE_UP_AFTER:
        unsettled.update(given_up_at=now, sealed_tokens="")


def purge_batch(now: datetime) -> int:
    """Delete a few of those that were given up long ago; return how many went.

    Whatever kept a revocation from being tried, its tokens are not kept for longer than a week.
    """
    overdue = Revocation.objects.filter(given_up_at=None, asked_at__lt=now - GIVE_UP_AFTER)
    overdue.filter(not_before__lte=now).update(given_up_at=now, sealed_tokens="")
    old = Revocation.objects.filter(given_up_at__lt=now - KEPT_AFTER_GIVING_UP)
    pks = list(old.values_list("pk", flat=True)[:PURGE_BATCH])
    return Revocation.objects.filter(pk__in=pks).delete()[0] if pks else 0


def endpoints_of(pks: Iterable[UUID]) -> Sequence[tuple[UUID, int]]:
    """Return each of these revocations with the id of its endpoint."""
    rows = Revocation.objects.filter(pk__in=list(pks))
    return list(rows.values_list("pk", "endpoint_id"))
