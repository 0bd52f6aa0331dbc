"""A stranger's words, made fit for a log line and a page."""

import re

# What is long, unbroken and of a token's letters is more likely a token, a code or an assertion
# that the EHR quotes back than a word (C70).
_TOKEN_LIKE = re.compile(r"(?:[A-Za-z0-9_-]+\.){2}[A-Za-z0-9_-]*|[A-Za-z0-9_+=-]{24,}")
_WHITESPACE = re.compile(r"\s+")


def plain_text(text: str, max_characters: int) -> str:
    """Return `text` on one line, printable, without anything token-like, cut to a length."""
    # Cut before the regular expressions look: a body may be long, and its end is not shown anyway.
    line = _WHITESPACE.sub(" ", text[: 4 * max_characters])
    line = "".join(char for char in line if char.isprintable())
    line = _TOKEN_LIKE.sub(_hide, line).strip()
    return line if len(line) <= max_characters else f"{line[: max_characters - 1]}…"


def _hide(match: re.Match[str]) -> str:
    # Host names and file names have dots as well; they are short.
    return match[0] if len(match[0]) < 24 else "[…]"
