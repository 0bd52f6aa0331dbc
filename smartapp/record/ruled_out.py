"""What an EHR rules out in one entry and lists as current in another.

The entry that rules it out is not shown, so the other one has to say so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from smartapp.record.absence import absent_code
from smartapp.record.codes import codings, concept_text
from smartapp.record.elements import Resource
from smartapp.record.modifiers import REFUTED, not_understood, reason_to_leave_out
from smartapp.record.moments import Moment, is_reversed, member_moment
from smartapp.record.sites import site_texts


@dataclass(frozen=True, slots=True)
class RuledOut:
    """One entry that is ruled out: its codes and its name, the places in the body, the day."""

    names: frozenset[tuple[str, str]]
    sites: frozenset[str]
    when: Moment | None


def ruled_out(resources: Iterable[Resource]) -> tuple[RuledOut, ...]:
    """Return the entries (Condition, AllergyIntolerance) that are refuted."""
    return tuple(
        _read(one)
        for one in resources
        if reason_to_leave_out(one) == REFUTED and not not_understood(one)
    )


def remark_on(resource: Resource, others: Iterable[RuledOut]) -> str:
    """Return that another entry, not older than this one, says that this was ruled out; "" if none
    does. An entry of another place in the body (the left knee) is about something else."""
    own = _read(resource)
    for other in others:
        is_elsewhere = own.sites and other.sites and own.sites.isdisjoint(other.sites)
        is_older = is_reversed(own.when, other.when)
        if not (own.names.isdisjoint(other.names) or is_elsewhere or is_older):
            day = f", recorded {other.when.day_text}," if other.when else ""
            return f"Another entry{day} says that it was ruled out."
    return ""


def _read(resource: Resource) -> RuledOut:
    code = resource.get("code") or resource.get("substance")
    name = concept_text(code).casefold()
    names = (*filter(all, codings(code)), *([("", name)] if name else []))
    return RuledOut(
        frozenset() if absent_code(code) else frozenset(names),
        frozenset(site_texts(resource.get("bodySite"))),
        member_moment(resource, "recordedDate", "assertedDate", "dateRecorded"),
    )
