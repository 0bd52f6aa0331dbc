"""The text that a resource carries of itself (FHIR R4 Narrative), as plain lines."""

import re
from dataclasses import replace
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
    """Return the words of `text.div` where they say more than the rest of the resource: somebody
    wrote them, or there is no rest."""
    narrative = mapping(resource.get("text"))
    if narrative.get("status") in ("additional", "extensions") or is_all_there_is:
        return plain_lines(narrative.get("div"))
    return ""


def with_own_text(marks: Marks, resource: Resource, *, is_all_there_is: bool) -> Marks:
    """Return the marks with the narrative as a note, marked as the EHR's own, where it says more
    than the rest: what a program or a person wrote of an entry may be all there is of it."""
    words = narrative_text(resource, is_all_there_is=is_all_there_is)
    return replace(marks, notes=(*marks.notes, f"{OWN_TEXT}{words}")) if words else marks


def plain_lines(markup: object) -> str:
    """Return the words of XHTML as lines of plain text; a template escapes them like any other."""
    if not isinstance(markup, str):
        return ""
    flat = _SPACES.sub(" ", _NOT_TEXT.sub("", markup))
    lined = _CELL_END.sub("\t", _BLOCK_EDGE.sub("\n", flat))
    return prose(_LINE_ENDS.sub("\n", unescape(_TAG.sub("", lined)))).strip()
