"""Numbers, as the record has them.

A FHIR decimal's precision is part of its value (FHIR R4 §2.24.0.1, decimal): 7.40 is not 7.4, and
nothing here rounds. JSON is parsed with `Decimal` for that. Arithmetic is for conversions and
graphics only.
"""

import re
from decimal import Decimal, InvalidOperation

from smartapp.record.elements import mapping
from smartapp.record.texts import text
from smartapp.record.units import read_unit

# More digits than any instrument has, most of them behind the point: they come out of a program's
# binary arithmetic.
MAX_DIGITS, MAX_DECIMALS = 9, 6
# FHIR's four, and how people write them. Another comparator is shown as it is, and decides nothing.
_COMPARATORS = {"≤": "<=", "=<": "<=", "≥": ">=", "=>": ">=", "ad": "enough for"}
MAX_COMPARATOR = 20
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,20})?")


def number(value: object) -> Decimal | None:
    """Return a number that a measurement can have, its digits kept; true and 1e300 are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    # A float comes from callers that made the JSON themselves; its shortest form is what they mean.
    found = value if isinstance(value, Decimal) else Decimal(str(value))
    return found if found.is_finite() and _is_usual(found) else None


def _is_usual(found: Decimal) -> bool:
    # The exponent first: 1E-999999 has no digits to show, and 1E+999999 too many.
    return not found or (-20 <= found.adjusted() < 15)


def written_number(value: object) -> Decimal | None:
    """Return the number in a string such as "6.9", which some servers write for a number.

    Only plain digits with a point: "1,234" is a thousand or one and a bit, so it stays text.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()) is None:
        return number(value)
    try:
        return number(Decimal(value.strip()))
    except InvalidOperation:
        return None


def number_text(value: Decimal) -> str:
    """Return the digits as sent: "7.40", "1.025", "3.0".

    A number with more digits than any instrument has is cut to what can be read, with "≈" before
    it.
    """
    digits = f"{value:f}"
    decimals = len(digits.partition(".")[2])
    if decimals > MAX_DECIMALS and len(digits.replace(".", "").lstrip("-0")) > MAX_DIGITS:
        return f"≈ {rounded_text(value)}"
    return digits


def rounded_text(value: float | Decimal) -> str:
    """Return a number of our own arithmetic: at most two decimals, three digits below one."""
    plain = float(value)
    if plain and abs(plain) < 1:
        digits = f"{plain:.3g}"
        return digits if "e" not in digits else f"{plain:.2e}"
    return f"{plain:.2f}".rstrip("0").rstrip(".")


def comparator_text(quantity: object) -> str:
    """Return "<", "<=", ">" or ">=", the words of any other comparator, "" where there is none
    (FHIR R4 Quantity.comparator; R5 adds "ad")."""
    written = text(mapping(quantity).get("comparator"))[:MAX_COMPARATOR]
    return _COMPARATORS.get(written, written)


def unit_text(quantity: object) -> str:
    """Return the unit for people, as its sender wrote it where that is readable."""
    return read_unit(quantity).text


def quantity_text(quantity: object) -> str:
    """Return comparator, number and unit, e.g. "< 0.5 mg/L"; without a number nothing.

    A number that is written as a string, or that is no plain number, stands as it was sent.
    """
    members = mapping(quantity)
    value = written_number(members.get("value"))
    amount = text(members.get("value")) if value is None else number_text(value)
    if not amount:
        return ""
    parts = (comparator_text(members), amount, unit_text(members))
    return " ".join(part for part in parts if part)
