"""Text that people wrote: names on one line, and free text with its line breaks.

Control characters that could hide or reorder the text around them are removed; the templates escape
the rest. If text is cut, a sentence says so. "The EHR" has a space that does not break, which tells
it from the app's own words: those are put into the reader's (`chart/drawing.py`).
"""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from smartapp.record.elements import each_of, mappings
from smartapp.record.markup import RTF_NOT_SHOWN, is_html, is_rtf, plain_lines

# The longest text that a page can hold. Reports rarely have a tenth of it.
MAX_TEXT = 100_000
CUT = "… (cut here; the record has the rest)"
# C0, C1, line and paragraph separators, and the bidirectional overrides and isolates (Unicode TR9):
# one of these in a name could reverse the name beside it.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]+")
# All line endings, including that of HL7 v2, which EHRs pass on unchanged.
_LINE_END = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]|\\\.br\\")
# The other escape sequences of HL7 v2 (§2.7): its delimiters, and the marks of highlighted text.
_ESCAPED = re.compile(r"\\([FSTREHN])\\")
_IN_HEX = re.compile(r"\\X((?:[0-9A-Fa-f]{2}){1,8})\\")
_DELIMITERS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", "H": "", "N": ""}
# Some EHRs send plain text as if it were for a web page. The templates escape what comes out of it.
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{2,6}|#x[0-9A-Fa-f]{2,6});")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_INVISIBLE_IN_A_LINE = re.compile(_INVISIBLE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
# Spaces that do not break, and those of typesetters: words are compared with ordinary ones.
_SPECIAL_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f]")
_MANY_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def text(value: object) -> str:
    """Return a string on one line, without control characters and extra spaces, or ""."""
    if not isinstance(value, str):
        return ""
    # The most common case: a page of two thousand observations calls this fifty thousand times.
    if (
        value.isprintable()
        and not ("  " in value or "&" in value or "\\" in value or "EHR" in value)
        and len(value) <= MAX_TEXT
    ):
        return value.strip(" ")
    return _as_theirs(" ".join(_INVISIBLE.sub(" ", _cut(_decoded(value))).split()))


def texts(value: object) -> list[str]:
    """Return the non-empty strings of an array; a single string counts as an array of one."""
    items = each_of(value)
    return [item for item in map(text, items) if item]


def prose(value: object) -> str:
    """Return the whole string, with its line breaks and the spaces that align columns, or ""."""
    if not isinstance(value, str):
        return ""
    if (
        value.isprintable()
        and not ("&" in value or "<" in value or "\\" in value or "EHR" in value)
        and len(value) <= MAX_TEXT
    ):
        return value.strip(" ")
    if is_rtf(value):
        return RTF_NOT_SHOWN
    lines = _LINE_END.sub("\n", _BREAK.sub("\n", _unformatted(_cut(value)))).expandtabs()
    lines = _SPECIAL_SPACES.sub(" ", _INVISIBLE_IN_A_LINE.sub(" ", lines))
    return _as_theirs(_MANY_EMPTY_LINES.sub("\n\n", lines).strip())


def _unformatted(value: str) -> str:
    """Return a text without the elements of HTML, and with the characters that its entities and
    escape sequences stand for. Some EHRs send HTML, or HTML with its own signs as entities."""
    if is_html(value):
        return plain_lines(value)
    decoded = _decoded(value)
    return plain_lines(decoded) if is_html(decoded) else decoded


def annotations(notes: object, origin: Callable[[dict[str, Any]], str] = lambda _: "") -> list[str]:
    """Return the texts of Annotation elements, each with its origin in brackets; a plain string
    counts as one."""
    items = each_of(notes)
    plain = [prose(item) for item in items if isinstance(item, str)]
    commented = [(prose(note.get("text")), origin(note)) for note in mappings(notes)]
    said = [f"{words} ({of})" if words and of else words for words, of in commented]
    return [*filter(None, said), *filter(None, plain)]


def _decoded(value: str) -> str:
    """Return a text with the characters that its entities and escape sequences stand for:
    "K &gt; 5" is "K > 5", and "10\\S\\9/L" is "10^9/L"."""
    if "\\" in value:
        value = _ESCAPED.sub(lambda escape: _DELIMITERS[escape[1]], value)
        value = _IN_HEX.sub(_of_hex, value)
    return _ENTITY.sub(lambda entity: unescape(entity[0]), value) if "&" in value else value


def _of_hex(escape: re.Match[str]) -> str:
    """Return the characters that HL7 v2 writes in hex, in the encoding of the message: UTF-8, or an
    older one, of which every byte is a character."""
    sent = bytes.fromhex(escape[1])
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")


def _as_theirs(words: str) -> str:
    return words.replace("he EHR", "he\N{NO-BREAK SPACE}EHR")


def _cut(value: str) -> str:
    return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}{CUT}"
