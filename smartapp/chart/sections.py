"""The sections of the page: what each asks the EHR for, and what reads and draws the answer.

A section more is one value more in SECTIONS, beside its reader and its template.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from smartapp.chart.labs import draw_labs
from smartapp.chart.vitals import draw_vital_signs
from smartapp.record.allergies import read_allergies
from smartapp.record.conditions import read_problems
from smartapp.record.elements import Resource
from smartapp.record.encounters import encounters_to_follow, read_encounters
from smartapp.record.immunizations import read_immunizations
from smartapp.record.laboratory import read_laboratory
from smartapp.record.medications import medications_to_follow, read_medications
from smartapp.record.reading import Given, Read
from smartapp.record.vital_signs import read_vital_signs

T = TypeVar("T")
Reader = Callable[[Given], Read[Any]]


@dataclass(frozen=True, slots=True)
class Search:
    """One search for resources about the launch's patient.

    `parameters` narrow it (FHIR R4, Search). The scope that it needs is that of its type:
    `patient/<type>.s` or `user/<type>.s`. An EHR that refuses it is asked once more, with
    `if_refused` besides. `what` names what it brings, where a section has several: "reported
    medications".
    """

    resource_type: str
    parameters: tuple[tuple[str, str], ...] = ()
    if_refused: tuple[tuple[str, str], ...] = ()
    what: str = ""

    @property
    def category(self) -> str:
        return dict(self.parameters).get("category", "")


# Every intent of R4 but `option`, which is never shown. athenahealth refuses medication orders
# without one, as US Core has the pair patient and intent.
INTENTS = "order,plan,proposal,original-order,reflex-order,filler-order,instance-order"


def _each(_: object) -> int:
    return 1


def _nothing(_: tuple[Resource, ...]) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page, read on its own: it may come before or after every other.

    `searches` are asked for at once, and `read` gets all that they brought. `follow` names what
    must be read besides, by the references as they were sent. `draw` turns facts into what
    `template` shows, where that is more than the facts. `count` is how much an entry adds to the
    number in the contents: what is over adds nothing. `noun` is one entry in words. Where
    `never_assume_none`, a section that could not be read says that loudly.
    """

    name: str
    title: str
    searches: tuple[Search, ...]
    read: Reader
    template: str
    noun: str = "entry"
    nouns: str = "entries"
    follow: Callable[[tuple[Resource, ...]], tuple[str, ...]] = _nothing
    draw: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple
    count: Callable[[Any], int] = _each
    is_half_wide: bool = False
    never_assume_none: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that would let it be read, as SMART 2.2 spells them for one patient."""
        return tuple(dict.fromkeys(f"patient/{one.resource_type}.rs" for one in self.searches))


def _listed(read: Callable[[list[Resource]], tuple[T, ...]]) -> Callable[[Given], Read[T]]:
    """Return a reader of a list as a section's."""
    return lambda given: Read(read(list(given.resources)))


# In the order of the page.
SECTIONS = (
    Section(
        name="allergies",
        title="Allergies and intolerances",
        searches=(Search("AllergyIntolerance"),),
        read=read_allergies,
        template="sections/allergies.html",
        noun="allergy",
        nouns="allergies",
        count=lambda allergy: allergy.is_counted,
        never_assume_none=True,
    ),
    Section(
        name="problems",
        title="Problems",
        searches=(Search("Condition"),),
        read=read_problems,
        template="sections/problems.html",
        noun="problem",
        nouns="problems",
        count=lambda problem: problem.is_counted,
        is_half_wide=True,
    ),
    Section(
        name="medications",
        title="Medications",
        searches=(Search("MedicationRequest", if_refused=(("intent", INTENTS),)),),
        read=read_medications,
        template="sections/medications.html",
        noun="medication",
        nouns="medications",
        follow=medications_to_follow,
        count=lambda medication: medication.is_current,
        never_assume_none=True,
        is_half_wide=True,
    ),
    Section(
        name="vitals",
        title="Vital signs",
        searches=(Search("Observation", (("category", "vital-signs"),)),),
        read=read_vital_signs,
        draw=draw_vital_signs,
        template="sections/vitals.html",
        noun="vital sign",
        nouns="vital signs",
    ),
    Section(
        name="labs",
        title="Laboratory results",
        searches=(Search("Observation", (("category", "laboratory"),)),),
        read=read_laboratory,
        draw=draw_labs,
        template="sections/labs.html",
        noun="result",
        nouns="results",
    ),
    Section(
        name="immunizations",
        title="Immunizations",
        searches=(Search("Immunization"),),
        read=read_immunizations,
        template="sections/immunizations.html",
        noun="immunization",
        nouns="immunizations",
        is_half_wide=True,
    ),
    Section(
        name="encounters",
        title="Encounters",
        searches=(Search("Encounter"),),
        read=read_encounters,
        template="sections/encounters.html",
        follow=encounters_to_follow,
        noun="encounter",
        nouns="encounters",
        is_half_wide=True,
    ),
)
