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
_STRIKES = re.compile(r"<(?:s|del|strike)\b|line-through", re.IGNORECASE)
# "<5 and >3" is none.
_TAG_OF_ELEMENT = r"</?[A-Za-z][\w:.-]*(?:\s+[^<>=]*=[^<>]*|\s*)/?>"
_ELEMENT = re.compile(f"({_TAG_OF_ELEMENT})")
_TAG = re.compile(rf"{_TAG_OF_ELEMENT}|<[!?][^<>]*>")
_NAME = re.compile(r"[^</\s>]+")
_WORDS = re.compile(r"\S(?:.*\S)?", re.DOTALL)
_STILL_STRUCK_OUT = re.compile(r"\]( ?)\[struck out: ")
_RAISED = re.compile(r"<sup\b[^<>]*>(?=\s*[\w+-])", re.IGNORECASE)
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
    if not _STRIKES.search(markup):
        return markup
    said: list[str] = []
    striking, depth = "", 0
    for place, piece in enumerate(_ELEMENT.split(markup)):
        is_text = place % 2 == 0
        is_struck_out = is_text and depth
        said.append(_WORDS.sub(r"[struck out: \g<0>]", piece) if is_struck_out else piece)
        if is_text or piece.endswith("/>"):
            continue
        name = _NAME.findall(piece)[0].casefold()
        if depth and name == striking:
            depth += -1 if piece.startswith("</") else 1
        elif not depth and not piece.startswith("</") and _STRIKES.search(piece):
            striking, depth = name, 1
    return "".join(said)


def plain_lines(markup: str) -> str:
    """Return the words of HTML, each block on a line of its own; without blocks its lines are those
    of the text."""
    said = with_struck_out(_NOT_TEXT.sub("", markup))
    spaces = _SPACES if _BLOCK_EDGE.search(said) else _SPACES_OF_A_LINE
    flat = spaces.sub(" ", _RAISED.sub("^", said))
    lined = _CELL_END.sub("\t", _BLOCK_EDGE.sub("\n", flat))
    bare = _STILL_STRUCK_OUT.sub(r"\1", _TAG.sub("", lined))
    return _LINE_ENDS.sub("\n", unescape(bare))
