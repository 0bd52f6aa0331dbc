"""Puts the members of a FHIR element into words without losing any of them.

A table says which function handles which members. A member without a function, or one for which its
function finds no words, makes the result incomplete. The page then says that there is more in the
EHR, and never shows a simpler sentence than what was sent.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Returns the words; "" if there is nothing to say (`false`), None if it has no words for the value.
Say = Callable[[Mapping[str, Any]], "Words | str | None"]
Parts = tuple[tuple[tuple[str, ...], Say], ...]
# FHIR allows apps to ignore these: what changes the meaning is a modifierExtension.
_SILENT = frozenset({"id", "extension"})
_EMPTY: tuple[object, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Words:
    """`is_whole` is False if some content of the element is not in the words."""

    words: tuple[str, ...] = ()
    is_whole: bool = True

    def join(self, separator: str = ", ") -> str:
        return separator.join(self.words)


def say_parts(element: object, parts: Parts) -> Words:
    """Return the words of an element's parts, in the order of the table."""
    if not isinstance(element, Mapping):
        return Words((), is_whole=element in _EMPTY)
    spoken_for = _SILENT.union(*(names for names, _ in parts))
    said = [_as_words(say(element)) for names, say in parts if has_any(element, names)]
    return Words(
        tuple(words for one in said for words in one.words),
        is_whole=all(one.is_whole for one in said)
        and not _has_unknown_members(element, spoken_for),
    )


def _as_words(said: Words | str | None) -> Words:
    if isinstance(said, Words):
        return said
    return Words((said,) if said else (), is_whole=said is not None)


def has_any(element: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Return whether one of the members has a value, or an extension instead."""
    return any(element.get(name) not in _EMPTY or f"_{name}" in element for name in names)


def _has_unknown_members(element: Mapping[str, Any], spoken_for: frozenset[str]) -> bool:
    """Return whether there is a member that no part handles.

    `_member` holds the extensions of a primitive. Beside a value they add to it. Without a value
    they say why it is missing, and the member's own part handles that.
    """
    return any(
        name.removeprefix("_") not in spoken_for and value not in _EMPTY
        for name, value in element.items()
    )
