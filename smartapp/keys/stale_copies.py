"""EHRs that refused the signer and accepted the previous key: their copy of our JWKS is stale.

No launch fails (`exchange.pipeline`). But an administrator must see it, and the
previous key must not be withdrawn while an EHR still needs it. So there is one row per registration
and key, with a count.
"""

import logging
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db.models import F, Max

from smartapp.database import in_database
from smartapp.keys import waits
from smartapp.keys.models import KeySet, SigningKey, StaleCopy

KEPT_FOR = timedelta(days=90)
PURGE_BATCH = 500

logger = logging.getLogger(__name__)


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


def last_needed_at(kid: str) -> datetime | None:
    """Return when an EHR last accepted this key instead of the signer; None if none ever did."""
    needed: datetime | None = StaleCopy.objects.filter(taken_kid=kid).aggregate(at=Max("last_at"))[
        "at"
    ]
    return needed


def left_behind(signer_kid: str, now: datetime) -> datetime | None:
    """Return when an EHR last refused the signer, if that EHR may be failing now: the key that it
    accepted instead was withdrawn in the last week, less than an hour after that. Else None."""
    rows = StaleCopy.objects.filter(refused_kid=signer_kid)
    for taken_kid, last_at in rows.order_by("-last_at").values_list("taken_kid", "last_at"):
        if SigningKey.objects.filter(
            kid=taken_kid,
            withdrawn_at__lt=last_at + waits.BEFORE_WITHDRAWAL,
            withdrawn_at__gt=now - waits.LATEST_WITHDRAWAL,
        ).exists():
            return last_at
    return None


def purge_batch(now: datetime) -> int:
    """Delete some of the rows that have not changed for 90 days; return the number deleted."""
    old = StaleCopy.objects.filter(last_at__lt=now - KEPT_FOR).values_list("pk", flat=True)
    return StaleCopy.objects.filter(pk__in=list(old[:PURGE_BATCH])).delete()[0]
