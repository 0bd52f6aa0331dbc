"""Ending many launches at once: all of an EHR, all of a person, or one (C133); all of a restored
backup; those that have expired.

For an administrator the app ends them here first, so that from this moment on no page shows
anything of them. The requests to their EHRs wait in `pending_revocations`. Each batch is one
transaction together with its entry in the audit trail, so an interrupted run continues where it
stopped: launches that have ended are no longer among the open ones.

Only the sealed tokens say who signed in at a launch. To find the launches of a person, they are
decrypted one by one. A column with a digest of issuer and subject would be faster. But somebody who
has the database without the key ring could then tell which launches belong to the same person, and
the digest's key would have to outlive every rotation of the key ring.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from smartapp import vault
from smartapp.audit import trail
from smartapp.database import PURGE_BATCH, delete_batch
from smartapp.launches import pending_revocations, store
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.models import EndReason, Launch, LaunchKind, Revocation
from smartapp.launches.tokens import LaunchTokens
from smartapp.registrations.models import Endpoint, Registration
from smartapp.vault import VaultError

BATCH = 200
READ_AT_ONCE = 1000
# A launch that never got tokens is kept this long, because its state must stay used.
UNFINISHED_LIFETIME = timedelta(hours=2)
SECONDS_PER_REQUEST = 20


@dataclass(frozen=True, slots=True)
class Person:
    """A person who signed in at an EHR: issuer and subject. Never logged, never in a URL."""

    iss: str
    sub: str = field(repr=False)

    def signed_in(self, tokens: LaunchTokens | None) -> bool:
        return (
            tokens is not None
            and tokens.id_token_iss == self.iss
            and tokens.id_token_sub == self.sub
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of launches. `words` describe it to people and in the audit trail."""

    words: str
    launches: QuerySet[Launch]
    person: Person | None = None

    def open(self) -> Iterator[Launch]:
        """Yield the launches that have not ended; a thousand are read at a time.

        They include launches in their code exchange, which will get a page in a moment, and
        launches whose session has expired but whose tokens the EHR still accepts.
        """
        rows = self.launches.filter(ended_at=None)
        rows = rows.select_related("endpoint").order_by("uuid")
        if self.person is None:
            rows = rows.defer("sealed_tokens")  # most of the row, and not needed here
        last: UUID | None = None
        while page := list((rows.filter(uuid__gt=last) if last else rows)[:READ_AT_ONCE]):
            last = page[-1].uuid
            yield from (one for one in page if self._means(one))

    def _means(self, launch: Launch) -> bool:
        return self.person is None or self.person.signed_in(_tokens(launch))


@dataclass(frozen=True, slots=True)
class Ended:
    count: int
    is_complete: bool


def at_registration(registration: Registration) -> Selection:
    launches = Launch.objects.filter(endpoint__registration=registration)
    return Selection(f"every launch at {registration.name}", launches)


def at_endpoint(endpoint: Endpoint) -> Selection:
    return Selection(f"every launch at {endpoint.name}", Launch.objects.filter(endpoint=endpoint))


def one(launch: Launch) -> Selection:
    return Selection(f"launch {launch.uuid}", Launch.objects.filter(pk=launch.pk))


def of_person(person: Person) -> Selection:
    """Select all launches of a person, at any EHR. The issuer is compared with the one in the
    tokens, because the endpoint's list of issuers may have changed since."""
    words = f"every launch of one person of {person.iss}"
    return Selection(words, Launch.objects.exclude(sealed_tokens=""), person)


def person_of(launch: Launch) -> Person | None:
    """Return who signed in at a launch; None if no id_token said so, or if the launch has ended."""
    tokens = _tokens(launch)
    if tokens is None or tokens.id_token_iss is None or tokens.id_token_sub is None:
        return None
    return Person(tokens.id_token_iss, tokens.id_token_sub)


def _tokens(launch: Launch) -> LaunchTokens | None:
    try:
        return launch_tokens.unseal(launch.sealed_tokens, launch.uuid)
    except VaultError:
        return None


def unopened(selection: Selection) -> int:
    """Return how many open launches may be of the selected person and are not among the selected
    ones, because this process lacks the key of their tokens."""
    if selection.person is None:
        return 0
    rows = selection.launches.filter(ended_at=None)
    return rows.exclude(vault.ring().has_key_of("sealed_tokens")).count()


def count(selection: Selection) -> Counter[tuple[str, str]]:
    """Return how many launches are open, by the name of the EHR and the kind of launch."""
    return Counter(
        (launch.endpoint.name, LaunchKind(launch.kind).label) for launch in selection.open()
    )


def end(selection: Selection, *, actor: str) -> Ended:
    """End the open launches, until all are done or the request has taken long enough.

    Each batch is searched from the start, because a launch that begins meanwhile may have a uuid
    before the last one of the batch.
    """
    until = time.monotonic() + SECONDS_PER_REQUEST
    ended = 0
    while batch := [launch.uuid for launch in islice(selection.open(), BATCH)]:
        ended += _end_batch(batch, selection, actor)
        if time.monotonic() > until:
            return Ended(ended, is_complete=next(selection.open(), None) is None)
    return Ended(ended, is_complete=True)


def _end_batch(uuids: list[UUID], selection: Selection, actor: str) -> int:
    """Return how many of these launches were ended here; some may have ended meanwhile."""
    with transaction.atomic():
        still_open = Launch.objects.filter(pk__in=uuids, ended_at=None)
        ended = store.hand_over_batch(still_open, EndReason.ADMINISTRATOR, timezone.now())
        trail.record(actor, "launch.end", selection.words[:200], launches=len(ended))
    return len(ended)


def end_batch_after_restore(now: datetime) -> int:
    """End a few of the launches that are open in a restored backup; return how many.

    Their EHRs are not asked to revoke: a refresh token that was used since the backup must not be
    sent again.
    """
    pks = list(Launch.objects.filter(ended_at=None).values_list("pk", flat=True)[:PURGE_BATCH])
    store.mark_ended(Launch.objects.filter(pk__in=pks), EndReason.RESTORED, now)
    return len(pks)


def purge_batch(now: datetime) -> int:
    """Delete a small batch of expired rows; return how many sessions and launches were deleted."""
    unfinished = delete_batch(
        Launch.objects.filter(session=None, launched_at__lt=now - UNFINISHED_LIFETIME)
    )
    expired = list(
        Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)[:PURGE_BATCH]
    )
    if expired:
        with transaction.atomic():
            # Of processes that purge at the same moment each takes other sessions, so that no token
            # is revoked twice.
            free = Session.objects.select_for_update(skip_locked=True).filter(pk__in=expired)
            expired = list(free.values_list("pk", flat=True))
            _hand_over_expired(expired, now)
            Session.objects.filter(pk__in=expired).delete()
    return unfinished + len(expired)


def _hand_over_expired(session_digests: list[str], now: datetime) -> None:
    """Add pending revocations for the refresh tokens of expired launches: one for lasting access
    stays valid at the EHR. An access token expires by itself (C133). Tokens that this process
    cannot open may have one."""
    unended = Launch.objects.filter(session__in=session_digests, ended_at=None)
    held = unended.values_list("uuid", "endpoint_id", "sealed_tokens")
    rows = [
        pending_revocations.revocation_of_sealed(*one, now, only_refresh_tokens=True)
        for one in held
    ]
    Revocation.objects.bulk_create(filter(None, rows))
