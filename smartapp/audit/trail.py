"""The one way into the audit trail."""

from typing import Any

from django.utils import timezone

from smartapp.audit.models import AuditEvent


def record(actor: str, action: str, target: str, **detail: Any) -> None:
    """Append what `actor` (a user name or a command) did to `target`.

    Call it inside the transaction of the change, so that neither exists without the other. The
    time is the clock's and nobody's argument. `detail`: JSON, no PHI, no secrets.
    """
    AuditEvent.objects.create(
        at=timezone.now(), actor=actor, action=action, target=target, detail=detail
    )
