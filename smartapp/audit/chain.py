"""The chain: each event's digest covers its content and the digest of the event before it.

Whoever can write to the database can also compute digests: a chain that was rewritten as a whole
verifies. Its end does not repeat, though, so note it elsewhere now and then (`audit --verify`
prints it).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from smartapp.audit.models import AuditEvent, ChainEnd

START = "0" * 64


def digest(
    previous: str, *, at: datetime, actor: str, origin: str, action: str, target: str, detail: Any
) -> str:
    """Return the digest of an event that follows the one with digest `previous`."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    content = [previous, moment, actor, origin, action, target, detail]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def digest_of(event: AuditEvent) -> str:
    return digest(
        event.previous_digest,
        at=event.at,
        actor=event.actor,
        origin=event.origin,
        action=event.action,
        target=event.target,
        detail=event.detail,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verification found; `problem` is empty when the chain is whole."""

    length: int
    end: str
    problem: str = ""


def _broken(event: AuditEvent, previous: str) -> str:
    """Return what is wrong with an event that follows `previous`; empty when nothing is."""
    name = f"event {event.pk} ({event})"
    if event.previous_digest != previous:
        return f"Before {name}, an event was removed, inserted or moved."
    if event.digest != digest_of(event):
        return f"The content of {name} was changed."
    return ""


def verify() -> Verdict:
    """Walk the whole chain. Events may be appended meanwhile: the end is read first."""
    end = ChainEnd.objects.first() or ChainEnd(length=0, digest=START)
    previous, length, was_at_end = START, 0, end.length == 0
    for event in AuditEvent.objects.order_by("id").iterator():
        problem = _broken(event, previous)
        if problem:
            return Verdict(length, previous, problem)
        previous, length = event.digest, length + 1
        was_at_end = was_at_end or (length, previous) == (end.length, end.digest)
    if not was_at_end:
        problem = f"The newest events were removed: there were {end.length}, {length} are left."
        return Verdict(length, previous, problem)
    return Verdict(length, previous)
