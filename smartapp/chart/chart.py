"""The chart as a page draws it. Sections are independent: a failed read leaves the others
unchanged."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from smartapp.chart.sections import SECTIONS, Section
from smartapp.protocol.errors import wait_words
from smartapp.record.elements import Resource
from smartapp.record.encounters import Encounter
from smartapp.record.identity import Identity
from smartapp.record.news import Share

# ok: everything was read · partial: something was read, and something is missing or was left out
# empty: read, and there is nothing · not-granted: not asked, no scope · forbidden: the EHR refused
# failed: no usable answer · not-offered: the EHR has no such data, and the page omits the section
State = Literal["ok", "partial", "empty", "not-granted", "forbidden", "failed", "not-offered"]
Look = Literal["shown", "cut", "empty", "not-allowed", "failed", "not-offered"]
LOOKS: dict[State, Look] = {
    "ok": "shown",
    "partial": "cut",
    "empty": "empty",
    "not-granted": "not-allowed",
    "forbidden": "not-allowed",
    "failed": "failed",
    "not-offered": "not-offered",
}
Lack = Literal["", "foreign", "failed", "forbidden", "elsewhere", "less", "unattributed"]
Relation = Literal["self", "proxy", "clinician", "unknown"]


class Why(NamedTuple):
    """Why something was not read, for administrators: an error's `rule` and its `detail`, which
    hold no clinical content."""

    rule: str = ""
    detail: str = ""


NO_REASON = Why()


@dataclass(frozen=True, slots=True)
class ReadSection:
    """A section of the record and the result of reading it.

    `error` is a short safe text for `forbidden` and `failed`, and `reference` finds in the log what
    of it failed. `lacks` says why something of it is not there: a read of several that failed,
    pages that are not below the FHIR base, less than the EHR counts or has, or entries that were
    left out, of another patient or of one that they do not name. `why` says more of that.
    `retry_after` is the number of seconds after which the EHR wants to be asked again, if it says
    so. `notes` is what the reader must know besides the items, for example that the list was cut.
    `count` is the number of current items; resolved problems and stopped medications do not count.
    `is_cut`: the EHR has, or may have, more than was read; entries that the record itself withdrew
    are not missing. `share` is the section's contribution to the page's first block.
    """

    section: Section
    state: State
    items: tuple[Any, ...] = ()
    error: str = ""
    reference: str = ""
    lacks: Lack = ""
    why: Why = NO_REASON
    retry_after: float | None = None
    notes: tuple[str, ...] = ()
    count: int = 0
    is_cut: bool = False
    share: Share | None = None

    @property
    def name(self) -> str:
        return self.section.name

    @property
    def title(self) -> str:
        return self.section.title

    @property
    def look(self) -> Look:
        """How the page draws the section."""
        return LOOKS[self.state]

    @property
    def retry_in(self) -> str:
        """`retry_after` in words."""
        return wait_words(self.retry_after)

    @property
    def is_read(self) -> bool:
        """Whether the EHR answered, even if it has no entries."""
        return self.state in ("ok", "partial", "empty")

    @property
    def is_whole(self) -> bool:
        """Whether everything that the EHR has was read: only then may the section say "none"."""
        return self.is_read and not self.is_cut


@dataclass(frozen=True, slots=True)
class FHIRUserView:
    """Who launched: the person behind `fhirUser`, as far as the EHR lets us read it (C95, C96).

    `name` is "" if it could not be read; then `reference` is shown.
    """

    reference: str
    name: str
    role: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Who:
    """The patient. If `identity` is None, `problem` says why, and `reference` finds it in the
    log."""

    patient: str
    identity: Identity | None
    resource: Resource = field(default_factory=dict)
    problem: str = ""
    reference: str = ""
    why: Why = NO_REASON


@dataclass(frozen=True, slots=True)
class Visit:
    """The launch's encounter. Without `encounter` and `problem` the launch has none."""

    encounter: Encounter | None = None
    problem: str = ""
    reference: str = ""
    why: Why = NO_REASON


Part = Who | Visit | FHIRUserView | ReadSection
# The names of all parts, in the order of the page.
NAMES = ("who", "user", "visit", "news", *(one.name for one in SECTIONS))


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that was read for one page, with the sections in the page's order."""

    who: Who
    visit: Visit
    user: FHIRUserView | None
    sections: tuple[ReadSection, ...]

    def section(self, name: str) -> ReadSection:
        return next(one for one in self.sections if one.name == name)

    @property
    def shares(self) -> dict[str, Share]:
        """The sections' contributions to the first block."""
        return {one.name: one.share for one in self.sections if one.share}

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in the order of the page."""
        user = (self.user,) if self.user else ()
        return (self.who, *user, self.visit, *self.sections)

    @property
    def is_unreadable(self) -> bool:
        """Whether the EHR could give nothing at all of what it was asked for."""
        states = {one.state for one in self.sections if one.section.is_asked_for}
        nobody = self.who.identity is None and self.visit.encounter is None
        return nobody and "failed" in states and states <= {"failed", "not-granted"}


def name_of(part: Part) -> str:
    """Return the name of a part, unique on a page."""
    if isinstance(part, ReadSection):
        return part.name
    return {Who: "who", FHIRUserView: "user", Visit: "visit"}[type(part)]


def is_settled(part: Part) -> bool:
    """Whether asking the EHR again in a moment would bring the same."""
    match part:
        case Who():
            return part.identity is not None
        case Visit():
            return not part.problem
        case ReadSection():
            is_told = part.is_read or part.state in ("not-granted", "not-offered")
            return is_told and part.lacks != "failed"
        case FHIRUserView():
            return True


def chart_of(parts: Iterable[Part]) -> Chart:
    """Return the chart that parts in any order make."""
    by_kind: dict[type, list[Any]] = defaultdict(list)
    for part in parts:
        by_kind[type(part)].append(part)
    sections = sorted(by_kind[ReadSection], key=lambda one: SECTIONS.index(one.section))
    return Chart(
        who=by_kind[Who][0],
        visit=next(iter(by_kind[Visit]), Visit()),
        user=next(iter(by_kind[FHIRUserView]), None),
        sections=tuple(sections),
    )
