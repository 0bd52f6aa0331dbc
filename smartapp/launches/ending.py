"""Ending many launches at once: those of an EHR, of a person, or one (C133).

They end here first, so that nobody sees anything from that moment on; what their EHRs must be
told waits in `pending_revocations`. Each batch is a transaction with its line in the audit
trail, so what was interrupted goes on where it stopped: a launch that has ended is not among the
open ones.

Who signed in at a launch stands only in its sealed tokens. To find a person's launches they are
opened, one after the other. A digest of issuer and subject in a column of its own would be faster,
and would show whoever has the database, but not the key ring, which launches are one person's;
and its key would have to outlive every change of the ring.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from smartapp.audit import trail
from smartapp.launches import store
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.models import EndReason, Launch, LaunchKind
from smartapp.launches.tokens import LaunchTokens
from smartapp.registrations.models import Endpoint, Registration
from smartapp.vault import VaultError

BATCH = 200
READ_AT_ONCE = 1000
SECONDS_PER_REQUEST = 20


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in at an EHR: an issuer, and its subject there. Never logged, never in a URL."""

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
    """Which launches are meant. `words` say it to a person and in the audit trail."""

    words: str
    launches: QuerySet[Launch]
    person: Person | None = None

    def open(self) -> Iterator[Launch]:
        """Yield those that have not ended, a thousand read at a time.

        Also those in their code exchange, which get a page in a moment, and those whose session
        has expired and whose tokens the EHR still takes.
        """
        rows = self.launches.filter(ended_at=None)
        rows = rows.select_related("endpoint").order_by("uuid")
        if self.person is None:
            rows = rows.defer("sealed_tokens")  # most of the row, and nobody looks into it
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
    """Everything of a person, at whichever EHR: the issuer that vouched for a launch is the one
    in its tokens, whatever its endpoint's list of issuers has become since."""
    words = f"every launch of one person of {person.iss}"
    return Selection(words, Launch.objects.exclude(sealed_tokens=""), person)


def person_of(launch: Launch) -> Person | None:
    """Return who signed in at a launch; None when nobody vouched for it, or it has ended."""
    tokens = _tokens(launch)
    if tokens is None or tokens.id_token_iss is None or tokens.id_token_sub is None:
        return None
    return Person(tokens.id_token_iss, tokens.id_token_sub)


def _tokens(launch: Launch) -> LaunchTokens | None:
    try:
        return launch_tokens.unseal(launch.sealed_tokens, launch.uuid)
    except VaultError:
        return None


def count(selection: Selection) -> Counter[tuple[str, str]]:
    """Return how many launches are open, by the name of the EHR and the kind."""
    return Counter(
        (launch.endpoint.name, LaunchKind(launch.kind).label) for launch in selection.open()
    )


def end(selection: Selection, *, actor: str) -> Ended:
    """End what is open, until it is done or the request has taken long enough.

    Each batch is looked for from the start: a launch that begins meanwhile may have a uuid that
    the last one was already beyond.
    """
    until = time.monotonic() + SECONDS_PER_REQUEST
    ended = 0
    while batch := [launch.uuid for launch in islice(selection.open(), BATCH)]:
        ended += _end_batch(batch, selection, actor)
        if time.monotonic() > until:
            return Ended(ended, is_complete=next(selection.open(), None) is None)
    return Ended(ended, is_complete=True)


def _end_batch(uuids: list[UUID], selection: Selection, actor: str) -> int:
    """Return how many of these ended here: some may have ended by themselves meanwhile."""
    with transaction.atomic():
        still_open = Launch.objects.filter(pk__in=uuids, ended_at=None)
        ended = store.hand_over_batch(still_open, EndReason.ADMINISTRATOR, timezone.now())
        trail.record(actor, "launch.end", selection.words[:200], launches=len(ended))
    return len(ended)
