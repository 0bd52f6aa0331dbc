"""What an EHR rules out in one entry and lists as current in another.

The entry that rules it out is not shown, so the other one has to say so.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smartapp.record.absence import absent_code
from smartapp.record.codes import codings, concept_text
from smartapp.record.elements import Resource, mappings
from smartapp.record.modifiers import REFUTED, not_understood, reason_to_leave_out
from smartapp.record.moments import Moment, is_reversed, member_moment
from smartapp.record.sites import site_texts
from smartapp.record.statements import is_of_a_whole_kind

_WORD = re.compile(r"[^\W\d_]{4,}")
_OF_ANY = frozenset(("allergy", "allergic", "intolerance", "disease", "disorder", "reaction"))


@dataclass(frozen=True, slots=True)
class RuledOut:
    """One entry that is ruled out: its codes and its name, the places in the body or the
    substances, the day; `words` are those of its name."""

    names: frozenset[tuple[str, str]]
    words: frozenset[str]
    narrowed_to: frozenset[str]
    when: Moment | None


def ruled_out(resources: Iterable[Resource]) -> tuple[RuledOut, ...]:
    """Return the entries (Condition, AllergyIntolerance) that are refuted."""
    return tuple(
        _read(one)
        for one in resources
        if reason_to_leave_out(one) == REFUTED and not not_understood(one)
    )


def remark_on(resource: Resource, others: Sequence[RuledOut]) -> str:
    """Return that another entry, not older than this one, says that this was ruled out; "" if none
    does. An entry of another place in the body (the left knee) or of another substance is about
    something else."""
    if not others:
        return ""
    own = _read(resource)
    for other in others:
        if not _are_one(own, other) or is_reversed(own.when, other.when):
            continue
        both = own.narrowed_to and other.narrowed_to
        if both and own.narrowed_to.isdisjoint(other.narrowed_to):
            continue
        day = f", recorded {other.when.day_text}," if other.when else ""
        return f"Another entry{day} says that it was ruled out."
    return ""


def _are_one(one: RuledOut, other: RuledOut) -> bool:
    """Return whether both have a name or a code in common. A code that both have only says that
    something is of no other kind ("Other"), if their names have no word in common."""
    is_of_two = one.words and other.words and one.words.isdisjoint(other.words)
    return not (is_of_two or one.names.isdisjoint(other.names))


def _read(resource: Resource) -> RuledOut:
    code = resource.get("code") or resource.get("substance")
    name = concept_text(code).casefold()
    # Drug allergies of all kinds may have the code for a drug allergy.
    names = {
        pair for pair in codings(code) if all(pair) and not (name and is_of_a_whole_kind(*pair))
    }
    substances = (concept_text(one.get("substance")) for one in mappings(resource.get("reaction")))
    return RuledOut(
        frozenset() if absent_code(code) else frozenset(names | ({("", name)} if name else set())),
        frozenset(_WORD.findall(name)) - _OF_ANY,
        frozenset(filter(None, (*site_texts(resource.get("bodySite")), *substances))),
        member_moment(resource, "recordedDate", "assertedDate", "dateRecorded"),
    )
