"""Medications that were dispensed (MedicationDispense) or given (MedicationAdministration)."""

from collections.abc import Iterable
from typing import Any

from smartapp.record.amounts import amount_text, duration_text, ratio_text
from smartapp.record.codes import concept_text, concept_texts, status_code, words_or_known
from smartapp.record.dosage import read_dosages
from smartapp.record.elements import Resource, is_false, is_true, mapping, mappings
from smartapp.record.facts import Fact, labelled, read_dated, said, unless_recorded
from smartapp.record.marks import Marks, read_marks
from smartapp.record.medication_names import (
    NOT_NAMED,
    NOT_READ,
    SUBSTITUTIONS,
    TWO_NAMES,
    medication_marks,
    medication_name,
    medication_reference,
)
from smartapp.record.modifiers import status_text
from smartapp.record.moments import Moment, member_moment
from smartapp.record.narratives import with_own_text
from smartapp.record.reading import Given, Read
from smartapp.record.references import Related, display, displays, reasons, target, to_follow, who
from smartapp.record.sites import INJECTION_SITES, ROUTES
from smartapp.record.texts import prose, text
from smartapp.record.timing import period_moments

# R5.
PART_OF_DOSE = "the full dose was not given"
# Oracle Health's extension of a MedicationAdministration.
_INFUSION_TIME = "cerner.com/r4/StructureDefinition/infuse-over-time"
MORE_ON_DOSE = "there is more on this dose in the EHR"


def read_dispenses(given: Given) -> Read[Fact]:
    """Return what was dispensed and what was given, newest first."""
    return read_dated(given, lambda one: _fact(one, given.related))


def dispenses_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(medication_reference(one) for one in resources)


def _fact(resource: Resource, related: Related) -> Fact:
    if resource.get("resourceType") == "MedicationAdministration":
        return _administration(resource, related)
    return _dispense(resource, related)


def _marks(
    resource: Resource, related: Related, name: str, when: Moment | None, status: str
) -> Marks:
    marks = medication_marks(read_marks(resource, when=when, status=status), resource, related)
    is_nameless = name.startswith((NOT_NAMED, NOT_READ))
    return with_own_text(marks, resource, is_all_there_is=is_nameless)


def _dispense(resource: Resource, related: Related) -> Fact:
    handed = member_moment(resource, "whenHandedOver", "whenPrepared")
    rendered = resource.get("renderedDosageInstruction")
    dosages = read_dosages(resource.get("dosageInstruction") or rendered)
    name = medication_name(resource, related)
    return Fact(
        marks=_marks(resource, related, name.words, handed, _status(resource, "dispensed")),
        name=name.words,
        began=handed,
        lines=said(
            TWO_NAMES if name.are_two else "",
            labelled(_why(resource), _why_not(resource)),
            *_issues(resource),
            *(prose(one.words) for one in dosages),
            *(labelled("as coded", [one.coded]) for one in dosages),
            *(labelled("to the patient", [one.for_patient]) for one in dosages),
            *(MORE_ON_DOSE for one in dosages if not one.is_whole),
        ),
        details=said(
            "dispensed" if _has_happened(resource) else "",
            _substituted(mapping(resource.get("substitution"))),
            amount_text(resource.get("quantity")),
            _for(_supply(resource.get("daysSupply"))),
            concept_text(resource.get("category")),
            concept_text(resource.get("type")),
            *_performers(resource),
            display(resource.get("location")),
            labelled("sent to", displays(resource.get("destination"))),
            labelled("to", displays(resource.get("receiver"))),
        ),
    )


# R4's element, then those of R5, STU3 and DSTU2.
WHY_NOT = (
    "statusReasonCodeableConcept", "statusReasonReference", "statusReason",
    "notPerformedReason", "notDoneReasonCodeableConcept", "notDoneReasonReference",
    "reasonNotGiven",
)  # fmt: skip


def _performers(resource: Resource) -> Iterable[str]:
    for performer in mappings(resource.get("performer")):
        if name := who(performer.get("actor"), resource):
            role = concept_text(performer.get("function"))
            yield f"{name} ({role})" if role else name


def _why(resource: Resource) -> str:
    return "why not" if _did_not_happen(resource) else "why"


def _why_not(resource: Resource) -> list[str]:
    found = (one for name in WHY_NOT for one in mappings(resource.get(name)))
    return [
        display(one) or concept_text(one) or ("see the EHR" if target(one) else "") for one in found
    ]


def _issues(resource: Resource) -> list[str]:
    """Return what was detected, for example an interaction; at least that there is something."""
    issues = mappings(resource.get("detectedIssue"))
    return [f"issue: {display(one) or 'see the EHR'}" for one in issues]


def _substituted(substitution: dict[str, Any]) -> str:
    """Return "substituted: generic, because of formulary", or that it was not although one was
    expected."""
    if is_false(substitution.get("wasSubstituted")):
        return "not substituted"
    why = ", ".join(concept_texts(substitution.get("reason")))
    said_why = f"because of {why}" if why else ""
    kind = words_or_known(substitution.get("type"), SUBSTITUTIONS)
    if not is_true(substitution.get("wasSubstituted")):
        return labelled("substitution", said(kind, said_why))
    return labelled("substituted", said(kind, said_why)) or "substituted"


def _supply(days: object) -> str:
    """Return how long the supply lasts. Its name says the unit where the quantity does not."""
    members = mapping(days)
    has_unit = members.get("unit") or members.get("code")
    return duration_text(members if has_unit else {**members, "unit": "day"})


def _for(days: str) -> str:
    return f"for {days}" if days else ""


def _administration(resource: Resource, related: Related) -> Fact:
    start, end = period_moments(
        resource.get("effectivePeriod")
        # R5's own spelling; DSTU2.
        or resource.get("occurencePeriod")
        or resource.get("effectiveTimePeriod")
    )
    given = (
        member_moment(resource, "effectiveDateTime", "occurenceDateTime", "effectiveTimeDateTime")
        or start
    )
    name = medication_name(resource, related)
    return Fact(
        marks=_marks(resource, related, name.words, given, _status(resource, "given")).between(
            start, end
        ),
        name=name.words,
        began=given,
        ended=end,
        lines=said(
            TWO_NAMES if name.are_two else "",
            labelled(_why(resource), _why_not(resource)),
            labelled(PART_OF_DOSE, concept_texts(resource.get("subPotentReason")))
            or (PART_OF_DOSE if is_true(resource.get("isSubPotent")) else ""),
            *(words for one in mappings(resource.get("dosage")) for words in _given(one)),
            *_infusion_times(resource),
            labelled("for", reasons(resource, related)),
        ),
        details=said(
            "given" if _has_happened(resource) else "",
            concept_text(resource.get("category")),
            *_performers(resource),
            *displays(resource.get("device")),
        ),
    )


def _given(dosage: dict[str, Any]) -> Iterable[str]:
    """Yield the text of a dose that was given, and its coded members."""
    rate = ratio_text(dosage.get("rateRatio")) or amount_text(dosage.get("rateQuantity"))
    yield prose(dosage.get("text"))
    yield ", ".join(
        said(
            # DSTU2 calls it a quantity.
            amount_text(dosage.get("dose") or dosage.get("quantity")),
            f"at {rate}" if rate else "",
            words_or_known(dosage.get("route"), ROUTES),
            words_or_known(dosage.get("site"), INJECTION_SITES),
            concept_text(dosage.get("method")),
        )
    )


def _infusion_times(resource: Resource) -> list[str]:
    """Return how long it took: "infused over 120 minutes"."""
    found = [
        amount_text(one.get("valueQuantity"))
        for one in mappings(resource.get("extension"))
        if text(one.get("url")).endswith(_INFUSION_TIME)
    ]
    return [f"infused over {time}" for time in found if time]


def _did_not_happen(resource: Resource) -> bool:
    return status_code(resource) in ("not-done", "declined", "cancelled")


def _has_happened(resource: Resource) -> bool:
    """Return whether its status says that it happened. A pause of an infusion is no doubt of what
    was given before; a status of another making ("refused") may mean anything."""
    is_dispense = resource.get("resourceType") == "MedicationDispense"
    paused = () if is_dispense else ("in-progress", "on-hold")
    return status_code(resource) in ("completed", "stopped", *paused)


def _status(resource: Resource, verb: str) -> str:
    """Return the status; if it did not happen, with the verb that says so."""
    status = unless_recorded(resource, status_text(resource))
    return f"Not {verb} ({status.lower()})" if _did_not_happen(resource) else status
