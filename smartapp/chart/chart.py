"""The chart as a page draws it. Each section stands alone: one failing read blanks nothing else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from smartapp.chart.sections import Section
from smartapp.record.encounters import Encounter
from smartapp.record.identity import Identity

# ok: everything was read · partial: something is there, and something is missing or was left out
# empty: read, and there is nothing · not-granted: not asked, no scope · forbidden: the EHR refused
# failed: no usable answer
State = Literal["ok", "partial", "empty", "not-granted", "forbidden", "failed"]
Relation = Literal["self", "proxy", "clinician", "unknown"]


@dataclass(frozen=True, slots=True)
class ReadSection:
    """A part of the record and how reading it went.

    `error` is a short safe text for `forbidden` and `failed`, and `reference` finds it in the log.
    `notes` is what the reader must know beside the items, e.g. that the list was cut. `count` is
    what there is now: resolved problems and stopped medications do not count.
    """

    section: Section
    state: State
    items: tuple[Any, ...] = ()
    error: str = ""
    reference: str = ""
    notes: tuple[str, ...] = ()
    count: int = 0

    @property
    def name(self) -> str:
        return self.section.name

    @property
    def title(self) -> str:
        return self.section.title


@dataclass(frozen=True, slots=True)
class FHIRUserView:
    """Who launched: the person behind `fhirUser`, as far as the EHR lets us read it (C95, C96).

    `name` is "" when it could not be read; `reference` is then what there is to show.
    """

    reference: str
    name: str
    role: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that was read for one page, the sections in its order. Never stored."""

    patient: str
    identity: Identity | None
    identity_problem: str
    identity_reference: str
    user: FHIRUserView | None
    encounter: Encounter | None
    encounter_problem: str
    encounter_reference: str
    sections: tuple[ReadSection, ...]
    read_at: datetime

    def section(self, name: str) -> ReadSection:
        return next(one for one in self.sections if one.name == name)

    @property
    def is_partly_read(self) -> bool:
        """Whether the EHR answered for at least one section, be it that nothing is recorded."""
        return any(one.state in ("ok", "partial", "empty") for one in self.sections)

    @property
    def is_unreadable(self) -> bool:
        """Whether the EHR failed to give anything at all of what it was asked for."""
        states = {one.state for one in self.sections}
        nobody = self.identity is None and self.encounter is None
        return nobody and "failed" in states and states <= {"failed", "not-granted"}

    @property
    def failure_reference(self) -> str:
        """Of the first section that could not be read; its line in the log says why."""
        return next((one.reference for one in self.sections if one.state == "failed"), "")

    @property
    def patient_name(self) -> str:
        return self.identity.name.text if self.identity else ""
