"""Numbers, exactly as the record has them.

The precision of a FHIR decimal is part of its value (FHIR R4 §2.24.0.1, decimal): 7.40 is not 7.4,
and nothing here rounds. That is why JSON is parsed with `Decimal`. Arithmetic is only used for
conversions and graphics.
"""

import re
from decimal import Decimal, InvalidOperation

from smartapp.record.elements import mapping
from smartapp.record.texts import text
from smartapp.record.units import read_unit

# No instrument has more digits or decimals than this; longer numbers come from a program's binary
# arithmetic.
MAX_DIGITS, MAX_DECIMALS = 9, 6
# FHIR's four comparators, and how people write them. Another one is shown as it is, and is not used
# in comparisons.
_COMPARATORS = {
    **dict.fromkeys(("less than", "under", "below", "lt"), "<"),
    **dict.fromkeys(("more than", "greater than", "over", "above", "gt"), ">"),
    **dict.fromkeys(("≤", "=<", "le"), "<="),
    **dict.fromkeys(("≥", "=>", "ge"), ">="),
    "ad": "enough for",
}
MAX_COMPARATOR = 20
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,20})?")
_WITH_COMMA = re.compile(r"([+-]?\d{1,15}),(\d{1,20})")
# The full-width forms of Japan and China, and the minus sign.
_ASCII = {0xFF00 + n: 0x20 + n for n in (*range(0x0B, 0x1A), 0x1C, 0x1E, 0x5E)} | {0x2212: 0x2D}
THOUSAND, _DIGITS_OF_A_THOUSAND = 1000, 3
_DECIMAL = re.compile(r"(?<![\d.,])(\d{1,15})\.(\d{1,15})(?![.,]?\d)")


def number(value: object) -> Decimal | None:
    """Return a number that a measurement can have, with its digits; not for true or 1e300."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    # A float comes from callers that made the JSON themselves; its shortest form is meant.
    found = value if isinstance(value, Decimal) else Decimal(str(value))
    return found if found.is_finite() and _is_usual(found) else None


def _is_usual(found: Decimal) -> bool:
    # Check the exponent first: 1E-999999 has no digits to show, and 1E+999999 too many.
    return not found or (-20 <= found.adjusted() < 15)


def written_number(value: object) -> Decimal | None:
    """Return the number in a string such as "6.9", which some servers send instead of a number.

    Only plain digits with a point: "1,234" is ambiguous and stays text.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()) is None:
        return number(value)
    try:
        return number(Decimal(value.strip()))
    except InvalidOperation:
        return None


def plain_digits(written: str) -> str:
    """Return a text with ASCII's digits and signs, for comparisons."""
    return written if written.isascii() else written.translate(_ASCII)


def compared_number(written: str) -> Decimal | None:
    """Return the number in a text, for comparisons only, also with a decimal comma ("4,5",
    "0,450"). The comma of "4,500" may separate thousands: None."""
    plain = written.strip()
    if (match := _WITH_COMMA.fullmatch(plain)) is None:
        return written_number(plain)
    whole, decimals = match.groups()
    is_decimal = len(decimals) != _DIGITS_OF_A_THOUSAND or whole.strip("+-") == "0"
    return written_number(f"{whole}.{decimals}") if is_decimal else None


def without_trailing_zeros(words: str) -> str:
    """Return words for comparisons, in which "5.0 mg" is "5 mg". The zeros of "1.000" may be a
    thousand's."""

    def shortened(found: re.Match[str]) -> str:
        whole, decimals = found.groups()
        if len(decimals) == _DIGITS_OF_A_THOUSAND:
            return found[0]
        return f"{whole}.{decimals.rstrip('0')}".rstrip(".")

    return _DECIMAL.sub(shortened, words) if "." in words else words


def may_have_thousands(value: Decimal) -> bool:
    """Return whether the point of a number may separate thousands: "150.000"."""
    return value.as_tuple().exponent == -_DIGITS_OF_A_THOUSAND and 1 <= abs(value) < THOUSAND


def number_text(value: Decimal) -> str:
    """Return the digits as sent: "7.40", "1.025", "3.0".

    A number with more digits than any instrument has is cut to a readable length, with "≈" before
    it.
    """
    digits = f"{value:f}"
    decimals = len(digits.partition(".")[2])
    if decimals > MAX_DECIMALS and len(digits.replace(".", "").lstrip("-0")) > MAX_DIGITS:
        return f"≈ {rounded_text(value)}"
    return digits


def rounded_text(value: float | Decimal) -> str:
    """Return a number from our own arithmetic: at most two decimals, three digits below one."""
    plain = float(value)
    if plain and abs(plain) < 1:
        digits = f"{plain:.3g}"
        return digits if "e" not in digits else f"{plain:.2e}"
    return f"{plain:.2f}".rstrip("0").rstrip(".")


def comparator_text(quantity: object) -> str:
    """Return "<", "<=", ">" or ">=", the words of any other comparator, or "" (FHIR R4
    Quantity.comparator; R5 adds "ad")."""
    written = text(mapping(quantity).get("comparator"))[:MAX_COMPARATOR]
    return _COMPARATORS.get(written.casefold(), written)


def unit_text(quantity: object) -> str:
    """Return the unit for people, as its sender wrote it if that is readable."""
    return read_unit(quantity).text


def quantity_text(quantity: object) -> str:
    """Return comparator, number and unit, for example "< 0.5 mg/L"; "" without a number.

    A number that is sent as a string, or that is not a plain number, is shown as it was sent.
    """
    members = mapping(quantity)
    value = written_number(members.get("value"))
    amount = text(members.get("value")) if value is None else number_text(value)
    if not amount:
        return ""
    parts = (comparator_text(members), amount, unit_text(members))
    return " ".join(part for part in parts if part)
