"""value[x] of an Observation or a component, in any form; and why there is none.

Nothing is dropped: a value that is not a number is shown in words, and a value of an unknown kind
is announced.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from smartapp.record.absence import absent_code, extension_code, reason_words
from smartapp.record.answers import NEGATIVE, POSITIVE, answer_words, plain_answer
from smartapp.record.codes import (
    SNOMED,
    coding_displays,
    codings,
    concept_text,
    concept_words,
)
from smartapp.record.elements import Resource, is_false, is_true, mapping, remembered
from smartapp.record.moments import parse_moment
from smartapp.record.quantities import (
    comparator_text,
    compared_number,
    number,
    number_text,
    plain_digits,
    quantity_text,
    written_number,
)
from smartapp.record.references import display, target
from smartapp.record.texts import prose, text
from smartapp.record.units import NO_UNIT, Unit, is_unit, read_unit

_BOUND = re.compile(r"([<>]=?|=<|=>|[≤≥])\s*(\d+(?:\.\d+)?)")
# A unit begins with a letter, "/", "%" or "°", so the rest of a number is none: "3,5mmol/L",
# "7.2E3/uL", "5x10^3/uL", "5-10/hpf".
_MEASURED = re.compile(
    r"([<>]=?|[≤≥]|(?:less|more|greater) than|under|below|over|above)?\s*"
    # A mark for a footnote, or for what is not as usual.
    r"\*?(-?\d+(?:[.,]\d+)?)\*?(?:\s*((?![ex]\d)[^\W\d_]\S*|[/%°]\S*))?",
    re.IGNORECASE,
)
_SIGN = re.compile(r"\b(?:pos|neg)(?:\b|iti[vf]|ati[vf])", re.IGNORECASE)
# When somebody smokes or is pregnant, of which only one can be so.
_TIMES = {
    "never": re.compile(r"\b(?:never|not (?:currently )?pregnant)\b", re.IGNORECASE),
    "once": re.compile(r"\b(?:former|ex-smoker|quit)\b", re.IGNORECASE),
    "now": re.compile(
        r"\b(?:(?<!no )(?<!not )(?<!not a )current|every day|daily"
        r"|(?<!not )(?<!not currently )pregnant)\b",
        re.IGNORECASE,
    ),
}
# Words in place of a result, which say where it is.
_ELSEWHERE = re.compile(r"\W*(?:see|refer to)\b.{0,40}", re.IGNORECASE)
UNKNOWN_KIND = "A value of a kind that this app does not show; see the EHR"


class Value(NamedTuple):
    """A value. `text` is shown, without the unit; `number` is None for words."""

    text: str = ""
    number: Decimal | None = None
    comparator: str = ""
    unit: Unit = NO_UNIT


NO_VALUE = Value()


def read_value(part: Resource) -> Value:
    """Return value[x] as it is shown; empty if there is none."""
    # The most common case is a Quantity.
    if (quantity := part.get("valueQuantity")) and (found := _quantity(quantity)).text:
        return found
    for name, content in part.items():
        if name.startswith("value") and name[5:6].isupper() and content not in (None, "", {}, []):
            found = _READERS.get(name, _unknown)(content)
            if found.text:
                return found
            if _has_something_else(content) or isinstance(content, list | int | float | Decimal):
                return Value(UNKNOWN_KIND)
    return NO_VALUE


def measured(value: Value) -> Value:
    """Return the measurement that a text is ("<0.5", "6.9 mmol/L"), for a comparison with a range;
    the value itself if it is none."""
    if value.number is not None:
        return value
    if (match := _MEASURED.fullmatch(plain_digits(value.text))) is None:
        return value
    comparator, amount, unit = match.groups()
    if unit and not is_unit(unit):
        return value
    found = comparator_text({"comparator": comparator or ""})
    in_unit = read_unit({"unit": unit}) if unit else value.unit
    return Value(value.text, compared_number(amount), found, in_unit)


def other_values(part: Resource, shown: Value) -> Iterator[str]:
    """Yield the values that an element has beside the shown one. FHIR allows one, but a text beside
    a number may take its meaning away."""
    for name, content in part.items():
        if name.startswith("value") and name[5:6].isupper() and content not in (None, "", {}, []):
            other = _READERS.get(name, _unknown)(content)
            if other.text and other != shown:
                yield f"{other.text} {other.unit.text}".rstrip()


def _has_something_else(content: object) -> bool:
    """Return whether extensions replace the value without saying why it is missing."""
    members = mapping(content)
    return bool(members.get("extension")) and not extension_code(members)


def read_absence(part: Resource) -> str:
    """Return why there is no value, in words: from dataAbsentReason, or from the same as an
    extension of value[x] or of its number, or as the code of a coded value."""
    if reason := part.get("dataAbsentReason"):
        return reason_words(reason)
    for name, element in part.items():
        if name.startswith(("_value", "value")):
            members = mapping(element)
            for one in (members, members.get("_value"), members.get("_text")):
                if code := extension_code(one):
                    return reason_words(code)
            if code := absent_code(members):
                return reason_words(code)
    return ""


@remembered
def _quantity(content: object) -> Value:
    """Return a Quantity. If it is not a number, it is shown as it was sent and never compared."""
    quantity = mapping(content)
    amount, comparator = quantity.get("value"), comparator_text(quantity)
    # Some servers send "<5" instead of a comparator and a number.
    if isinstance(amount, str) and not comparator and (match := _BOUND.fullmatch(amount.strip())):
        comparator, amount = comparator_text({"comparator": match[1]}), match[2]
    read = written_number(amount)
    shown = text(amount) if read is None else number_text(read)
    if not shown:
        return Value(f"{comparator} (no number given)") if comparator else NO_VALUE
    return Value(f"{comparator} {shown}".lstrip(), read, comparator, read_unit(quantity))


def _integer(content: object) -> Value:
    whole = number(content)
    return Value(text(content)) if whole is None else Value(number_text(whole), whole)


def _concept(content: object) -> Value:
    """Return a coded value: all of the author's text, with its line breaks. A code that says why
    there is no value is not a value."""
    if absent_code(content):
        return NO_VALUE
    written = prose(mapping(content).get("text"))
    displays = coding_displays(content)
    known = answer_words(content)
    said = [*filter(None, (written, *(displays or (known,))))]
    meant = [*said, known] if known else said
    if len({*meant}) > 1 and _contradict(meant):
        return Value(" / ".join(dict.fromkeys(meant)))
    if not written and _are_apart(content):
        return Value(" / ".join(dict.fromkeys(said)))
    if _ELSEWHERE.fullmatch(written) and displays:
        return Value(f"{written} ({displays[0]})")
    return Value(
        written or concept_words(content) or answer_words(content) or concept_text(content)
    )


def _contradict(said: Sequence[str]) -> bool:
    """Return whether one of these is positive and another one negative, or "never" and "every day":
    the author's words and those of the code, or two displays."""
    if {True, False} <= {_is_positive(one) for one in said}:
        return True
    times = ({name for name, words in _TIMES.items() if words.search(one)} for one in said)
    return len({min(found) for found in times if len(found) == 1}) > 1


def are_opposite(answer: str, mark: str) -> bool:
    """Return whether a whole answer is positive and its mark negative, or the other way round. Gram
    negative rods are a positive culture."""
    plain = {plain_answer(answer), plain_answer(mark)}
    return not plain.isdisjoint(POSITIVE) and not plain.isdisjoint(NEGATIVE)


def _are_apart(concept: object) -> bool:
    """Return whether an answer has two codes of SNOMED CT that do not mean the same: two organisms,
    and not "positive" and "detected"."""
    found = set(codings(concept))
    signs = {_is_positive(words) for words in coding_displays(concept)}
    return len(found) > 1 and {system for system, _ in found} == {SNOMED} and None in signs


def _is_positive(words: str) -> bool | None:
    """Return whether an answer is positive, also "A Rh(D) positive"; None if it is neither."""
    plain = plain_answer(words)
    if plain in POSITIVE or plain in NEGATIVE:
        return plain in POSITIVE
    found = {one[:3].casefold() for one in _SIGN.findall(words)}
    return found == {"pos"} if len(found) == 1 else None


def _prose(content: object) -> Value:
    return Value(prose(content))


def _yes_or_no(content: object) -> Value:
    return Value("Yes" if is_true(content) else "No" if is_false(content) else text(content))


def _ratio(content: object) -> Value:
    ratio = mapping(content)
    parts = [quantity_text(ratio.get("numerator")), quantity_text(ratio.get("denominator"))]
    return Value(" : ".join(part or "(not given)" for part in parts) if any(parts) else "")


def _span(content: object) -> Value:
    """Return the words for valueRange, for example "1 mg to 2 mg"."""
    limits = mapping(content)
    return Value(
        _from_to(quantity_text(limits.get("low")), quantity_text(limits.get("high")), "up to")
    )


def _moment(content: object) -> Value:
    found = parse_moment(content)
    return Value(found.text if found else "")


def _period(content: object) -> Value:
    period = mapping(content)
    start, end = _moment(period.get("start")).text, _moment(period.get("end")).text
    return Value(_from_to(start, end, "until"))


def _from_to(low: str, high: str, up_to: str) -> str:
    if low and high:
        return f"{low} to {high}"
    return f"{up_to} {high}" if high else low and f"from {low}"


def _samples(content: object) -> Value:
    count = len(text(mapping(content).get("data")).split())
    return Value(
        f"A recording of {count} points; see the EHR" if count else "A recording; see the EHR"
    )


def _unknown(_content: object) -> Value:
    return Value(UNKNOWN_KIND)


_READERS: Mapping[str, Callable[[object], Value]] = {
    "valueQuantity": _quantity,
    "valueInteger": _integer,
    "valueDecimal": _integer,
    "valueCodeableConcept": _concept,
    "valueString": _prose,
    "valueBoolean": _yes_or_no,
    "valueRatio": _ratio,
    "valueRange": _span,
    "valueTime": _prose,
    "valueDateTime": _moment,
    "valueDate": _moment,
    "valueCoding": _concept,
    "valueUri": _prose,
    "valueReference": lambda content: Value(display(content) or (target(content) and UNKNOWN_KIND)),
    "valuePeriod": _period,
    "valueSampledData": _samples,
}
