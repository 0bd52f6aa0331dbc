"""Laboratory results: one line per test, the newest value first, its history beside it."""

from dataclasses import dataclass
from typing import Any

from smartapp.chart.graphics import Reading, Sparkline, sparkline
from smartapp.chart.measurements import Flag, Measurement, read_measurements
from smartapp.record.moments import Moment, newest_first

MAX_EARLIER = 24


@dataclass(frozen=True, slots=True)
class LabTest:
    """All results of one test. `trend` is None where there is nothing to compare.

    `name` is what people call it; `specimen` the rest of a LOINC name, in small print.
    """

    name: str
    specimen: str
    latest: Measurement
    range_text: str
    trend: Sparkline | None
    trend_text: str
    earlier: tuple[Measurement, ...]
    earlier_left_out: int

    @property
    def flag(self) -> Flag:
        return self.latest.flag


@dataclass(frozen=True, slots=True)
class LabGroup:
    """The tests whose newest result is of the same day: what a clinician reads together."""

    when: Moment | None
    tests: tuple[LabTest, ...]


def read_labs(observations: list[dict[str, Any]]) -> tuple[LabGroup, ...]:
    """Return the tests grouped by the day of their newest result, newest day first."""
    by_code: dict[str, list[Measurement]] = {}
    for measurement in read_measurements(observations):
        by_code.setdefault(measurement.code, []).append(measurement)
    by_day: dict[str, list[LabTest]] = {}
    for measurements in by_code.values():
        test = _lab_test(sorted(measurements, key=lambda m: newest_first(m.when)))
        when = test.latest.when
        by_day.setdefault(when.date_text if when else "", []).append(test)
    groups = [_group(tests) for tests in by_day.values()]
    return tuple(sorted(groups, key=lambda group: newest_first(group.when)))


def _group(tests: list[LabTest]) -> LabGroup:
    in_order = sorted(tests, key=lambda test: (test.name.casefold(), test.specimen))
    return LabGroup(tests[0].latest.when, tuple(in_order))


def _lab_test(newest: list[Measurement]) -> LabTest:
    latest = newest[0]
    comparable = [
        measurement
        for measurement in reversed(newest)
        if measurement.number is not None and measurement.when and measurement.unit == latest.unit
    ]
    readings = [
        Reading(m.when.at, m.number, m.text, "")
        for m in comparable
        if m.when and m.number is not None
    ]
    name, specimen = short_name(latest.name)
    return LabTest(
        name=name,
        specimen=specimen,
        latest=latest,
        range_text=latest.range.text_beside(latest.unit) if latest.range else "",
        trend=sparkline(readings, _band(latest)) if latest.number is not None else None,
        trend_text=_trend_text(comparable),
        earlier=tuple(newest[1 : MAX_EARLIER + 1]),
        earlier_left_out=max(0, len(newest) - 1 - MAX_EARLIER),
    )


def short_name(name: str) -> tuple[str, str]:
    """Divide "Creatinine [Mass/volume] in Serum or Plasma" before its property; nothing is lost."""
    start, bracket, rest = name.partition(" [")
    return (start, bracket.lstrip() + rest) if start and "]" in rest else (name, "")


def _band(latest: Measurement) -> tuple[float, float] | None:
    """Return the reference range in the unit of the values, open where it has no bound."""
    found = latest.range
    if found is None or found.unit != latest.unit or (found.low, found.high) == (None, None):
        return None
    low = float("-inf") if found.low is None else found.low
    return low, float("inf") if found.high is None else found.high


def _trend_text(comparable: list[Measurement]) -> str:
    """Return the sparkline in words."""
    if len(comparable) < 2:
        return ""
    first, last = comparable[0], comparable[-1]
    since = first.when.date_text if first.when else "the first"
    low, high = (pick(comparable, key=lambda m: m.number or 0.0) for pick in (min, max))
    return (
        f"{len(comparable)} results since {since}: first {first.text}, latest {last.text}, "
        f"lowest {low.text}, highest {high.text}"
    )
