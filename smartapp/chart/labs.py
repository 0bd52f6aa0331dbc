"""Draws laboratory results: the tests of a day together, each with its trend. Decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from smartapp.chart.graphics import Reading as Point
from smartapp.chart.graphics import Sparkline, sparkline
from smartapp.record.interpretations import Flag
from smartapp.record.laboratory import LabTest, comparable
from smartapp.record.observations import Reading

MAX_EARLIER = 24
# A result in words that is longer than this has lines of its own.
MAX_LINE = 80


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """An earlier result on its line: a page lists a thousand of them."""

    when: str
    text: str
    flag: Flag
    beside: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        return len(self.text) > MAX_LINE


@dataclass(frozen=True, slots=True)
class DrawnTest:
    """A test as its template shows it. `trend` is None where there is nothing to compare.

    `name` is what people call it; `property` the rest of a LOINC name, in small print, and `how`
    whose it is, from what and how it was taken.
    """

    test: LabTest
    name: str
    property: str
    how: str
    trend: Sparkline | None
    trend_text: str
    earlier: tuple[EarlierResult, ...]
    earlier_left_out: int


@dataclass(frozen=True, slots=True)
class LabGroup:
    """The tests whose newest result is of the same day: what a clinician reads together. `time` is
    that of all of them, where they share one."""

    title: str
    iso: str
    time: str
    tests: tuple[DrawnTest, ...]


def draw_labs(tests: tuple[LabTest, ...]) -> tuple[LabGroup, ...]:
    """Return the tests, which come newest first, by the day of their newest result."""
    by_day: dict[str, list[LabTest]] = {}
    for test in tests:
        by_day.setdefault(_day(test), []).append(test)
    return tuple(_group(title, found) for title, found in by_day.items())


def _day(test: LabTest) -> str:
    """Return the heading under which a test stands. A day of UTC is not everybody's day."""
    if test.doubt or test.when is None:
        return test.doubt
    return test.when.day_text


def _group(title: str, tests: Sequence[LabTest]) -> LabGroup:
    drawn = sorted(map(_drawn, tests), key=lambda one: (one.name.casefold(), one.property))
    when = tests[0].when
    times = {one.when.time_text if one.when else "" for test in tests for one in test.latest}
    time = times.pop() if len(times) == 1 else ""
    iso = when.iso[:10] if when and not tests[0].doubt else ""
    return LabGroup(title, iso, time, tuple(drawn))


def _drawn(test: LabTest) -> DrawnTest:
    results = comparable(test)
    points = [
        Point(one.when.at, float(one.value.number), one.value.text, "")
        for one in results
        if one.when and one.value.number is not None
    ]
    name, rest = short_name(test.name)
    return DrawnTest(
        test=test,
        name=name,
        property=rest,
        how=_how(test.newest),
        trend=sparkline(points, _band(test)),
        trend_text=_trend_text(results),
        earlier=tuple(_earlier(one, test.newest) for one in test.earlier[:MAX_EARLIER]),
        earlier_left_out=max(0, len(test.earlier) - MAX_EARLIER),
    )


def _how(result: Reading) -> str:
    whose = f"of: {result.marks.whose}" if result.marks.whose else ""
    return ", ".join(filter(None, (whose, *result.how.words)))


def _earlier(result: Reading, newest: Reading) -> EarlierResult:
    unit = result.value.unit.text
    # The range stands beside the newest; an earlier result names its own where that is another.
    limits = f"range {result.range_text}" if result.ranges.listed else ""
    is_same = result.ranges.listed == newest.ranges.listed
    return EarlierResult(
        when=result.when.text if result.when else "no date",
        text=f"{result.result} {unit}" if unit else result.result,
        flag=result.shown_flag,
        beside=result.beside if is_same or not limits else (limits, *result.beside),
    )


def short_name(name: str) -> tuple[str, str]:
    """Divide "Creatinine [Mass/volume] in Serum or Plasma" before its property; nothing is lost."""
    start, bracket, rest = name.partition(" [")
    return (start, bracket.lstrip() + rest) if start and "]" in rest else (name, "")


def _band(test: LabTest) -> tuple[float, float] | None:
    """Return the range that decides, open where it has no bound."""
    found = test.newest.ranges.deciding
    if found is None:
        return None
    low = float("-inf") if found.low is None else float(found.low)
    return low, float("inf") if found.high is None else float(found.high)


def _trend_text(results: Sequence[Reading]) -> str:
    """Return the sparkline in words."""
    if len(results) < 2:
        return ""
    first, last = results[0], results[-1]
    since = first.when.date_text if first.when else "the first"
    low, high = (pick(results, key=lambda one: one.value.number or 0) for pick in (min, max))
    return (
        f"{len(results)} results since {since}: first {first.value.text}, latest {last.value.text},"
        f" lowest {low.value.text}, highest {high.value.text}"
    )
