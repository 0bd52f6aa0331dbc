"""The narrative text of a resource (FHIR R4 Narrative), as plain lines."""

from smartapp.record.elements import Resource, mapping
from smartapp.record.marks import Marks
from smartapp.record.markup import plain_lines
from smartapp.record.texts import prose

OWN_TEXT = "The EHR's own text: "


def narrative_text(resource: Resource, *, is_all_there_is: bool) -> str:
    """Return the words of `text.div` if they say more than the rest of the resource: a person wrote
    them, or there is nothing else."""
    narrative = mapping(resource.get("text"))
    if narrative.get("status") in ("additional", "extensions") or is_all_there_is:
        div = narrative.get("div")
        return prose(plain_lines(div)).strip() if isinstance(div, str) else ""
    return ""


def with_own_text(marks: Marks, resource: Resource, *, is_all_there_is: bool) -> Marks:
    """Return the marks with the narrative as a note, labelled as the EHR's own text, if it says
    more than the rest: it may be the only content of the entry."""
    words = narrative_text(resource, is_all_there_is=is_all_there_is)
    # A comment has its author and date behind its words.
    if not words or any(f"{note} ".startswith(f"{words} ") for note in marks.notes):
        return marks
    return marks._replace(notes=(*marks.notes, f"{OWN_TEXT}{words}"))
