"""EHRs that refused the signer and accepted the previous key: their copy of our JWKS is stale.

No launch fails (`exchange.pipeline`). But an administrator must see it, and the
previous key must not be withdrawn while an EHR still needs it. So there is one row per registration
and key, with a count.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db.models import F, OuterRef, Q, Subquery

from smartapp.database import delete_batch, in_database
from smartapp.keys.models import KeySet, SigningKey, StaleCopy

KEPT_FOR = timedelta(days=90)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An EHR refused one key and took another, last at `last_at`. `withdrawn_at`: when the taken
    key left the JWKS, if it did."""

    refused_kid: str
    taken_kid: str
    last_at: datetime
    withdrawn_at: datetime | None


async def record(
    slug: str, *, registration: str, name: str, refused_kid: str, taken_kid: str, now: datetime
) -> None:
    """Record a stale copy. A database error is only logged, so that no launch fails because of
    it."""
    try:
        await in_database(_write, slug, registration, name, refused_kid, taken_kid, now)
    except DatabaseError as error:
        logger.error("stale copy of key set %s not recorded: %s", slug, type(error).__name__)


def _write(
    slug: str, registration: str, name: str, refused_kid: str, taken_kid: str, now: datetime
) -> None:
    """Insert an empty row if there is none, then add to it. This is safe if two processes do it."""
    key_set = KeySet.objects.filter(slug=slug).first()
    if key_set is None:
        return
    row_key = {"key_set": key_set, "registration": registration, "refused_kid": refused_kid}
    row = StaleCopy(**row_key, name=name, taken_kid=taken_kid, first_at=now, last_at=now, count=0)
    StaleCopy.objects.bulk_create([row], ignore_conflicts=True)
    StaleCopy.objects.filter(**row_key).update(
        name=name, taken_kid=taken_kid, last_at=now, count=F("count") + 1
    )


def about(kids: Iterable[str]) -> dict[str, list[Refusal]]:
    """Return the refusals by each of these keys that was refused or taken, in one statement."""
    found: dict[str, list[Refusal]] = {kid: [] for kid in kids}
    taken = SigningKey.objects.filter(kid=OuterRef("taken_kid"))
    rows = StaleCopy.objects.filter(Q(taken_kid__in=found) | Q(refused_kid__in=found)).annotate(
        withdrawn_at=Subquery(taken.values("withdrawn_at")[:1])
    )
    for row in rows.values_list("refused_kid", "taken_kid", "last_at", "withdrawn_at"):
        for kid in found.keys() & set(row[:2]):
            found[kid].append(Refusal(*row))
    return found


def purge_batch(now: datetime) -> int:
    """Delete some of the rows that have not changed for 90 days; return the number deleted."""
    return delete_batch(StaleCopy.objects.filter(last_at__lt=now - KEPT_FOR))
