"""The data types of `cast.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from tools.sandbox_people.terms import Diagnosis, Drug

REFERENCE_DATE = date(2026, 11, 1)
"""The sandbox's present day: no entry in a chart is later."""


@dataclass(frozen=True, slots=True)
class Name:
    """`family` and `given` in the person's own script; `text` in their own order."""

    family: str
    given: tuple[str, ...]
    text: str
    latin: str | None = None
    """The same name in Latin letters, as a second, usual name."""
    kana: str | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """A measure over the years: straight lines between these points, with noise."""

    points: Mapping[str, float]
    noise: float = 0.0


def steady(value: float, noise: float) -> Trend:
    return Trend({"2000-01-01": value}, noise)


@dataclass(frozen=True, slots=True)
class Visits:
    """A series of visits of the same kind."""

    kind: Diagnosis
    start: str
    every_days: int = 0
    until: str = "2026-10-30"
    reason: Diagnosis | None = None
    vitals: tuple[str, ...] = ()
    labs: tuple[str, ...] = ()
    setting: str = "AMB"
    nights: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    diagnosis: Diagnosis
    onset: str
    abated: str | None = None
    status: str = "active"
    verification: str = "confirmed"


@dataclass(frozen=True, slots=True)
class Prescription:
    drug: Drug
    start: str
    dosage: str
    stopped: str | None = None
    why: Diagnosis | None = None
    as_needed: bool = False


@dataclass(frozen=True, slots=True)
class Allergy:
    to: Diagnosis
    category: str
    noticed: str
    reaction: Diagnosis
    severity: str = "mild"
    criticality: str = "low"


@dataclass(frozen=True, slots=True)
class Operation:
    what: Diagnosis
    day: str


@dataclass(frozen=True, slots=True)
class HomeReadings:
    """Measurements at home, without a visit."""

    measure: str
    start: str
    until: str
    every_days: int
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Guardian:
    """A person who may act for the patient; `patient` if the guardian is also a patient of the
    clinic."""

    name: Name
    role: str
    gender: str
    patient: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    number: int
    name: Name
    note: str
    born: date
    gender: str | None
    practitioner: str = ""
    died: str | None = None
    language: tuple[str, str] | None = None
    smoking: tuple[str, str] | None = None
    everyday_seed: int | None = None
    """The generator seed for colds, sprains and vaccinations; None for none of these."""
    height_percentile: float | None = None
    """A child follows the growth charts at these percentiles."""
    weight_percentile: float = 0.5
    trends: Mapping[str, Trend] = field(default_factory=dict)
    visits: tuple[Visits, ...] = ()
    problems: tuple[Problem, ...] = ()
    prescriptions: tuple[Prescription, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    operations: tuple[Operation, ...] = ()
    home: tuple[HomeReadings, ...] = ()
    guardians: tuple[Guardian, ...] = ()

    @property
    def id(self) -> str:
        return f"a-1.E-{self.number}"

    @property
    def last_day(self) -> date:
        return date.fromisoformat(self.died) if self.died else REFERENCE_DATE
