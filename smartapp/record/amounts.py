"""Amounts in words: doses, rates, ranges and durations, with the digits as sent."""

from collections.abc import Callable, Mapping
from typing import Any

from smartapp.record.elements import mapping
from smartapp.record.quantities import (
    comparator_text,
    number_text,
    quantity_text,
    unit_text,
    written_number,
)
from smartapp.record.texts import text

# UCUM's units of time, and the words that servers send in `unit` (FHIR R4 UnitsOfTime).
UNITS_OF_TIME = {
    "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month",
    "a": "year",
}  # fmt: skip

# One may be a tablet or a gram.
NO_UNIT = "(no unit given)"


def digits(value: object) -> str:
    """Return the digits of a number as sent; "" for anything else."""
    found = written_number(value)
    return "" if found is None else number_text(found)


def by_rank(ranked: Mapping[str, Any]) -> float:
    """Return the key that sorts elements by their rank, of which 1 is the first; those without one
    come last."""
    rank = written_number(ranked.get("rank"))
    return float("inf") if rank is None else float(rank)


def is_one(value: object) -> bool:
    return written_number(value) == 1


def counted(amount: str, word: str) -> str:
    """Return "1 day" or "7 days"."""
    return f"{amount} {word}" if is_one(amount) else f"{amount} {word}s"


def amount_text(quantity: object) -> str:
    """Return "2 tablets". A number without a unit says so, because 1 may mean a tablet or a
    gram."""
    if isinstance(quantity, str):
        # Some servers send "5 mg" instead of FHIR's structure.
        return text(quantity)
    if bare := digits(quantity):
        return f"{bare} {NO_UNIT}"
    amount, members = quantity_text(quantity), mapping(quantity)
    if not amount or unit_text(members):
        return amount
    return f"{amount} {_thing(members) or NO_UNIT}"


def has_unit(quantity: Mapping[str, Any]) -> bool:
    """Return whether a quantity says of what it is; UCUM's "1" does not."""
    return bool(unit_text(quantity) or _thing(quantity))


def _thing(quantity: Mapping[str, Any]) -> str:
    """Return the countable thing in the place of a unit, which UCUM puts in braces: {tablet}."""
    thing = (text(quantity.get("unit")) or text(quantity.get("code"))).strip("{}").replace("_", " ")
    return thing if thing.strip("1#") else ""


def range_text(bounds: object, say: Callable[[object], str] = amount_text) -> str:
    """Return "5 mg to 10 mg", "up to 10 mg" or "at least 5 mg"."""
    members = mapping(bounds)
    low, high = say(members.get("low")), say(members.get("high"))
    if low and high:
        return low if low == high else f"{low} to {high}"
    if high:
        return f"up to {high}"
    return f"at least {low}" if low else ""


def ratio_text(ratio: object) -> str:
    """Return "1000 U per hour", "20 mL per 4 hours", "250 mg per 5 mL"."""
    members = mapping(ratio)
    amount, per = amount_text(members.get("numerator")), _per(mapping(members.get("denominator")))
    return f"{amount} per {per}" if amount and per else ""


def _per(denominator: dict[str, Any]) -> str:
    if not is_one(denominator.get("value")) or denominator.get("comparator"):
        return duration_text(denominator)
    if not has_unit(denominator):
        return amount_text(denominator)
    return _unit_of_time(denominator) or amount_text(denominator).partition(" ")[2]


def duration_text(duration: object) -> str:
    """Return "7 days" for a FHIR Duration, or the quantity as sent; one without a unit says so."""
    members = mapping(duration)
    amount, unit = digits(members.get("value")), _unit_of_time(members)
    if not amount or not unit:
        return amount_text(members)
    return f"{comparator_text(members)} {counted(amount, unit)}".lstrip()


def _unit_of_time(quantity: dict[str, Any]) -> str:
    return unit_of_time(quantity.get("code")) or unit_of_time(quantity.get("unit"))


def unit_of_time(sent: object) -> str:
    """Return "day" for "d", "day" or "Days"; "" for anything else."""
    written = text(sent)
    word = UNITS_OF_TIME.get(written) or written.lower().removesuffix("s")
    return word if word in UNITS_OF_TIME.values() else ""
