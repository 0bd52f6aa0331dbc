"""Medication requests: what is being taken, and what was."""

from dataclasses import dataclass
from typing import Any

from smartapp.chart.elements import concept_text, mapping, mappings, quantity_text, text
from smartapp.chart.moments import Moment, first_moment, newest_first

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
# Plans and proposals are not what the patient takes (FHIR R4 MedicationRequest.intent).
NOT_AN_ORDER = frozenset({"proposal", "plan", "option"})
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


def read_medications(requests: list[dict[str, Any]]) -> tuple[Medication, ...]:
    medications = [
        _medication(request)
        for request in requests
        if request.get("status") != "entered-in-error"
        and text(request.get("intent")) not in NOT_AN_ORDER
    ]
    return tuple(
        sorted(medications, key=lambda m: (not m.is_current, newest_first(m.ordered), m.name))
    )


def _medication(request: dict[str, Any]) -> Medication:
    status = text(request.get("status"))
    return Medication(
        name=_name(request),
        dosage=tuple(filter(None, map(dosage_text, mappings(request.get("dosageInstruction"))))),
        is_current=status in CURRENT,
        status=STATUS_WORDS.get(status, "" if status == "active" else status),
        reason=concept_text(request.get("reasonCode"))
        or ", ".join(_displays(request.get("reasonReference"))),
        prescriber=", ".join(_displays(request.get("requester"))),
        ordered=first_moment(request.get("authoredOn")),
    )


def _name(request: dict[str, Any]) -> str:
    """Return the medication's name: coded here, displayed in the reference, or contained."""
    reference = mapping(request.get("medicationReference"))
    contained = [
        concept_text(resource.get("code"))
        for resource in mappings(request.get("contained"))
        if text(reference.get("reference")) == f"#{text(resource.get('id'))}"
    ]
    candidates = (
        concept_text(request.get("medicationCodeableConcept")),
        text(reference.get("display")),
        *contained,
    )
    return next(filter(None, candidates), "Medication that the EHR does not name")


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
