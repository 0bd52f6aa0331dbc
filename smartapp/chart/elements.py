"""FHIR elements as they really arrive: members may be missing, empty, or of another type.

Each function takes any JSON and gives a plain value, empty when there is nothing to show. None
raises. Text loses the control characters that could hide or reorder what stands around it;
escaping is the templates' work.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

LOINC = "http://loinc.org"
MAX_TEXT = 4_000
MAX_NUMBER = 1e15
# C0, C1, line and paragraph separators, and the bidirectional overrides and isolates (Unicode
# TR9): one of those in a name could turn round the name beside it.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]+")


def text(value: object) -> str:
    """Return a string without control characters and needless space, or ""."""
    if not isinstance(value, str):
        return ""
    # Nearly every string: a page of two thousand observations asks this fifty thousand times.
    if len(value) <= MAX_TEXT and value.isprintable() and "  " not in value:
        return value.strip(" ")
    return " ".join(_INVISIBLE.sub(" ", value[:MAX_TEXT]).split())


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects of an array; a lone object counts as an array of one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def texts(value: object) -> list[str]:
    """Return the non-empty strings of an array; a lone string counts as an array of one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in map(text, items) if item]


def codings(concept: object) -> Iterator[tuple[str, str]]:
    """Yield (system, code) of each coding of the concept, or of each concept of an array."""
    for one in mappings(concept):
        for coding in mappings(one.get("coding")):
            if code := text(coding.get("code")):
                yield text(coding.get("system")), code


def codes(concept: object) -> frozenset[str]:
    """Return the bare codes: for the small closed value sets, where no two systems collide."""
    return frozenset(code for _, code in codings(concept))


def concept_text(concept: object) -> str:
    """Return what the author wrote, else a display, else a code, of the first concept with any."""
    for one in mappings(concept):
        displays = [text(coding.get("display")) for coding in mappings(one.get("coding"))]
        bare_codes = [code for _, code in codings(one)]
        for candidate in (text(one.get("text")), *displays, *bare_codes):
            if candidate:
                return candidate
    return ""


def concept_texts(concepts: object) -> list[str]:
    return [found for found in map(concept_text, mappings(concepts)) if found]


def number(value: object) -> float | None:
    """Return a number that a measurement can have; true, false and 1e300 are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if abs(result) < MAX_NUMBER else None


def number_text(value: float) -> str:
    """Return a number as a person reads it: at most two decimals, three digits below one."""
    if value and abs(value) < 1:
        digits = f"{value:.3g}"
        return digits if "e" not in digits else f"{value:.2e}"
    return f"{value:.2f}".rstrip("0").rstrip(".")


_UNITS = {
    "mm[Hg]": "mmHg",
    "[degF]": "°F",
    "Cel": "°C",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "{score}": "",
    "{#}": "",
    "1": "",
    "[pH]": "pH",
}
_UCUM = re.compile(r"[{*^]|m2")
_ANNOTATION = re.compile(r"\{[^{}]*\}")
# After a solidus an annotation is half of the unit: mL/min/{1.73_m2}.
_PER_ANNOTATION = re.compile(r"(?<=/)\{([^{}]*)\}")
_POWER_OF_TEN = re.compile(r"\b10(?:\*|\^)(\d{1,2})(?!\d)")
_SQUARE_METRES = re.compile(r"\bm2\b")
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_text(quantity: object) -> str:
    """Return the unit for people: UCUM's codes and annotations as they are written on paper."""
    members = mapping(quantity)
    unit = text(members.get("unit")) or text(members.get("code"))
    if unit in _UNITS:
        return _UNITS[unit]
    if not _UCUM.search(unit):
        return unit[:40]
    plain = _ANNOTATION.sub("", _PER_ANNOTATION.sub(lambda per: per[1].replace("_", " "), unit))
    plain = _SQUARE_METRES.sub("m²", plain)
    return _POWER_OF_TEN.sub(lambda match: f"10{match[1].translate(_SUPERSCRIPT)}", plain)[:40]


def quantity_text(quantity: object) -> str:
    """Return comparator, number and unit, e.g. "< 0.5 mg/L"; without a number nothing."""
    members = mapping(quantity)
    value = number(members.get("value"))
    if value is None:
        return ""
    parts = (text(members.get("comparator"))[:2], number_text(value), unit_text(members))
    return " ".join(part for part in parts if part)


def annotations(notes: object) -> list[str]:
    """Return the texts of Annotation elements."""
    return [found for found in (text(note.get("text")) for note in mappings(notes)) if found]
