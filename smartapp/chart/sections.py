"""The sections of the page: what each asks the EHR for, and what reads and draws the answer.

A new section is one more value in SECTIONS, with its reader and its template.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from smartapp.chart.attachments import draw_documents
from smartapp.chart.labs import draw_labs
from smartapp.chart.vitals import draw_vital_signs
from smartapp.record.allergies import read_allergies
from smartapp.record.appointments import read_appointments
from smartapp.record.care_teams import care_teams_to_follow, read_care_teams
from smartapp.record.codes import codes
from smartapp.record.conditions import read_problems
from smartapp.record.coverage import read_coverage
from smartapp.record.devices import devices_to_follow, read_devices
from smartapp.record.dispenses import dispenses_to_follow, read_dispenses
from smartapp.record.documents import read_documents
from smartapp.record.elements import Resource
from smartapp.record.encounters import encounters_to_follow, read_encounters
from smartapp.record.facts import Fact
from smartapp.record.family_history import read_family_history
from smartapp.record.findings import read_findings
from smartapp.record.growth import GESTATIONAL_AGE
from smartapp.record.immunizations import read_immunizations
from smartapp.record.kinds import VITAL_SIGN_CODES
from smartapp.record.laboratory import read_laboratory
from smartapp.record.medications import medications_to_follow, read_medications
from smartapp.record.news import (
    Share,
    share_of_encounters,
    share_of_laboratory,
    share_of_medications,
    share_of_vital_signs,
)
from smartapp.record.observations import CATEGORIES, MEASURED, categories_of
from smartapp.record.orders import orders_to_follow, read_orders
from smartapp.record.personal import read_personal
from smartapp.record.plans import plans_to_follow, read_plans
from smartapp.record.procedures import procedures_to_follow, read_procedures
from smartapp.record.questionnaires import TYPE as QUESTIONNAIRE
from smartapp.record.reading import Given, Read
from smartapp.record.social import FIRST as SOCIAL_CODES
from smartapp.record.social import read_social
from smartapp.record.vital_signs import read_vital_signs

Reader = Callable[[Given], Read[Any]]


Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Search:
    """One search for resources about the launch's patient (FHIR R4, Search).

    It needs the scope of its type: `patient/<type>.s` or `user/<type>.s`. `categories` are the
    codes of one category in all systems that are in use, the usual one first; `parameters` restrict
    it further, also to several different categories. `sort` puts the newest first, so that the
    omitted part of a long record is old. `include` adds the resources that the results refer to. If
    an EHR accepts neither, they are dropped; if it requires a parameter, that is taken from
    `IF_ASKED` (`chart/asking.py`).

    `what` names the results if a section has several searches: "reported medications". If a search
    `is_optional` and not permitted, its section does not mention it. `is_besides`: the search finds
    what the section's other searches may miss, and a refusal is not mentioned.
    """

    resource_type: str
    categories: tuple[str, ...] = ()
    parameters: Pairs = ()
    sort: str = ""
    include: str = ""
    what: str = ""
    is_optional: bool = False
    is_besides: bool = False

    @property
    def needs(self) -> dict[str, str]:
        category = {"category": ",".join(self.categories)} if self.categories else {}
        return {**category, **dict(self.parameters)}

    @property
    def alone(self) -> dict[str, str]:
        """The usual category without the others."""
        return {"category": self.categories[0]} if self.categories else {}

    @property
    def if_asked(self) -> Pairs:
        """What an EHR may require besides: parameters with all values, or the usual category."""
        named = dict(self.parameters)
        return tuple(pair for pair in IF_ASKED.get(self.resource_type, ()) if pair[0] not in named)

    @property
    def apart(self) -> dict[str, "Search"]:
        """A search for each of its different categories, or of those that an EHR may demand; none
        if there are not several."""
        asked = dict((*self.if_asked, *self.parameters)).get("category", "").split(",")
        if len(asked) == 1:
            return {}
        others = tuple(pair for pair in self.parameters if pair[0] != "category")
        return {one: replace(self, parameters=(*others, ("category", one))) for one in asked}

    @property
    def wishes(self) -> dict[str, str]:
        wishes = {"_sort": self.sort, "_include": self.include}
        return {name: value for name, value in wishes.items() if value}


ANY_DATE = ("date", "ge1900-01-01")
# What an EHR may require in a search: US Core lets a server refuse one without a status (its
# general guidance on searches), athenahealth refuses medication orders without an intent, others a
# search without a date or a category. A status or an intent has every value of R4 but those that
# are never shown.
IF_ASKED: dict[str, Pairs] = {
    "AllergyIntolerance": (("clinical-status", "active,inactive,resolved"),),
    "Appointment": (
        ANY_DATE,
        (
            "status",
            "proposed,pending,booked,arrived,fulfilled,cancelled,noshow,checked-in,waitlist",
        ),
    ),
    "CarePlan": (
        ("category", "assess-plan"),
        ("status", "draft,active,on-hold,revoked,completed,unknown"),
    ),
    "CareTeam": (("status", "proposed,active,suspended,inactive"),),
    "Condition": (
        ("category", "problem-list-item,encounter-diagnosis,health-concern"),
        ("clinical-status", "active,recurrence,relapse,inactive,remission,resolved"),
    ),
    "Coverage": (("status", "active,cancelled,draft"),),
    "Device": (("status", "active,inactive,unknown"),),
    "DiagnosticReport": (
        ANY_DATE,
        (
            "status",
            "registered,partial,preliminary,final,amended,corrected,appended,cancelled,unknown",
        ),
    ),
    "DocumentReference": (("category", "clinical-note"), ("status", "current,superseded")),
    "Encounter": (
        ANY_DATE,
        ("status", "planned,arrived,triaged,in-progress,onleave,finished,cancelled,unknown"),
    ),
    "FamilyMemberHistory": (("status", "partial,completed,health-unknown"),),
    "Goal": (
        (
            "lifecycle-status",
            "proposed,planned,accepted,active,on-hold,completed,cancelled,rejected",
        ),
    ),
    "Immunization": (ANY_DATE, ("status", "completed,not-done")),
    "MedicationAdministration": (
        ("status", "in-progress,not-done,on-hold,completed,stopped,unknown"),
    ),
    "MedicationDispense": (
        (
            "status",
            "preparation,in-progress,cancelled,on-hold,completed,stopped,declined,unknown",
        ),
    ),
    "MedicationRequest": (
        ("intent", "order,plan,proposal,original-order,reflex-order,filler-order,instance-order"),
        ("status", "active,on-hold,cancelled,completed,stopped,draft,unknown"),
    ),
    "MedicationStatement": (
        ("status", "active,completed,intended,stopped,on-hold,unknown,not-taken"),
    ),
    "Observation": (
        ANY_DATE,
        ("status", "registered,preliminary,final,amended,corrected,cancelled,unknown"),
    ),
    "Procedure": (
        ANY_DATE,
        ("status", "preparation,in-progress,not-done,on-hold,stopped,completed,unknown"),
    ),
    "QuestionnaireResponse": (("status", "in-progress,completed,amended,stopped"),),
    "ServiceRequest": (("status", "draft,active,on-hold,revoked,completed,unknown"),),
}
VITAL_SIGNS, LABORATORY = ("vital-signs", "vital-sign"), ("laboratory", "LAB")
SOCIAL = ("social-history", "survey")
# A child's gestational age is needed for its percentiles, so it belongs to the vital signs.
OF_VITAL_SIGNS = VITAL_SIGN_CODES | GESTATIONAL_AGE
OF_OTHER_SECTIONS = OF_VITAL_SIGNS.union(SOCIAL_CODES)
# The other categories of HL7 (observation-category), and those of US Core (us-core-category), which
# may stand alone: how well somebody can walk, see or think, what they want done and not done, and
# whether they wrote that down.
FINDINGS = (
    "exam",
    "imaging",
    "procedure",
    "therapy",
    "activity",
    "functional-status",
    "disability-status",
    "cognitive-status",
    "treatment-intervention-preference",
    "care-experience-preference",
    "observation-adi-documentation",
    "sdoh",
)
CATEGORISED = MEASURED.union(SOCIAL, FINDINGS)
# Observations without a category: like that of one with a category of the EHR's own, their code
# decides which section they belong to.
UNFILED = Search(
    "Observation",
    parameters=(("category:missing", "true"),),
    sort="-date",
    is_optional=True,
    is_besides=True,
)


def _is_vital_sign(resource: Resource) -> bool:
    if (found := categories_of(resource)).isdisjoint(CATEGORISED):
        return not _codes(resource).isdisjoint(OF_VITAL_SIGNS)
    return not found.isdisjoint(CATEGORIES["vital-signs"])


def _is_laboratory_result(resource: Resource) -> bool:
    if not (found := categories_of(resource)):
        return _codes(resource).isdisjoint(OF_OTHER_SECTIONS)
    return not found.isdisjoint(CATEGORIES["laboratory"])


def _is_social(resource: Resource) -> bool:
    if resource.get("resourceType") == QUESTIONNAIRE:
        return True
    if (found := categories_of(resource)).isdisjoint(CATEGORISED):
        return not _codes(resource).isdisjoint(SOCIAL_CODES)
    return not found.isdisjoint(SOCIAL) and found.isdisjoint(MEASURED)


def _is_of_no_other_section(resource: Resource) -> bool:
    if is_of_unknown_category(resource):
        return _codes(resource).isdisjoint(OF_OTHER_SECTIONS)
    found = categories_of(resource)
    return bool(found) and found.isdisjoint(MEASURED.union(SOCIAL))


def is_of_unknown_category(resource: Resource) -> bool:
    """Return whether no section asks for any of the resource's categories."""
    found = categories_of(resource)
    return bool(found) and found.isdisjoint(CATEGORISED)


def _codes(resource: Resource) -> frozenset[str]:
    return codes(resource.get("code"))


def _all(_: Resource) -> bool:
    return True


def _each(_: object) -> int:
    return 1


def _open(fact: Fact) -> int:
    return int(fact.is_counted)


def _nothing(_: tuple[Resource, ...]) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that is read by itself, before or after any other.

    `for_patients` is its title if a patient reads the page. The `searches` run in parallel, and
    `read` gets those of their results that `belong` here, because not every EHR restricts a search
    as requested; with `takes_unknown_categories` also what an EHR that does restrict it found under
    a category of its own. `follow` returns the references that must be read too, as they were sent.
    `draw` turns facts into what `template` shows, if that is more than the facts. `count` is how
    much an entry adds to the number in the table of contents; past entries add nothing. `noun` is
    the word for one entry. With `never_assume_none` a section that could not be read says so
    prominently. A section that is `only_if_granted` is on the page if a scope permits it; otherwise
    the end of the page names it. One that `shows_patient` has entries from the Patient resource,
    beside those of its searches. `share` is its contribution to the page's first block
    (record/news.py).
    """

    name: str
    title: str
    for_patients: str
    searches: tuple[Search, ...]
    read: Reader
    template: str
    belongs: Callable[[Resource], bool] = _all
    takes_unknown_categories: bool = False
    noun: str = "entry"
    nouns: str = "entries"
    follow: Callable[[tuple[Resource, ...]], tuple[str, ...]] = _nothing
    draw: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple
    count: Callable[[Any], int] = _each
    share: Callable[[tuple[Any, ...]], Share] | None = None
    is_half_wide: bool = False
    never_assume_none: bool = False
    only_if_granted: bool = False
    shows_patient: bool = False

    @property
    def is_asked_for(self) -> bool:
        """Whether the page asks for it: it has a search that is not optional."""
        return not all(search.is_optional for search in self.searches)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that would allow reading it, as SMART 2.2 spells them for one patient."""
        return tuple(dict.fromkeys(f"patient/{one.resource_type}.rs" for one in self.searches))


# In the order of the page.
SECTIONS = (
    Section(
        name="allergies",
        title="Allergies and intolerances",
        for_patients="Allergies",
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
        for_patients="Health conditions",
        searches=(Search("Condition", sort="-recorded-date"),),
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
        for_patients="Medicines",
        searches=(
            Search(
                "MedicationRequest",
                sort="-authoredon",
                include="MedicationRequest:medication",
                what="medication orders",
            ),
            Search("MedicationStatement", what="reported medications", is_optional=True),
        ),
        share=share_of_medications,
        read=read_medications,
        template="sections/medications.html",
        noun="medication",
        nouns="medications",
        follow=medications_to_follow,
        count=lambda medication: medication.is_counted,
        never_assume_none=True,
        is_half_wide=True,
    ),
    Section(
        name="vitals",
        title="Vital signs",
        for_patients="Blood pressure, weight and other measurements",
        searches=(
            Search("Observation", VITAL_SIGNS, sort="-date"),
            UNFILED,
        ),
        belongs=_is_vital_sign,
        share=share_of_vital_signs,
        read=read_vital_signs,
        draw=draw_vital_signs,
        template="sections/vitals.html",
        noun="vital sign",
        nouns="vital signs",
    ),
    Section(
        name="labs",
        title="Laboratory results",
        for_patients="Test results",
        searches=(
            Search("Observation", LABORATORY, sort="-date"),
            UNFILED,
        ),
        belongs=_is_laboratory_result,
        takes_unknown_categories=True,
        share=share_of_laboratory,
        read=read_laboratory,
        draw=draw_labs,
        template="sections/labs.html",
        noun="result",
        nouns="results",
    ),
    Section(
        name="immunizations",
        title="Immunizations",
        for_patients="Vaccinations",
        searches=(Search("Immunization", sort="-date"),),
        read=read_immunizations,
        template="sections/immunizations.html",
        noun="immunization",
        nouns="immunizations",
        count=lambda immunization: immunization.is_counted,
        is_half_wide=True,
    ),
    Section(
        name="encounters",
        title="Encounters",
        for_patients="Visits",
        searches=(Search("Encounter", sort="-date"),),
        share=share_of_encounters,
        read=read_encounters,
        template="sections/encounters.html",
        follow=encounters_to_follow,
        noun="encounter",
        nouns="encounters",
        is_half_wide=True,
    ),
    Section(
        name="procedures",
        title="Procedures",
        for_patients="Operations and procedures",
        searches=(Search("Procedure", sort="-date"),),
        read=read_procedures,
        template="sections/procedures.html",
        noun="procedure",
        nouns="procedures",
        follow=procedures_to_follow,
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="social",
        title="Smoking, pregnancy, work and questionnaires",
        for_patients="Smoking, pregnancy, work and questionnaires",
        searches=(
            Search("Observation", ("social-history",), sort="-date", what="social history"),
            Search("Observation", ("survey",), sort="-date", what="questionnaires"),
            Search(
                "QuestionnaireResponse",
                sort="-authored",
                what="filled-in questionnaires",
                is_optional=True,
            ),
            UNFILED,
        ),
        read=read_social,
        template="sections/social.html",
        belongs=_is_social,
        noun="observation",
        nouns="observations",
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="findings",
        title="Examinations and other findings",
        for_patients="Examinations and other findings",
        searches=(
            Search("Observation", parameters=(("category", ",".join(FINDINGS)),), sort="-date"),
        ),
        read=read_findings,
        template="sections/findings.html",
        belongs=_is_of_no_other_section,
        noun="finding",
        nouns="findings",
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="documents",
        title="Reports and notes",
        for_patients="Reports and notes of your care team",
        searches=(
            Search("DiagnosticReport", sort="-date", what="reports"),
            Search("DocumentReference", sort="-date", what="notes"),
        ),
        read=read_documents,
        template="sections/documents.html",
        draw=draw_documents,
        noun="document",
        nouns="documents",
        count=lambda document: document.is_counted,
        only_if_granted=True,
    ),
    Section(
        name="dispenses",
        title="Medications dispensed and given",
        for_patients="Medicines handed out and given",
        searches=(
            Search("MedicationDispense", what="dispensed medications"),
            Search("MedicationAdministration", what="given medications"),
        ),
        read=read_dispenses,
        template="sections/dispenses.html",
        noun="entry",
        nouns="entries",
        follow=dispenses_to_follow,
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="devices",
        title="Implants and devices",
        for_patients="Implants and devices",
        searches=(
            Search("Device", what="devices"),
            Search("DeviceUseStatement", what="reported use of devices"),
        ),
        read=read_devices,
        template="sections/devices.html",
        noun="device",
        nouns="devices",
        follow=devices_to_follow,
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="care-team",
        title="Care team",
        for_patients="Your care team",
        searches=(Search("CareTeam"),),
        read=read_care_teams,
        template="sections/care_team.html",
        noun="care team",
        nouns="care teams",
        follow=care_teams_to_follow,
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="plans",
        title="Goals and care plans",
        for_patients="Goals and care plans",
        searches=(
            Search("Goal", what="goals"),
            Search("CarePlan", what="care plans"),
        ),
        read=read_plans,
        template="sections/plans.html",
        noun="entry",
        nouns="entries",
        follow=plans_to_follow,
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="family-history",
        title="Family history",
        for_patients="Illnesses in your family",
        searches=(Search("FamilyMemberHistory"),),
        read=read_family_history,
        template="sections/family_history.html",
        noun="relative",
        nouns="relatives",
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="personal",
        title="Language, contacts and background",
        for_patients="Language, contacts and background",
        searches=(Search("RelatedPerson", what="related persons", is_optional=True),),
        read=read_personal,
        template="sections/personal.html",
        shows_patient=True,
        noun="person",
        nouns="people",
        count=_open,
        is_half_wide=True,
    ),
    Section(
        name="coverage",
        title="Coverage",
        for_patients="Insurance",
        searches=(Search("Coverage"),),
        read=read_coverage,
        template="sections/coverage.html",
        noun="coverage",
        nouns="coverages",
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="orders",
        title="Referrals and orders",
        for_patients="Referrals and orders",
        searches=(Search("ServiceRequest", sort="-authored"),),
        read=read_orders,
        template="sections/orders.html",
        noun="order",
        nouns="orders",
        follow=orders_to_follow,
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
    Section(
        name="appointments",
        title="Appointments",
        for_patients="Appointments",
        searches=(Search("Appointment", sort="-date"),),
        read=read_appointments,
        template="sections/appointments.html",
        noun="appointment",
        nouns="appointments",
        count=_open,
        is_half_wide=True,
        only_if_granted=True,
    ),
)
