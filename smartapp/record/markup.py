"""Formatted text as lines of plain text: XHTML, and HTML that some EHRs send where FHIR has plain
text.

Without its format a text may say something else: 10⁹ is not 109, and what is struck out is not so.
Templates escape what is returned like any other text.
"""

import re
from html import unescape

RTF_NOT_SHOWN = "A formatted text (RTF) that this app cannot show; see the EHR"
_BLOCK_EDGE = re.compile(
    r"</?(?:p|div|h[1-6]|li|tr|table|ul|ol|dl|dt|dd|caption|pre|blockquote|br|hr|paragraph|list|item)"
    r"\b[^<>]*>",
    re.IGNORECASE,
)
_LINE_ENDS = re.compile(r"[ \t]*\n[ \t\n]*")
_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_NOT_TEXT = re.compile(
    r"<(script|style|title)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL
)
_STRUCK_OUT = re.compile(r"<(?P<end>/)?(?:s|del|strike)\b[^<>]*>", re.IGNORECASE)
_STYLED = re.compile(r"(<\w[^<>]*>)([^<]*)")
_RAISED = re.compile(r"<sup\b[^<>]*>(?=\s*[\w+-])", re.IGNORECASE)
# "<5 and >3" is none.
_TAG = re.compile(r"</?[A-Za-z][\w:.-]*(?:\s+[^<>=]*=[^<>]*|\s*)/?>|<[!?][^<>]*>")
_SPACES = re.compile(r"[ \t\r\n]+")
_SPACES_OF_A_LINE = re.compile(r"[ \t\r]+")
_CLOSED = re.compile(
    r"</(?:html|body|p|div|span|table|tr|td|ul|ol|li|h[1-6]|b|i|u|s|em|strong|font|pre|a|sup|sub"
    # The elements of a section's text in C-CDA.
    r"|del|strike|paragraph|content|list|item)\s*>",
    re.IGNORECASE,
)


def is_html(words: str) -> bool:
    """Return whether a text has elements of HTML."""
    return _CLOSED.search(words) is not None


def is_rtf(words: str) -> bool:
    """Return whether a text is a document in Rich Text Format."""
    return words.lstrip().startswith(r"{\rtf")


def with_struck_out(markup: str) -> str:
    """Return HTML that says in words which of its text is struck out."""
    said = _STYLED.sub(_by_style, markup) if "line-through" in markup else markup
    return _STRUCK_OUT.sub(lambda tag: "]" if tag["end"] else "[struck out: ", said)


def _by_style(styled: re.Match[str]) -> str:
    tag, words = styled.groups()
    return f"{tag}[struck out: {words}]" if "line-through" in tag else styled[0]


def plain_lines(markup: str) -> str:
    """Return the words of HTML, each block on a line of its own; without blocks its lines are those
    of the text."""
    said = with_struck_out(_NOT_TEXT.sub("", markup))
    spaces = _SPACES if _BLOCK_EDGE.search(said) else _SPACES_OF_A_LINE
    flat = spaces.sub(" ", _RAISED.sub("^", said))
    lined = _CELL_END.sub("\t", _BLOCK_EDGE.sub("\n", flat))
    return _LINE_ENDS.sub("\n", unescape(_TAG.sub("", lined)))
