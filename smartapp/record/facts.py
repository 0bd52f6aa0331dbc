"""The common form of facts in list sections: what, when, the status, and further details.

A section with a form of its own (medications, vital signs) has its own dataclass.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from smartapp.record.elements import Resource
from smartapp.record.marks import Marks, doubted
from smartapp.record.moments import Moment, newest_first
from smartapp.record.people import read_person
from smartapp.record.reading import Given, LeftOut, Read, read_each

CONTRADICTED = "The record contradicts this: it also lists one."
# Whether a device is an implant is not said.
MAY_BE_AN_IMPLANT = "The record may contradict this: it also lists a device."
# The statuses of what has not happened.
NOT_DONE = frozenset({"Not done", "In preparation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact.

    `fold` names the folded group that it belongs to ("resolved"); "" if it is shown open. `began`
    and `ended` are dates; `when_words` is the time in words if there is no date. Each of `lines`
    has a line of its own; `details` share one. `text` is a document's text with its line breaks.
    `earlier` are former values of the same thing, folded. `is_statement`: it says that there is
    none of its kind, or that it is unknown; `says_none`: that there is none at all.
    """

    marks: Marks
    name: str
    fold: str = ""
    began: Moment | None = None
    ended: Moment | None = None
    when_words: str = ""
    lines: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    text: str = ""
    earlier: tuple[str, ...] = ()
    sources: int = 1
    is_statement: bool = False
    says_none: bool = False

    @property
    def is_counted(self) -> bool:
        return not self.fold and not self.is_statement


def in_order(read: Read[Fact]) -> Read[Fact]:
    """Return the open facts first, then each fold, newest first in each. One that says that there
    is none says whether another one contradicts it."""
    if any(one.is_counted and one.marks.status not in NOT_DONE for one in read.entries):
        read = replace(read, entries=tuple(map(_contradicted, read.entries)))
    folds = list(dict.fromkeys(fact.fold for fact in read.entries))

    def place(fact: Fact) -> tuple[bool, int, bool, float, str]:
        when = newest_first(fact.began or fact.ended)
        doubt = bool(fact.marks.doubt)
        return bool(fact.fold), folds.index(fact.fold), doubt, when, fact.name.casefold()

    return replace(read, entries=tuple(sorted(read.entries, key=place)))


def _contradicted(fact: Fact) -> Fact:
    is_current = fact.says_none and not fact.fold
    remark = MAY_BE_AN_IMPLANT if "implant" in fact.name.casefold() else CONTRADICTED
    return replace(fact, lines=(remark, *fact.lines)) if is_current else fact


def read_dated(given: Given, read: Callable[[Resource], Fact | LeftOut]) -> Read[Fact]:
    """Return past facts, in order. A fact with a future date, or one before the patient's birth, is
    marked with a doubt and is not the newest."""
    person = read_person(given.patient)

    def dated(resource: Resource) -> Fact | LeftOut:
        found = read(resource)
        if isinstance(found, LeftOut):
            return found
        return replace(found, marks=doubted(found.marks, given.now, person=person))

    return in_order(read_each(given.resources, dated))


def said(*words: str) -> tuple[str, ...]:
    """Return the words that are not empty, each once."""
    return tuple(dict.fromkeys(one for one in words if one))


def labelled(label: str, words: Iterable[str]) -> str:
    """Return "label: one, two", or "" without words."""
    found = ", ".join(said(*words))
    return f"{label}: {found}" if found else ""


def unless_recorded(resource: Resource, status: str) -> str:
    """Return the status in words; a resource without one says so."""
    return status or ("" if resource.get("status") else "Status not recorded")
