"""Reads the launch's chart: all parts at once, each on its own.

Whatever the EHR sends is taken for this patient's only when it says so itself (C143). Nothing that
is read is stored, and log lines name resource types, counts and hosts only.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from smartapp.chart.chart import Chart, FHIRUserView, ReadSection, State
from smartapp.chart.fhir_access import (
    Access,
    Found,
    ReadForbidden,
    ReadRefused,
    ReadThrottled,
    Record,
)
from smartapp.chart.sections import SECTIONS, Search, Section
from smartapp.chart.users import user_view
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
from smartapp.record.encounters import read_encounter
from smartapp.record.identity import read_identity
from smartapp.record.reading import Given, LeftOut

logger = logging.getLogger(__name__)

LEVELS = ("patient", "user")
MAX_FOLLOWED = 20
# Type, id and perhaps a version: the current version is read, because the record is its present.
_BELOW_BASE = re.compile(
    r"([A-Z][A-Za-z]{0,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
NEEDS_MORE = ("status 400", "status 403")


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
    who = asyncio.ensure_future(_read_patient(record, granted_scopes))
    outcome, visit, user, *sections = await _together(
        _result(who),
        _read_encounter(record, encounter, granted_scopes),
        _read_user(record, fhirUser, now),
        *(_read_section(record, one, granted_scopes, who, now) for one in SECTIONS),
    )
    return _chart(patient, now, outcome, visit, user, tuple(sections))


async def _result(who: asyncio.Future[Outcome]) -> Outcome:
    return await who


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


async def _read_section(
    record: Record,
    section: Section,
    granted: tuple[str, ...],
    who: asyncio.Future[Outcome],
    now: datetime,
) -> ReadSection:
    """Return the section once its own searches, what they refer to and the patient are read."""
    found = await _together(*(_search(record, section, one, granted) for one in section.searches))
    outcome = _joined(section, found)
    related = await _related(record, section.follow(outcome.resources))
    patient = next(iter((await asyncio.shield(who)).resources), {})
    given = Given(outcome.resources, now, patient, related)
    # Two thousand observations take a tenth of a second: meanwhile our keys must be served.
    return await asyncio.to_thread(_section, section, outcome, given)


async def _search(
    record: Record, section: Section, search: Search, granted: tuple[str, ...]
) -> Outcome:
    permitted = _permitted(search, granted)
    if permitted == "nothing":
        return Outcome("not-granted")
    try:
        found = await _ask(record, search)
    except FHIRUnauthorized:
        raise
    except (FHIRError, EHRUnavailable) as error:
        return _failure(section.name, error)
    return _found(search, found, is_partial=permitted == "a part")


async def _ask(record: Record, search: Search) -> Found:
    """Return what a search brings; where the EHR refuses it, with the parameters that it may want.

    Others may keep more in the list than these would bring, so the first search does without.
    """
    parameters = dict(search.parameters)
    try:
        return await record.search(search.resource_type, **parameters)
    except ReadRefused as refused:
        if not search.if_refused or not refused.said.startswith(NEEDS_MORE):
            raise
        again = {**parameters, **dict(search.if_refused)}
        return await record.search(search.resource_type, **again)


def _joined(section: Section, outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome of a section's searches. What one of several did not bring is a note, so
    that the others do not pass for everything."""
    read = [one for one in outcomes if one.state in ("ok", "partial")]
    if len(outcomes) == 1 or not read:
        return min(outcomes, key=lambda one: one.state == "not-granted")
    missing = [
        _missing_text(search, section, one)
        for search, one in zip(section.searches, outcomes, strict=True)
        if one not in read
    ]
    notes = tuple(dict.fromkeys([*(note for one in read for note in one.notes), *missing]))
    return Outcome(
        "partial" if notes else "ok",
        tuple(resource for one in read for resource in one.resources),
        notes,
        reference=next((one.reference for one in outcomes if one.reference), ""),
    )


def _missing_text(search: Search, section: Section, outcome: Outcome) -> str:
    what = search.what or section.nouns
    if outcome.state == "not-granted":
        return f"This launch was not given permission to read {what}."
    return f"The {what} could not be read. {outcome.error} Reference {outcome.reference}."


async def _related(record: Record, references: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the resources that a section refers to, as far as they can be read."""
    wanted = references[:MAX_FOLLOWED]
    found = await _together(*(_related_resource(record, one) for one in wanted))
    return {name: one for name, one in zip(wanted, found, strict=True) if one}


async def _related_resource(record: Record, reference: str) -> dict[str, Any]:
    """Return what a reference below the FHIR base leads to, {} where it is not to be had or is
    about another patient (C143)."""
    match = _BELOW_BASE.fullmatch(reference.removeprefix(f"{record.fhir_base_url.rstrip('/')}/"))
    if match is None:
        return {}
    resource_type, resource_id = match.groups()
    try:
        resource = await record.read(resource_type, resource_id)
    except FHIRUnauthorized:
        raise
    except (FHIRError, EHRUnavailable) as error:
        logger.info("a %s could not be read: %s %s", resource_type, error.code, error.detail)
        return {}
    return resource if patient_of(resource) in (record.patient, None) else {}


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
    sections: tuple[ReadSection, ...],
) -> Chart:
    identity = read_identity(who.resources[0], now=now) if who.resources else None
    return Chart(
        patient=patient,
        identity=identity,
        identity_problem="" if identity else _problem(who, "the patient's name and date of birth"),
        identity_reference=who.reference,
        user=user,
        encounter=read_encounter(visit.resources[0], {}) if visit.resources else None,
        encounter_problem=_problem(visit, "the encounter"),
        encounter_reference=visit.reference,
        sections=sections,
        read_at=now,
    )


def _problem(outcome: Outcome, what: str) -> str:
    if outcome.state == "not-granted":
        return f"This launch was not given permission to read {what}."
    return outcome.error


def _section(section: Section, outcome: Outcome, given: Given) -> ReadSection:
    read = section.read(given)
    notes = (*outcome.notes, *_left_out_texts(section, read.left_out))
    state = "partial" if outcome.state == "ok" and notes else outcome.state
    return ReadSection(
        section=section,
        state="empty" if state == "ok" and not read.entries else state,
        items=section.draw(read.entries),
        error=outcome.error,
        reference=outcome.reference,
        notes=notes,
        count=sum(map(section.count, read.entries)),
    )


def _left_out_texts(section: Section, left_out: Sequence[LeftOut]) -> list[str]:
    """Return what is not shown, counted by reason: "2 results could not be shown: no value."."""
    reasons = Counter(one.reason for one in left_out)
    return [
        f"{count} {section.noun if count == 1 else section.nouns} could not be shown: {reason}."
        for reason, count in reasons.items()
    ]
