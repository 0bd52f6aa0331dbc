"""A stranger's words, made fit for a log line and a page."""

import re

# A JWT, and what is long, unbroken and has digits: more likely a token, a code or an assertion
# that the EHR quotes back than a word (C70). Host names and URLs stay readable.
_TOKEN_LIKE = re.compile(r"eyJ[A-Za-z0-9_.-]+|[A-Za-z0-9_+=-]{20,}")
_DIGIT = re.compile(r"[0-9]")
_WHITESPACE = re.compile(r"\s+")


def plain_text(text: str, max_characters: int) -> str:
    """Return `text` on one line, printable, without anything token-like, cut to a length."""
    # Cut before the regular expressions look: a body may be long, and its end is not shown anyway.
    line = _WHITESPACE.sub(" ", text[: 4 * max_characters])
    line = "".join(char for char in line if char.isprintable())
    line = _TOKEN_LIKE.sub(_hide, line).strip()
    return line if len(line) <= max_characters else f"{line[: max_characters - 1]}…"


def _hide(match: re.Match[str]) -> str:
    word = match[0]
    return "[…]" if word.startswith("eyJ") or _DIGIT.search(word) else word
