"""Printable text from JSON that may contain anything."""

from typing import Any

MAX_CHARACTERS = 300


def line(value: Any) -> str:
    """Return a string as one printable line of limited length; "" for anything else."""
    if not isinstance(value, str):
        return ""
    joined = " ".join(value[: 4 * MAX_CHARACTERS].split())
    if not joined.isprintable():
        joined = "".join(filter(str.isprintable, joined))
    return joined[:MAX_CHARACTERS].strip()


# What programs write in place of a name that they do not have.
_NO_NAME = frozenset({"null", "undefined", "none", "nan", "n/a", "na", "unknown", "-"})


def name_of(value: Any) -> str:
    """Return a name as one printable line; "" for a word that stands for none."""
    name = line(value)
    return "" if name.lower() in _NO_NAME else name


def lines(value: Any) -> list[str]:
    """Return the texts of a list, or one that stands in a list's place; else an empty list."""
    several = value if isinstance(value, list) else [value]
    return [text for one in several if (text := line(one))]


def nested(value: Any, *names: str) -> Any:
    """Return the value at this path of nested objects; None if a member is missing."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
