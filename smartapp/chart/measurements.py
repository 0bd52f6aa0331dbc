"""Observations taken apart into single measurements, the same for vital signs and laboratory."""

from dataclasses import dataclass
from typing import Any, Literal

from smartapp.record.codes import LOINC, codes, codings, concept_text
from smartapp.record.elements import mapping, mappings
from smartapp.record.moments import Moment, first_moment
from smartapp.record.quantities import number, number_text, quantity_text, rounded_text, unit_text
from smartapp.record.texts import annotations, text

Direction = Literal["high", "low", "abnormal", "normal", ""]

NOT_A_RESULT = frozenset({"entered-in-error", "cancelled"})
STATUS_WORDS = {
    "registered": "Not yet available",
    "preliminary": "Preliminary",
    "amended": "Amended",
    "corrected": "Corrected",
    "unknown": "Status unknown",
}
# HL7 v3 ObservationInterpretation: the codes that say how to read a value.
INTERPRETATIONS: dict[str, tuple[Direction, str]] = {
    "HH": ("high", "Critically high"),
    "HU": ("high", "Significantly high"),
    "H": ("high", "High"),
    ">": ("high", "Off scale high"),
    "LL": ("low", "Critically low"),
    "LU": ("low", "Significantly low"),
    "L": ("low", "Low"),
    "<": ("low", "Off scale low"),
    "AA": ("abnormal", "Critically abnormal"),
    "A": ("abnormal", "Abnormal"),
    "POS": ("abnormal", "Positive"),
    "DET": ("abnormal", "Detected"),
    "R": ("abnormal", "Resistant"),
    "IND": ("", "Indeterminate"),
    "NEG": ("normal", "Negative"),
    "ND": ("normal", "Not detected"),
    "S": ("normal", "Susceptible"),
    "N": ("normal", "Normal"),
}
CRITICAL = frozenset({"HH", "LL", "AA"})


@dataclass(frozen=True, slots=True)
class Flag:
    """How to read a value, as words and as a direction that becomes a shape."""

    direction: Direction
    text: str
    is_critical: bool = False

    @property
    def is_notable(self) -> bool:
        return self.direction in ("high", "low", "abnormal")

    @property
    def is_shown(self) -> bool:
        """A word beside every normal value would drown those that matter; the range stays."""
        return bool(self.text) and self.direction != "normal"


NO_FLAG = Flag("", "")


@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """The range that a value is meant to be in; `words` is the laboratory's own text, if any."""

    low: float | None
    high: float | None
    unit: str
    words: str

    def text_beside(self, unit: str) -> str:
        """Return e.g. "3.5 to 5.1", "up to 5 mg/L", "from 60", the unit only where it differs."""
        if self.words:
            return self.words
        low = "" if self.low is None else rounded_text(self.low)
        high = "" if self.high is None else rounded_text(self.high)
        span = f"{low} to {high}" if low and high else f"up to {high}" if high else f"from {low}"
        return span if self.unit == unit else f"{span} {self.unit}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one thing at one time. `number` is None for words."""

    code: str
    loinc: tuple[str, ...]
    name: str
    when: Moment | None
    number: float | None
    comparator: str
    unit: str
    text: str
    flag: Flag
    range: ReferenceRange | None
    status: str
    notes: tuple[str, ...]

    @property
    def value_and_unit(self) -> str:
        return f"{self.text} {self.unit}".rstrip()


def read_measurements(observations: list[dict[str, Any]]) -> list[Measurement]:
    """Return every value in the observations: their own and those of their components."""
    return [
        measurement
        for observation in observations
        if text(observation.get("status")) not in NOT_A_RESULT
        for measurement in _measurements(observation)
    ]


def _measurements(observation: dict[str, Any]) -> list[Measurement]:
    components = mappings(observation.get("component"))
    found = [_measurement(part, observation) for part in (observation, *components)]
    return [measurement for measurement in found if measurement is not None]


def _measurement(part: dict[str, Any], observation: dict[str, Any]) -> Measurement | None:
    """Return the value of the observation itself or of one component, or None without one."""
    written, unit = value_text(part)
    if not written:
        return None
    quantity = mapping(part.get("valueQuantity"))
    value = _float(quantity.get("value"))
    reference_range = _reference_range(part)
    return Measurement(
        code=_code_key(part),
        loinc=tuple(code for system, code in codings(part.get("code")) if system == LOINC),
        name=concept_text(part.get("code")) or "Result without a name",
        when=_when(observation),
        number=value if quantity else _float(part.get("valueInteger")),
        comparator=text(quantity.get("comparator"))[:2],
        unit=unit,
        text=written,
        flag=_flag(part, value, unit, reference_range),
        range=reference_range,
        status=STATUS_WORDS.get(text(observation.get("status")), ""),
        notes=tuple(annotations(observation.get("note"))),
    )


def _code_key(part: dict[str, Any]) -> str:
    """Return what makes two values the same test: the first code, LOINC if any, else the name."""
    pairs = list(codings(part.get("code")))
    best = next((pair for pair in pairs if pair[0] == LOINC), pairs[0] if pairs else None)
    return f"{best[0]}|{best[1]}" if best else concept_text(part.get("code")).casefold()


def _when(observation: dict[str, Any]) -> Moment | None:
    period = mapping(observation.get("effectivePeriod"))
    return first_moment(
        observation.get("effectiveDateTime"),
        observation.get("effectiveInstant"),
        period.get("start"),
        period.get("end"),
        observation.get("issued"),
    )


def value_text(part: dict[str, Any]) -> tuple[str, str]:
    """Return value[x] in words, and its unit apart from it where there is one."""
    quantity = mapping(part.get("valueQuantity"))
    if (value := number(quantity.get("value"))) is not None:
        comparator = text(quantity.get("comparator"))[:2]
        return f"{comparator} {number_text(value)}".lstrip(), unit_text(quantity)
    plain = (
        concept_text(part.get("valueCodeableConcept")),
        text(part.get("valueString")),
        _whole_number(part.get("valueInteger")),
        _yes_or_no(part.get("valueBoolean")),
        _ratio(mapping(part.get("valueRatio"))),
        _span(mapping(part.get("valueRange"))),
        text(part.get("valueTime")),
        text(part.get("valueDateTime")),
    )
    return next(filter(None, plain), ""), ""


def _float(value: object) -> float | None:
    found = number(value)
    return None if found is None else float(found)


def _yes_or_no(value: object) -> str:
    return "Yes" if value is True else "No" if value is False else ""


def _whole_number(value: object) -> str:
    found = number(value)
    return "" if found is None else number_text(found)


def _ratio(ratio: dict[str, Any]) -> str:
    parts = [quantity_text(ratio.get("numerator")), quantity_text(ratio.get("denominator"))]
    return " : ".join(parts) if all(parts) else ""


def _span(limits: dict[str, Any]) -> str:
    """Return the words for valueRange, e.g. "1 mg to 2 mg"."""
    low, high = quantity_text(limits.get("low")), quantity_text(limits.get("high"))
    return (
        f"{low} to {high}" if low and high else f"up to {high}" if high else low and f"from {low}"
    )


def _reference_range(part: dict[str, Any]) -> ReferenceRange | None:
    """Return the range that is meant for this patient: a normal one, not a treatment goal."""
    for members in mappings(part.get("referenceRange")):
        if codes(members.get("type")) - {"normal", "recommended"}:
            continue
        low, high = mapping(members.get("low")), mapping(members.get("high"))
        bounds, words = (
            (_float(low.get("value")), _float(high.get("value"))),
            text(members.get("text")),
        )
        if words or bounds != (None, None):
            return ReferenceRange(*bounds, unit_text(high or low), words)
    return None


def _flag(
    part: dict[str, Any], value: float | None, unit: str, reference_range: ReferenceRange | None
) -> Flag:
    """Return the laboratory's own reading; without one, compare with the laboratory's range."""
    interpretation = part.get("interpretation")
    for code in sorted(codes(interpretation), key=lambda code: code not in CRITICAL):
        if code in INTERPRETATIONS:
            direction, words = INTERPRETATIONS[code]
            return Flag(direction, words, code in CRITICAL)
    if written := concept_text(interpretation):
        return Flag("", written)
    if value is None or reference_range is None or reference_range.unit != unit:
        return NO_FLAG
    return _compare(value, reference_range)


def _compare(value: float, reference_range: ReferenceRange) -> Flag:
    if reference_range.high is not None and value > reference_range.high:
        return Flag("high", "Above range")
    if reference_range.low is not None and value < reference_range.low:
        return Flag("low", "Below range")
    return NO_FLAG
