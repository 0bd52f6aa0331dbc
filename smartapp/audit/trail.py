"""The only function that writes to the audit trail."""

import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from smartapp.audit import chain, origin
from smartapp.audit.models import AuditEvent, ChainEnd


def _locked_end() -> ChainEnd:
    """Return the end of the chain, locked until the transaction ends.

    SQLite has no row locks, but its transactions begin IMMEDIATE, so there is only one writer.
    """
    end, _ = ChainEnd.objects.select_for_update().get_or_create(
        pk=1, defaults={"digest": chain.START}
    )
    return end


@transaction.atomic(savepoint=False)
def record(actor: str, action: str, target: str, **detail: Any) -> None:
    """Append what `actor` (a user name or a command) did to `target`.

    Call it inside the transaction of the change, so that neither exists without the other. The time
    is always the clock's. `detail`: JSON without fractions (databases write them differently, and
    the digest covers what they return), without PHI and secrets.
    """
    end = _locked_end()
    event = AuditEvent(
        at=timezone.now(),
        actor=actor,
        origin=origin.here(),
        action=action,
        target=target,
        detail=json.loads(json.dumps(detail)),
        previous_digest=end.digest,
    )
    event.digest = chain.digest_of(event)
    event.save(force_insert=True)
    ChainEnd.objects.filter(pk=end.pk).update(length=end.length + 1, digest=event.digest)
