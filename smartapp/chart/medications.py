"""Medication requests: what is being taken, and what was."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartapp.record.codes import concept_text
from smartapp.record.elements import mapping, mappings
from smartapp.record.moments import Moment, first_moment, newest_first
from smartapp.record.quantities import quantity_text
from smartapp.record.texts import text

CURRENT = frozenset({"active", "on-hold", "unknown", ""})
STATUS_WORDS = {
    "on-hold": "On hold",
    "cancelled": "Cancelled",
    "completed": "Completed",
    "stopped": "Stopped",
    "draft": "Draft",
    "unknown": "Status unknown",
    "": "Status unknown",
}
# Suggestions that nobody agreed to are not what the patient takes (R4 MedicationRequest.intent);
# "plan" stays: US Core keeps there what patients report that they take.
NOT_AN_ORDER = frozenset({"proposal", "option"})
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
PERIOD_UNITS = {
    "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month",
    "a": "year",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Medication:
    name: str
    dosage: tuple[str, ...]
    is_current: bool
    status: str
    reason: str
    prescriber: str
    ordered: Moment | None


def read_medications(
    requests: list[dict[str, Any]], *, names: Mapping[str, str]
) -> tuple[Medication, ...]:
    """Return the medications, current ones first. `names` are those of referenced Medications."""
    medications = [
        _medication(request, names)
        for request in requests
        if request.get("status") != "entered-in-error"
        and text(request.get("intent")) not in NOT_AN_ORDER
    ]
    return tuple(
        sorted(medications, key=lambda m: (not m.is_current, newest_first(m.ordered), m.name))
    )


def _medication(request: dict[str, Any], names: Mapping[str, str]) -> Medication:
    status = text(request.get("status"))
    return Medication(
        name=_name(request, names),
        dosage=tuple(filter(None, map(dosage_text, mappings(request.get("dosageInstruction"))))),
        is_current=status in CURRENT,
        status=", ".join(filter(None, (STATUS_WORDS.get(status, ""), _origin(request)))),
        reason=concept_text(request.get("reasonCode"))
        or ", ".join(_displays(request.get("reasonReference"))),
        prescriber=", ".join(_displays(request.get("requester"))),
        ordered=first_moment(request.get("authoredOn")),
    )


def unnamed_references(requests: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the ids of the Medication resources without which some request has no name."""
    references = [_reference(request) for request in requests if not _own_name(request)]
    ids = (reference.removeprefix("Medication/") for reference in references)
    return tuple(dict.fromkeys(found for found in ids if _ID.fullmatch(found)))


def _name(request: dict[str, Any], names: Mapping[str, str]) -> str:
    read = names.get(_reference(request).removeprefix("Medication/"), "")
    return _own_name(request) or read or "Medication that the EHR does not name"


def _reference(request: dict[str, Any]) -> str:
    return text(mapping(request.get("medicationReference")).get("reference"))


def _own_name(request: dict[str, Any]) -> str:
    """Return the name that is in the request: coded, displayed in the reference, or contained."""
    contained = [
        concept_text(resource.get("code"))
        for resource in mappings(request.get("contained"))
        if _reference(request) == f"#{text(resource.get('id'))}"
    ]
    candidates = (
        concept_text(request.get("medicationCodeableConcept")),
        text(mapping(request.get("medicationReference")).get("display")),
        *contained,
    )
    return next(filter(None, candidates), "")


def _origin(request: dict[str, Any]) -> str:
    if request.get("reportedBoolean") is True or mapping(request.get("reportedReference")):
        return "As reported"
    return "Planned" if request.get("intent") == "plan" else ""


def _displays(references: object) -> list[str]:
    return [found for found in (text(one.get("display")) for one in mappings(references)) if found]


def dosage_text(dosage: dict[str, Any]) -> str:
    """Return how it is taken: the prescriber's words, else dose, route and timing put together."""
    written = text(dosage.get("text")) or text(dosage.get("patientInstruction"))
    parts = [
        written or ", ".join(filter(None, [_dose(dosage), concept_text(dosage.get("route"))])),
        "" if written else _timing(mapping(dosage.get("timing"))),
        "as needed" if dosage.get("asNeededBoolean") is True and not written else "",
    ]
    return " ".join(filter(None, parts))


def _dose(dosage: dict[str, Any]) -> str:
    for rate in mappings(dosage.get("doseAndRate")):
        low_to_high = mapping(rate.get("doseRange"))
        bounds = [quantity_text(low_to_high.get("low")), quantity_text(low_to_high.get("high"))]
        if dose := quantity_text(rate.get("doseQuantity")) or " to ".join(filter(None, bounds)):
            return dose
    return ""


def _timing(timing: dict[str, Any]) -> str:
    """Return e.g. "2 times every 8 hours" or the code's text ("BID")."""
    repeat = mapping(timing.get("repeat"))
    frequency, period = repeat.get("frequency"), repeat.get("period")
    unit = PERIOD_UNITS.get(text(repeat.get("periodUnit")))
    if unit is None or not isinstance(frequency, int) or not isinstance(period, int | float):
        return concept_text(timing.get("code"))
    times = "once" if frequency == 1 else f"{frequency} times"
    return f"{times} a {unit}" if period == 1 else f"{times} every {period:g} {unit}s"
