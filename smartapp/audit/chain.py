"""The hash chain: each event's digest covers its content and the previous event's digest.

An attacker who can write to the database can also compute digests, so a chain that was rewritten as
a whole verifies. But it then ends with another digest: note the end elsewhere from time to time
(`audit --verify` prints it).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet

from smartapp.audit.models import AuditEvent, ChainEnd

START = "0" * 64


def digest(
    previous: str, *, at: datetime, actor: str, origin: str, action: str, target: str, detail: Any
) -> str:
    """Return the digest of an event that follows an event with the digest `previous`."""
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
    """The result of a verification. `problem` is empty if the chain is intact. `length` counts from
    the first event, `checked` from where the verification began."""

    length: int
    end: str
    problem: str = ""
    checked: int = 0


def _broken(event: AuditEvent, previous: str) -> str:
    """Return what is wrong with an event that should follow `previous`; "" if it is intact."""
    name = f"event {event.pk} ({event})"
    if event.previous_digest != previous:
        return f"Before {name}, an event was removed, inserted or moved."
    if event.digest != digest_of(event):
        return f"The content of {name} was changed."
    return ""


def _start(newest: int | None) -> tuple[int, str, QuerySet[AuditEvent]]:
    """Return the number of events to skip, the digest before the first one to check, and the events
    to check."""
    events = AuditEvent.objects.order_by("id")
    left_out = 0 if newest is None else max(0, events.count() - newest)
    if left_out == 0:
        return 0, START, events
    last = events[left_out - 1]
    return left_out, last.digest, events.filter(pk__gt=last.pk)


def verify(newest: int | None = None) -> Verdict:
    """Verify the chain, or its newest events. Events may be appended meanwhile, so the end is read
    first.

    It takes 5 seconds for 100,000 events.
    """
    end = ChainEnd.objects.first() or ChainEnd(length=0, digest=START)
    left_out, previous, events = _start(newest)
    length, problem = left_out, ""
    met_the_end = (length, previous) == (end.length, end.digest)
    for event in events.iterator():
        problem = _broken(event, previous)
        if problem:
            break
        previous, length = event.digest, length + 1
        met_the_end = met_the_end or (length, previous) == (end.length, end.digest)
    if not problem and not met_the_end:
        problem = f"The newest events were removed: there were {end.length}, {length} are left."
    return Verdict(length, previous, problem, checked=length - left_out)
