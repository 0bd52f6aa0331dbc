"""Encounters: visits, stays and calls, newest first."""

from dataclasses import dataclass
from typing import Any

from smartapp.record.codes import concept_text
from smartapp.record.elements import mapping, mappings
from smartapp.record.moments import Moment, first_moment, newest_first
from smartapp.record.texts import text

# HL7 v3 ActCode, the value set of Encounter.class.
CLASS_WORDS = {
    "AMB": "Outpatient",
    "EMER": "Emergency",
    "FLD": "In the field",
    "HH": "At home",
    "IMP": "Inpatient",
    "ACUTE": "Inpatient",
    "NONAC": "Inpatient",
    "OBSENC": "Observation stay",
    "PRENC": "Before admission",
    "SS": "Short stay",
    "VR": "Virtual",
}
STATUS_WORDS = {
    "planned": "Planned",
    "arrived": "Arrived",
    "triaged": "Triaged",
    "in-progress": "In progress",
    "onleave": "On leave",
    "cancelled": "Cancelled",
    "unknown": "Status unknown",
}


@dataclass(frozen=True, slots=True)
class Encounter:
    id: str
    name: str
    kind: str
    status: str
    started: Moment | None
    ended: Moment | None
    reason: str
    place: str
    people: tuple[str, ...]


def read_encounters(resources: list[dict[str, Any]]) -> tuple[Encounter, ...]:
    encounters = [
        read_encounter(resource)
        for resource in resources
        if resource.get("status") != "entered-in-error"
    ]
    return tuple(sorted(encounters, key=lambda e: newest_first(e.started)))


def read_encounter(resource: dict[str, Any]) -> Encounter:
    period = mapping(resource.get("period"))
    kind = _kind(mapping(resource.get("class")))
    return Encounter(
        id=text(resource.get("id")),
        name=concept_text(resource.get("type")) or kind or "Encounter",
        kind=kind,
        status=STATUS_WORDS.get(text(resource.get("status")), ""),
        started=first_moment(period.get("start")),
        ended=first_moment(period.get("end")),
        reason=concept_text(resource.get("reasonCode")),
        place=_place(resource),
        people=_people(resource),
    )


def _kind(encounter_class: dict[str, Any]) -> str:
    code = text(encounter_class.get("code"))
    return CLASS_WORDS.get(code) or text(encounter_class.get("display")) or code


def _place(resource: dict[str, Any]) -> str:
    places = [
        text(mapping(location.get("location")).get("display"))
        for location in mappings(resource.get("location"))
    ]
    return next(filter(None, places), text(mapping(resource.get("serviceProvider")).get("display")))


def _people(resource: dict[str, Any]) -> tuple[str, ...]:
    names = (
        text(mapping(participant.get("individual")).get("display"))
        for participant in mappings(resource.get("participant"))
    )
    return tuple(dict.fromkeys(filter(None, names)))
