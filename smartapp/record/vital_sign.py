"""One vital sign over time: the facts that a table and a chart show."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from smartapp.record.growth import Growth
from smartapp.record.interpretations import Flag
from smartapp.record.kinds import Range
from smartapp.record.moments import Chronology, Moment
from smartapp.record.observations import Reading
from smartapp.record.people import Person
from smartapp.record.quantities import rounded_text
from smartapp.record.units import Unit, convert

# Words that say of a reading that it was not taken at rest.
_EFFORT = re.compile(r"exerci|exerti|effort|running|walking|treadmill|stress test", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in the unit of its series; `text` is what stands in the table."""

    value: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One reading of a vital sign. `amounts` are the numbers to draw, in the unit of the series:
    two for a blood pressure (None for a side that is missing), none for words. `percentile` is that
    of a child, in words."""

    reading: Reading
    text: str
    unit: str
    flag: Flag
    amounts: tuple[Amount | None, ...]
    notes: tuple[str, ...]
    is_certain: bool
    sources: frozenset[str]
    percentile: str = ""

    @property
    def when(self) -> Moment | None:
        return self.reading.when

    @property
    def when_text(self) -> str:
        return self.when.text if self.when else "date not recorded"


@dataclass(frozen=True, slots=True)
class VitalSign:
    """One series. `rows` are newest first, and before them those whose time is not known; `latest`
    is the newest that has a place in time, if any has. `usual` are the ranges to draw. `ago` says
    how old the latest is, where that is more than a year. `beside_usual` says where the latest lies
    outside what is usual for adults, which is this app's range and no judgement of the EHR.
    `growth` has the curves of a child's measure, and `growth_note` says which they are or why there
    are none."""

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
        """The resources that this is made of."""
        return frozenset(source for row in self.rows for source in row.sources)


def in_unit(reading: Reading, unit: Unit) -> tuple[Amount | None, str]:
    """Return the amount in the unit of the series, and as it was recorded where that differs."""
    value = reading.value
    if value.number is None:
        return None, ""
    if value.unit.key == unit.key:
        return Amount(value.number, value.text), ""
    converted = convert(value.number, value.unit, unit)
    if converted is None:
        return None, ""
    shown = f"{value.comparator} {rounded_text(round(converted, 1))}".lstrip()
    return Amount(converted, shown), f"{value.text} {value.unit.text}"


def notes_of(reading: Reading, comments: Sequence[str], chronology: Chronology) -> list[str]:
    """Return what stands beside a reading in its row."""
    return [
        "date in the future" if chronology.is_future(reading.when) else "",
        reading.marks.status,
        *reading.marks.labels,
        *comments,
        # A value and a reason why there is none contradict each other; both are said.
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
    """Return whose range it is: this app's, as the record has none."""
    return f"Usual for adults at rest: {span} (not from the record)"


def beside_usual(latest: Row, usual: Sequence[Range]) -> str:
    """Return "above usual", "below usual" or both for a value that the EHR says nothing of."""
    if latest.flag.text or latest.reading.ranges.listed or len(usual) != len(latest.amounts):
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


def is_of_an_adult_at_rest(reading: Reading, person: Person) -> bool:
    """Whether the usual range of adults at rest may stand beside the reading: it is the patient's,
    who was of age, and nothing is said of how it was taken."""
    return (
        person.was_adult(reading.when)
        and not reading.marks.whose
        and not reading.parts
        and not any(map(_EFFORT.search, (reading.how.method, *reading.marks.notes)))
        and reading.marks.is_understood
    )
