"""Procedures: what was done, to which part of the body, by whom, and the outcome (FHIR R4)."""

from collections.abc import Iterable

from smartapp.record.absence import named_or
from smartapp.record.codes import concept_text, concept_texts
from smartapp.record.elements import Resource, mappings
from smartapp.record.facts import Fact, labelled, read_dated, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.narratives import with_own_text
from smartapp.record.reading import Given, Read
from smartapp.record.references import (
    Related,
    display,
    displays,
    reason_elements,
    reasons,
    to_follow,
)
from smartapp.record.sites import site_texts
from smartapp.record.spans import read_span
from smartapp.record.statements import read_statement

NOT_NAMED = "Procedure that the EHR does not name"


def read_procedures(given: Given) -> Read[Fact]:
    """Return the procedures, newest first. One that was not done is among them, and says so."""
    return read_dated(given, lambda one: _procedure(one, given.related))


def procedures_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(reason for one in resources for reason in reason_elements(one))


def _procedure(resource: Resource, related: Related) -> Fact:
    performed = read_span(resource, "performed") or read_span(resource, "occurrence")
    moment = performed.moment if performed else None
    statement = read_statement(resource.get("code"))
    name = named_or(resource.get("code"), NOT_NAMED)
    marks = read_marks(
        resource,
        when=moment,
        origin=", ".join(displays(resource.get("recorder") or resource.get("asserter"))),
        status=unless_recorded(resource, status_text(resource)),
    )
    is_named = statement is not None or not name.startswith(NOT_NAMED)
    marks = with_own_text(marks, resource, is_all_there_is=not is_named)
    return Fact(
        marks=marks,
        name=statement.words if statement else name,
        is_statement=statement is not None,
        began=moment,
        when_words=performed.words_beside_a_date if performed else "",
        lines=said(
            labelled("why not", concept_texts(resource.get("statusReason"))),
            labelled("because of", reasons(resource, related)),
            labelled("outcome", concept_texts(resource.get("outcome"))),
            labelled("complications", [*concept_texts(resource.get("complication")),
                                       *displays(resource.get("complicationDetail"))]),
            labelled("device", _devices(resource)),
            labelled("follow-up", concept_texts(resource.get("followUp"))),
        ),
        details=said(
            *site_texts(resource.get("bodySite")),
            *concept_texts(resource.get("category")),
            *_performers(resource),
            display(resource.get("location")),
        ),
    )  # fmt: skip


def _performers(resource: Resource) -> Iterable[str]:
    for performer in mappings(resource.get("performer")):
        if name := display(performer.get("actor")):
            role = concept_text(performer.get("function"))
            yield f"{name} ({role})" if role else name


def _devices(resource: Resource) -> Iterable[str]:
    for device in mappings(resource.get("focalDevice")):
        name, action = display(device.get("manipulated")), concept_text(device.get("action"))
        yield f"{name} ({action})" if name and action else name or action
    yield from concept_texts(resource.get("usedCode"))
    yield from displays(resource.get("usedReference"))
