"""One vital sign over time: the facts that a table and a chart show."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from smartapp.record.growth import Growth
from smartapp.record.interpretations import Flag
from smartapp.record.kinds import (
    Range,
    is_instrument,
    is_of_another,
    is_something_else,
)
from smartapp.record.moments import Chronology, Moment
from smartapp.record.observations import Reading
from smartapp.record.people import Person
from smartapp.record.quantities import rounded_text
from smartapp.record.units import Unit, convert

# Words that say that a reading was not taken at rest.
_EFFORT = re.compile(r"exerci|exerti|effort|running|walking|treadmill|stress test", re.IGNORECASE)


# A conversion between metric units has no more digits than its measurement.
EXACT_DIGITS = 5


class Amount(NamedTuple):
    """A number in the unit of its series; `text` is shown in the table."""

    value: Decimal
    text: str


class Row(NamedTuple):
    """One reading of a vital sign.

    `amounts` are the numbers to draw, in the unit of the series: two for a blood pressure (None for
    a missing side), none for words. `percentile` is a child's, in words. `missing_sides` has the
    place of the side of a blood pressure that has no value, if the other one has.
    """

    reading: Reading
    text: str
    unit: str
    flag: Flag
    amounts: tuple[Amount | None, ...]
    notes: tuple[str, ...]
    is_certain: bool
    sources: frozenset[str]
    percentile: str = ""
    missing_sides: frozenset[int] = frozenset()

    @property
    def when(self) -> Moment | None:
        return self.reading.when

    @property
    def when_text(self) -> str:
        return self.when.text if self.when else "date not recorded"


@dataclass(frozen=True, slots=True)
class VitalSign:
    """One series.

    `rows` are the readings of unknown time, then the others, newest first. `latest` is the newest
    of known time, if there is one. `usual` are the ranges to draw. `ago` is the age of the latest
    if it is more than a year. `beside_usual` says if the latest is outside the usual range of
    adults; that range is this app's, and no judgement of the EHR. `growth` has the curves for a
    child's measure; `growth_note` names their source or says why there are none.
    """

    name: str
    how: tuple[str, ...]
    whose: str
    unit: str
    latest: Row
    rows: tuple[Row, ...]
    usual: tuple[Range, ...] = ()
    range_text: str = ""
    beside_usual: str = ""
    ago: str = ""
    growth: Growth | None = None
    growth_note: str = ""

    @property
    def sources(self) -> frozenset[str]:
        """The resources that this sign was made from."""
        return frozenset(source for row in self.rows for source in row.sources)


def in_unit(reading: Reading, unit: Unit) -> tuple[Amount | None, str]:
    """Return the amount in the unit of the series, and the recorded one if it differs."""
    value = reading.value
    if value.number is None:
        return None, ""
    if value.unit.key == unit.key:
        return Amount(value.number, value.text), ""
    converted = convert(value.number, value.unit, unit)
    if converted is None:
        return None, ""
    shown = f"{value.comparator} {_converted_text(converted)}".lstrip()
    return Amount(converted, shown), f"{value.text} {value.unit.text}"


def _converted_text(value: Decimal) -> str:
    """Return a converted number with all its digits if they are few (3265 g are 3.265 kg), or else
    with one decimal, below 10 with two."""
    exact = value.normalize()
    if len(exact.as_tuple().digits) <= EXACT_DIGITS:
        return f"{exact:f}"
    return rounded_text(round(value, 1 if abs(value) >= 10 else 2))


def notes_of(reading: Reading, comments: Sequence[str], chronology: Chronology) -> list[str]:
    """Return the notes for a reading's row."""
    return [
        "date in the future" if chronology.is_future(reading.when) else "",
        reading.marks.status,
        *reading.marks.labels,
        *comments,
        # A value and a reason why there is none contradict each other; both are shown.
        reading.marks.absent if reading.has_value else "",
    ]


def part_text(part: Reading) -> str:
    """Return a component that says how the reading was taken: "Activity: Running"."""
    return f"{part.name}: {part.result} {part.value.unit.text}".rstrip()


def sources_of(*readings: Reading) -> frozenset[str]:
    return frozenset(source for one in readings for source in (one.marks.source, *one.grouped_by))


def said_once(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, notes)))


def uncertain_first(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.is_certain))


def usual_text(span: str) -> str:
    """Return the words for the app's own range, which is shown if the record has none."""
    return f"Usual for adults at rest: {span} (not from the record)"


def beside_usual(latest: Row, usual: Sequence[Range]) -> str:
    """Return "above usual", "below usual" or both for a value that the EHR does not interpret."""
    if latest.flag.text or latest.reading.ranges.listed:
        return ""
    value = latest.reading.value
    if value.comparator and value.number is not None and len(usual) == 1:
        return _beyond_usual(value.number, value.comparator, *usual)
    if len(usual) != len(latest.amounts):
        return ""
    measured = [
        (one.value, *limits) for one, limits in zip(latest.amounts, usual, strict=True) if one
    ]
    sides = (
        ("above", any(high is not None and value > high for value, _, high in measured)),
        ("below", any(low is not None and value < low for value, low, _ in measured)),
    )
    found = " and ".join(side for side, holds in sides if holds)
    return f"{found} usual" if found else ""


def _beyond_usual(bound: Decimal, comparator: str, usual: Range) -> str:
    """Return the same for a value beyond a bound, if that is certain: "< 70 %"."""
    low, high = usual
    if comparator in ("<", "<=") and low is not None and bound < low:
        return "below usual"
    return "above usual" if comparator in (">", ">=") and high and bound > high else ""


def is_of_an_adult_at_rest(reading: Reading, person: Person) -> bool:
    """Return whether the usual range of adults at rest may be shown with the reading: it is the
    patient's own, who was an adult, and nothing suggests that it was not taken at rest."""
    return (
        person.was_adult(reading.when)
        and not reading.marks.whose
        and not reading.parts
        and not _is_something_else(reading)
        and not any(map(_EFFORT.search, (reading.how.method, *reading.marks.notes)))
        and reading.marks.is_understood
    )


def _is_something_else(reading: Reading) -> bool:
    """Return whether a name or a circumstance says that it is no reading of the patient at rest.
    The name of an instrument only tells whose the value is: its maker may call it "Max"."""
    how = reading.how
    instruments = {how.device, how.method if is_instrument(how.method) else ""}
    others = (reading.name, *(words for words in how.words if words not in instruments))
    return any(map(is_something_else, others)) or any(map(is_of_another, instruments))
