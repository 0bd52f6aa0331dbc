"""Procedures: what was done, to which part of the body, by whom, and the outcome (FHIR R4)."""

from collections.abc import Iterable

from smartapp.record.absence import named_or
from smartapp.record.codes import concept_text, concept_texts, status_code
from smartapp.record.devices import name_of_device
from smartapp.record.elements import Resource, extensions, is_true, mappings
from smartapp.record.facts import Fact, labelled, read_dated, said, unless_recorded
from smartapp.record.marks import origin_of, read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.narratives import with_own_text
from smartapp.record.opposites import contradiction_in
from smartapp.record.reading import Given, Read
from smartapp.record.references import (
    Related,
    display,
    displays,
    name_of,
    place,
    reason_elements,
    reasons,
    target,
    to_follow,
    who,
)
from smartapp.record.sites import side_texts, site_texts
from smartapp.record.spans import read_span
from smartapp.record.statements import read_undated_statement, says_none

TARGET = "http://hl7.org/fhir/StructureDefinition/procedure-targetBodyStructure"
NOT_NAMED = "Procedure that the EHR does not name"


def read_procedures(given: Given) -> Read[Fact]:
    """Return the procedures, newest first. One that was not done is among them, and says so."""
    return read_dated(given, lambda one: _procedure(one, given.related))


def procedures_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(reason for one in resources for reason in reason_elements(one))


def _procedure(resource: Resource, related: Related) -> Fact:
    performed = read_span(resource, "performed") or read_span(resource, "occurrence")
    moment = performed.moment if performed else None
    statement = read_undated_statement(resource.get("code"), moment)
    name = named_or(resource.get("code"), NOT_NAMED)
    marks = read_marks(
        resource,
        when=moment,
        origin=origin_of(resource),
        status=unless_recorded(resource, status_text(resource)),
    )
    is_named = not name.startswith(NOT_NAMED)
    marks = with_own_text(marks, resource, is_all_there_is=not is_named)
    return Fact(
        marks=marks,
        name=statement.words if statement else name,
        is_statement=statement is not None,
        says_none=says_none(statement),
        began=moment,
        when_words=performed.words_beside_a_date if performed else "",
        lines=said(
            contradiction_in(resource.get("code"), *site_texts(resource.get("bodySite"))),
            labelled("why not" if _is_not_done(resource) else "why", _why_not(resource)),
            _reported(resource),
            labelled("done to", _others(resource)),
            labelled("because of", reasons(resource, related)),
            labelled("outcome", concept_texts(resource.get("outcome"))),
            labelled("complications", _complications(resource, related)),
            labelled("device", _devices(resource, related)),
            labelled("follow-up", concept_texts(resource.get("followUp"))),
            labelled("report", displays(resource.get("report"))),
        ),
        details=said(
            *site_texts(resource.get("bodySite")),
            *_structures(resource),
            *side_texts(resource),
            *concept_texts(resource.get("category")),
            *_performers(resource),
            display(resource.get("location")),
        ),
    )  # fmt: skip


def _is_not_done(resource: Resource) -> bool:
    return status_code(resource) == "not-done"


def _why_not(resource: Resource) -> list[str]:
    # Those of STU3 and DSTU2 come after R4's.
    names = ("statusReason", "notDoneReason", "reasonNotPerformed")
    return [words for name in names for words in concept_texts(resource.get(name))]


def _reported(resource: Resource) -> str:
    """Return "as reported by …" for a procedure that is only known from somebody (R5)."""
    by = ", ".join(displays(resource.get("reportedReference")))
    if by:
        return f"as reported by {by}"
    return "as reported" if is_true(resource.get("reportedBoolean")) else ""


def _others(resource: Resource) -> Iterable[str]:
    """Yield who or what it was done to, if not to the patient (R5 Procedure.focus): a fetus."""
    for focus in mappings(resource.get("focus")):
        if not target(focus) or place(focus) != place(resource.get("subject")):
            yield display(focus) or "something else than the patient"


def _structures(resource: Resource) -> Iterable[str]:
    """Yield the sites that R4 has in an extension of the procedure."""
    for extension in extensions(resource, TARGET):
        yield from displays(extension.get("valueReference"))


def _complications(resource: Resource, related: Related) -> Iterable[str]:
    yield from concept_texts(resource.get("complication"))
    for detail in mappings(resource.get("complicationDetail")):
        yield name_of(detail, resource, related) or "one in another entry of the EHR"


def _performers(resource: Resource) -> Iterable[str]:
    for performer in mappings(resource.get("performer")):
        if name := who(performer.get("actor"), resource):
            role = concept_text(performer.get("function") or performer.get("role"))
            yield f"{name} ({role})" if role else name


def _devices(resource: Resource, related: Related) -> Iterable[str]:
    for device in mappings(resource.get("focalDevice")):
        name = name_of_device(device.get("manipulated"), resource, related)
        action = concept_text(device.get("action"))
        yield f"{name} ({action})" if name and action else name or action
    yield from concept_texts(resource.get("usedCode"))
    for used in (*mappings(resource.get("usedReference")), *mappings(resource.get("used"))):
        yield name_of_device(used, resource, related)
