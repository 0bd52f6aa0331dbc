"""Telephone numbers and addresses (FHIR R4 ContactPoint): those in use, the preferred one first."""

from collections.abc import Iterable
from datetime import datetime

from smartapp.record.amounts import by_rank
from smartapp.record.elements import Resource, mappings
from smartapp.record.facts import said
from smartapp.record.names import is_over
from smartapp.record.texts import text


def telecoms(resource: Resource, now: datetime) -> Iterable[str]:
    """Return the numbers and addresses in use, in the order of their rank (1 is preferred)."""
    for telecom in sorted(in_use(resource.get("telecom"), now), key=by_rank):
        if value := text(telecom.get("value")):
            kind = said(text(telecom.get("system")), text(telecom.get("use")))
            yield f"{value} ({', '.join(kind)})" if kind else value


def in_use(elements: object, now: datetime) -> list[Resource]:
    """Return those that are neither old nor of a past period."""
    found = mappings(elements)
    return [one for one in found if text(one.get("use")) != "old" and not is_over(one, now)]
