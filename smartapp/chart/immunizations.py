"""Immunizations: given ones by vaccine, newest first; those not given say why."""

from dataclasses import dataclass
from typing import Any

from smartapp.record.codes import concept_text
from smartapp.record.elements import mappings
from smartapp.record.moments import Moment, first_moment, newest_first
from smartapp.record.quantities import number, number_text
from smartapp.record.texts import text


@dataclass(frozen=True, slots=True)
class Immunization:
    name: str
    given: Moment | None
    is_given: bool
    dose: str
    reason_not_given: str


def read_immunizations(resources: list[dict[str, Any]]) -> tuple[Immunization, ...]:
    immunizations = [
        _immunization(resource)
        for resource in resources
        if resource.get("status") != "entered-in-error"
    ]
    return tuple(sorted(immunizations, key=lambda i: (newest_first(i.given), i.name)))


def _immunization(resource: dict[str, Any]) -> Immunization:
    return Immunization(
        name=concept_text(resource.get("vaccineCode")) or "Vaccine that the EHR does not name",
        given=first_moment(resource.get("occurrenceDateTime"), resource.get("recorded")),
        is_given=resource.get("status") != "not-done",
        dose=_dose(resource),
        reason_not_given=concept_text(resource.get("statusReason")),
    )


def _dose(resource: dict[str, Any]) -> str:
    for protocol in mappings(resource.get("protocolApplied")):
        position = number(protocol.get("doseNumberPositiveInt"))
        if position is not None:
            return f"Dose {number_text(position)}"
        if written := text(protocol.get("doseNumberString")):
            return f"Dose {written}"
    return ""
