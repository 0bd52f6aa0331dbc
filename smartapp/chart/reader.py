"""Reads the launch's chart: all parts at once, each on its own.

Whatever the EHR sends is taken for this patient's only when it says so itself (C143). Nothing that
is read is stored, and log lines name resource types, counts and hosts only.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

from smartapp.chart.allergies import read_allergies
from smartapp.chart.elements import concept_text
from smartapp.chart.encounters import read_encounter, read_encounters
from smartapp.chart.fhir_access import (
    Access,
    Found,
    ReadForbidden,
    ReadRefused,
    ReadThrottled,
    Record,
)
from smartapp.chart.identity import read_identity
from smartapp.chart.immunizations import read_immunizations
from smartapp.chart.labs import read_labs
from smartapp.chart.medications import read_medications, unnamed_references
from smartapp.chart.problems import read_problems
from smartapp.chart.sections import Chart, FHIRUserView, Section, State
from smartapp.chart.users import user_view
from smartapp.chart.vitals import read_vital_signs
from smartapp.middleware import new_reference
from smartapp.protocol.errors import (
    EHRUnavailable,
    FHIRError,
    FHIRUnauthorized,
    IDTokenError,
    SmartError,
    WrongPatient,
)
from smartapp.protocol.fhir import parse_fhir_user, patient_of
from smartapp.protocol.scopes import ResourceScope, allows, parse_scope

logger = logging.getLogger(__name__)

LEVELS = ("patient", "user")
MAX_MEDICATION_READS = 20
T = TypeVar("T")
Build = Callable[[list[dict[str, Any]]], tuple[T, ...]]


@dataclass(frozen=True, slots=True)
class Search:
    """A section's search. `category` narrows Observation."""

    name: str
    title: str
    resource_type: str
    category: str = ""


ALLERGIES = Search("allergies", "Allergies and intolerances", "AllergyIntolerance")
PROBLEMS = Search("problems", "Problems", "Condition")
MEDICATIONS = Search("medications", "Medications", "MedicationRequest")
VITALS = Search("vitals", "Vital signs", "Observation", "vital-signs")
LABS = Search("labs", "Laboratory results", "Observation", "laboratory")
IMMUNIZATIONS = Search("immunizations", "Immunizations", "Immunization")
ENCOUNTERS = Search("encounters", "Encounters", "Encounter")
# Every intent of R4 but `option`, which is never shown.
INTENTS = "order,plan,proposal,original-order,reflex-order,filler-order,instance-order"
NEEDS_MORE = ("status 400", "status 403")
SEARCHES = (ALLERGIES, PROBLEMS, MEDICATIONS, VITALS, LABS, IMMUNIZATIONS, ENCOUNTERS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a read went: what it brought, or the state and the words for the page."""

    state: State
    resources: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    reference: str = ""


async def read_chart(
    access: Access,
    *,
    patient: str,
    encounter: str | None,
    fhirUser: str | None,
    granted_scopes: tuple[str, ...],
    extras: Mapping[str, Any],
    now: datetime,
) -> Chart:
    """Return the chart of the launch's patient.

    Raises WrongPatient when the EHR answers `Patient/<id>` with somebody else (C101), and
    FHIRUnauthorized when it refuses the renewed token too (C141); errors of renewing the token pass
    through. Everything else that goes wrong stays in its section.
    """
    token = await access.access_token()
    record = Record(access, patient=patient, extras=extras, access_token=token)
    who, visit, user, *found = await _together(
        _read_patient(record, granted_scopes),
        _read_encounter(record, encounter, granted_scopes),
        _read_user(record, fhirUser, now),
        *(_search(record, search, granted_scopes) for search in SEARCHES),
    )
    outcomes = dict(zip(SEARCHES, found, strict=True))
    names = await _medication_names(record, outcomes[MEDICATIONS])
    # Two thousand observations take a tenth of a second: meanwhile our keys must be served.
    return await asyncio.to_thread(_chart, patient, now, who, visit, user, outcomes, names)


async def _together(*reads: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return what all reads return; the first error that is for the whole page ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _read_patient(record: Record, granted: tuple[str, ...]) -> Outcome:
    """Return the patient. Somebody else in their place is the end of the whole page (C101)."""
    return await _read(
        record, "Patient", record.patient, granted, fatal=(FHIRUnauthorized, WrongPatient)
    )


async def _read_encounter(
    record: Record, encounter: str | None, granted: tuple[str, ...]
) -> Outcome:
    """Return the launch's encounter, if it is this patient's (C102)."""
    if encounter is None:
        return Outcome("empty")
    outcome = await _read(record, "Encounter", encounter, granted)
    if outcome.resources and patient_of(outcome.resources[0]) != record.patient:
        reference = new_reference()
        logger.error("%s the launch's Encounter is not about the launch's patient", reference)
        return Outcome(
            "failed",
            error="The EHR named an encounter of another patient, so it is not shown.",
            reference=reference,
        )
    return outcome


async def _read_user(record: Record, value: str | None, now: datetime) -> FHIRUserView | None:
    """Return who launched; the `fhirUser` scope itself lets us read them (C95)."""
    if value is None:
        return None
    try:
        user = parse_fhir_user(value, fhir_base_url=record.fhir_base_url)
    except IDTokenError:
        return None
    resource: dict[str, Any] = {}
    if user.readable:
        try:
            resource = await record.read(user.resource_type, user.id)
        except FHIRUnauthorized:
            raise
        except (FHIRError, EHRUnavailable) as error:
            logger.info("fhirUser could not be read: %s %s", error.code, error.detail)
    return user_view(user, resource, patient=record.patient, now=now)


async def _read(
    record: Record,
    resource_type: str,
    resource_id: str,
    granted: tuple[str, ...],
    *,
    fatal: tuple[type[FHIRError], ...] = (FHIRUnauthorized,),
) -> Outcome:
    if not allows(granted, level_types=LEVELS, resource=resource_type, permission="r"):
        return Outcome("not-granted")
    try:
        return Outcome("ok", (await record.read(resource_type, resource_id),))
    except fatal:
        raise
    except (FHIRError, EHRUnavailable) as error:
        return _failure(resource_type, error)


async def _search(record: Record, search: Search, granted: tuple[str, ...]) -> Outcome:
    permitted = _permitted(search, granted)
    if permitted == "nothing":
        return Outcome("not-granted")
    category = {"category": search.category} if search.category else {}
    try:
        found = await _ask(record, search, category)
    except FHIRUnauthorized:
        raise
    except (FHIRError, EHRUnavailable) as error:
        return _failure(search.name, error)
    return _found(search, found, is_partial=permitted == "a part")


async def _ask(record: Record, search: Search, parameters: Mapping[str, str]) -> Found:
    """Return what a search brings. Medication orders are asked for again with an intent.

    athenahealth refuses them without one, as US Core has the pair patient and intent. Others may
    keep more in the list than the intents we would name, so the first search names none.
    """
    try:
        return await record.search(search.resource_type, **parameters)
    except ReadRefused as refused:
        if search is not MEDICATIONS or not refused.said.startswith(NEEDS_MORE):
            raise
        return await record.search(search.resource_type, **parameters, intent=INTENTS)


async def _medication_names(record: Record, orders: Outcome) -> dict[str, str]:
    """Return the names of Medication resources that orders only refer to, as far as they go."""
    ids = unnamed_references(list(orders.resources))[:MAX_MEDICATION_READS]
    names = await _together(*(_medication_name(record, one) for one in ids))
    return dict(zip(ids, names, strict=True))


async def _medication_name(record: Record, medication_id: str) -> str:
    try:
        resource = await record.read("Medication", medication_id)
    except FHIRUnauthorized:
        raise
    except (FHIRError, EHRUnavailable) as error:
        logger.info("a Medication could not be read: %s %s", error.code, error.detail)
        return ""
    return concept_text(resource.get("code"))


def _permitted(search: Search, granted: tuple[str, ...]) -> Literal["all", "a part", "nothing"]:
    """Return how much of a search the scopes give.

    A v2 scope may be narrowed by search parameters, and an EHR then leaves out the rest without a
    word: an empty list must not pass for "nothing recorded" (C83).
    """
    scopes = [
        scope
        for scope in map(parse_scope, granted)
        if isinstance(scope, ResourceScope)
        and scope.level in LEVELS
        and scope.resource in (search.resource_type, "*")
        and "s" in scope.permissions
    ]
    amounts = {_amount(search, scope.filters) for scope in scopes}
    return "all" if "all" in amounts else "a part" if "a part" in amounts else "nothing"


def _amount(
    search: Search, filters: frozenset[tuple[str, str]]
) -> Literal["all", "a part", "nothing"]:
    categories = {value.rpartition("|")[2] for name, value in filters if name == "category"}
    if search.category and categories and search.category not in categories:
        return "nothing"
    others = {name for name, _ in filters} - ({"category"} if search.category else set())
    return "a part" if others else "all"


def _found(search: Search, found: Found, *, is_partial: bool) -> Outcome:
    notes = list(dict.fromkeys(found.notes))
    reference = ""
    if found.is_cut:
        notes.append(
            f"Only the first {len(found.resources)} entries that the EHR sent are shown; "
            "it has more. The newest may not be among them."
        )
    if found.foreign:
        reference = new_reference()
        logger.error(
            "%s %s: dropped %d resources that are not about the launch's patient (C143)",
            reference,
            search.resource_type,
            found.foreign,
        )
        notes.append(_foreign_text(found.foreign, reference))
    if is_partial:
        notes.append("This launch was given only a part of this list.")
    return Outcome(
        state="partial" if notes else "ok",
        resources=tuple(found.resources),
        notes=tuple(notes),
        reference=reference,
    )


def _foreign_text(count: int, reference: str) -> str:
    entries = "1 entry" if count == 1 else f"{count} entries"
    return (
        f"{entries} from the EHR did not belong to this patient and were left out. "
        f"Tell your administrator; reference {reference}."
    )


def _failure(what: str, error: SmartError) -> Outcome:
    """Return the words for a failed read and put its reference into the log."""
    reference = new_reference()
    logger.warning("%s %s: %s %s", reference, what, error.code, error.detail)
    state: State = "forbidden" if isinstance(error, ReadForbidden) else "failed"
    return Outcome(state, error=_failure_text(error), reference=reference)


def _failure_text(error: SmartError) -> str:
    if isinstance(error, ReadThrottled):
        seconds = error.wait_seconds
        unit = "second" if seconds == 1 else "seconds"
        return f"The EHR is busy. Load the page again in {seconds} {unit}."
    if isinstance(error, ReadRefused):
        return f"{error.happened} {_said(error.said)}"
    return f"{error.happened} {error.next_step}"


def _said(said: str) -> str:
    """Return the EHR's answer as a sentence that keeps its words apart from ours."""
    status, _, words = said.partition(": ")
    answered = f"It answered with {status}."
    return f"{answered} The EHR said: “{words.strip().rstrip('.')}”" if words else answered


def _chart(
    patient: str,
    now: datetime,
    who: Outcome,
    visit: Outcome,
    user: FHIRUserView | None,
    found: Mapping[Search, Outcome],
    medication_names: Mapping[str, str],
) -> Chart:
    identity = read_identity(who.resources[0], now=now) if who.resources else None
    birth_date = identity.birth_date if identity else None
    read_orders = partial(read_medications, names=medication_names)
    read_vitals = partial(read_vital_signs, birth_date=birth_date)
    return Chart(
        patient=patient,
        identity=identity,
        identity_problem="" if identity else _problem(who, "the patient's name and date of birth"),
        identity_reference=who.reference,
        user=user,
        encounter=read_encounter(visit.resources[0]) if visit.resources else None,
        encounter_problem=_problem(visit, "the encounter"),
        encounter_reference=visit.reference,
        allergies=_section(ALLERGIES, found[ALLERGIES], read_allergies, lambda a: a.is_active),
        problems=_section(PROBLEMS, found[PROBLEMS], read_problems, lambda p: p.is_active),
        medications=_section(MEDICATIONS, found[MEDICATIONS], read_orders, lambda m: m.is_current),
        vitals=_section(VITALS, found[VITALS], read_vitals),
        labs=_section(LABS, found[LABS], read_labs, lambda group: len(group.tests)),
        immunizations=_section(IMMUNIZATIONS, found[IMMUNIZATIONS], read_immunizations),
        encounters=_section(ENCOUNTERS, found[ENCOUNTERS], read_encounters),
        read_at=now,
    )


def _problem(outcome: Outcome, what: str) -> str:
    if outcome.state == "not-granted":
        return f"This launch was not given permission to read {what}."
    return outcome.error


def _section(
    search: Search, outcome: Outcome, build: Build[T], count: Callable[[T], int] = lambda _: 1
) -> Section[T]:
    items = build(list(outcome.resources))
    return Section(
        name=search.name,
        title=search.title,
        state="empty" if outcome.state == "ok" and not items else outcome.state,
        items=items,
        error=outcome.error,
        reference=outcome.reference,
        notes=outcome.notes,
        count=sum(map(count, items)),
    )
