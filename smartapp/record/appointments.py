"""Appointments, future ones first (FHIR R4 Appointment)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from smartapp.record.amounts import counted, digits
from smartapp.record.codes import codes, concept_texts, concept_words, status_code
from smartapp.record.elements import Resource, mappings
from smartapp.record.encounters import role_words
from smartapp.record.facts import Fact, labelled, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.moments import Moment, is_past, member_moment, newest_first
from smartapp.record.narratives import with_own_text
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import Related, display, reasons, target
from smartapp.record.texts import prose, text
from smartapp.record.timing import period_moments, period_words

PAST = "earlier, or not taking place"
NOT_TAKING_PLACE = frozenset({"cancelled", "noshow", "fulfilled"})
# HL7 v2 table 0276, for types that are only a code.
TYPE_WORDS = {
    "CHECKUP": "Check-up",
    "EMERGENCY": "Emergency",
    "FOLLOWUP": "Follow-up",
    "ROUTINE": "Routine appointment",
    "WALKIN": "Walk-in visit",
}
NOT_TAKEN_UP = {
    "declined": "declined",
    "tentative": "not yet accepted",
    "needs-action": "not yet accepted",
}


def read_appointments(given: Given) -> Read[Fact]:
    """Return the future appointments, nearest first, then the rest, newest first."""
    read = read_each(given.resources, lambda one: _appointment(one, given.related, given.now))

    def place(fact: Fact) -> tuple[bool, float]:
        when = newest_first(fact.began)
        return bool(fact.fold), when if fact.fold else -when

    return replace(read, entries=tuple(sorted(read.entries, key=place)))


def _appointment(resource: Resource, related: Related, now: datetime) -> Fact:
    start = member_moment(resource, "start")
    is_over = start is not None and start.is_readable and is_past(start, now)
    names = _names(resource)
    name, *others = names or ("Appointment",)
    marks = read_marks(
        resource, when=start, status=unless_recorded(resource, status_text(resource))
    )
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=not names),
        name=name,
        fold=PAST if is_over or status_code(resource) in NOT_TAKING_PLACE else "",
        began=start,
        when_words="" if start else "no date yet",
        lines=said(
            # R5 spells it with two l.
            labelled(
                "why not",
                [
                    *concept_texts(resource.get("cancelationReason")),
                    *concept_texts(resource.get("cancellationReason")),
                ],
            ),
            labelled("wished for", _wishes(resource, start)),
            labelled("because of", reasons(resource, related)),
            labelled("for the patient", [prose(resource.get("patientInstruction"))]),
            prose(resource.get("comment")),
        ),
        details=said(
            _length(resource, start),
            *others,
            *concept_texts(resource.get("specialty")),
            *map(_participant, mappings(resource.get("participant"))),
        ),
    )


def _wishes(resource: Resource, start: Moment | None) -> Iterator[str]:
    """Yield the periods that were wished for, without the one that was granted."""
    for period in mappings(resource.get("requestedPeriod")):
        first, last = period_moments(period)
        is_granted = start is not None and start == first
        if not is_granted or last != member_moment(resource, "end"):
            yield period_words(period) or ""


def _length(resource: Resource, start: Moment | None) -> str:
    """Return how long it takes: "for 30 minutes", else "until 09:30"."""
    if minutes := digits(resource.get("minutesDuration")):
        return f"for {counted(minutes, 'minute')}"
    end = member_moment(resource, "end")
    if end is None or (start and end.text in (start.text, start.date_text)):
        return ""
    is_same_day = start is not None and end.date_text == start.date_text
    return f"until {end.time_text if is_same_day else end.text}"


def _names(resource: Resource) -> tuple[str, ...]:
    """Return what the appointment is for, the most telling words first."""
    return said(
        prose(resource.get("description")),
        *_type_words(resource.get("appointmentType")),
        *concept_texts(resource.get("serviceType")),
        *concept_texts(resource.get("serviceCategory")),
    )


def _type_words(concept: object) -> list[str]:
    known = [TYPE_WORDS[code] for code in codes(concept) if code in TYPE_WORDS]
    return known if known and not concept_words(concept) else concept_texts(concept)


def _participant(participant: dict[str, Any]) -> str:
    """Return the person or place, and whether they accepted. The patient is not named, only their
    answer."""
    actor = participant.get("actor")
    answer = NOT_TAKEN_UP.get(text(participant.get("status")), "")
    if "Patient/" in target(actor):
        return f"the patient ({answer})" if answer else ""
    # Somebody may only be named by what they do, such as an interpreter.
    name = display(actor) or ", ".join(map(role_words, mappings(participant.get("type"))))
    return f"{name} ({answer})" if name and answer else name
