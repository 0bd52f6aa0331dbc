"""The narrative text of a resource (FHIR R4 Narrative), as plain lines."""

import re
from html import unescape

from smartapp.record.elements import Resource, mapping
from smartapp.record.marks import Marks
from smartapp.record.texts import prose

OWN_TEXT = "The EHR's own text: "
_BLOCK_EDGE = re.compile(
    r"</?(?:p|div|h[1-6]|li|tr|table|ul|ol|dl|dt|dd|caption|pre|blockquote|br|hr)\b[^>]*>", re.I
)
_LINE_ENDS = re.compile(r"[ \t]*\n[ \t\n]*")
_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_NOT_TEXT = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_SPACES = re.compile(r"[ \t\r\n]+")


def narrative_text(resource: Resource, *, is_all_there_is: bool) -> str:
    """Return the words of `text.div` if they say more than the rest of the resource: a person wrote
    them, or there is nothing else."""
    narrative = mapping(resource.get("text"))
    if narrative.get("status") in ("additional", "extensions") or is_all_there_is:
        return plain_lines(narrative.get("div"))
    return ""


def with_own_text(marks: Marks, resource: Resource, *, is_all_there_is: bool) -> Marks:
    """Return the marks with the narrative as a note, labelled as the EHR's own text, if it says
    more than the rest: it may be the only content of the entry."""
    words = narrative_text(resource, is_all_there_is=is_all_there_is)
    return marks._replace(notes=(*marks.notes, f"{OWN_TEXT}{words}")) if words else marks


def plain_lines(markup: object) -> str:
    """Return the words of XHTML as lines of plain text; templates escape them like any other
    text."""
    if not isinstance(markup, str):
        return ""
    flat = _SPACES.sub(" ", _NOT_TEXT.sub("", markup))
    lined = _CELL_END.sub("\t", _BLOCK_EDGE.sub("\n", flat))
    return prose(_LINE_ENDS.sub("\n", unescape(_TAG.sub("", lined)))).strip()
