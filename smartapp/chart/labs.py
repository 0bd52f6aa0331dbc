"""Draws laboratory results: the tests of a panel together, each with its trend. Makes no
judgement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from smartapp.chart.graphics import LineChart, Sparkline, line_chart, sparkline
from smartapp.chart.graphics import Reading as Point
from smartapp.chart.svg import chart_svg, spark_svg
from smartapp.chart.value_table import ValueRow, ValueTable, value_table
from smartapp.record.laboratory import LabTest, comparable
from smartapp.record.observations import Reading
from smartapp.record.panels import OTHER, common_name, place_of

FORTNIGHT = timedelta(days=14)
# Fewer values than this are not counted, because all of them can be seen.
FEW = 3
# Longer ones are shortened in the line of a test (templates/sections/), and whole where it opens.
SHORT_NAME, SHORT_RANGE = 140, 120
TIME_NOT_KNOWN = "Results whose date is not known"


@dataclass(frozen=True, slots=True)
class DrawnTest:
    """A test as its template shows it: as a line, and opened.

    `name` is its common name, and `long_name` the name as it was sent if that is different. `how`
    says whom it is about, and from what and how it was taken. `chart` is None for a single value.
    """

    test: LabTest
    name: str
    long_name: str
    codes: str
    how: str
    trend: Sparkline | None
    chart: LineChart | None
    trend_text: str
    words: tuple[str, ...]
    table: ValueTable

    @property
    def long_ranges(self) -> tuple[str, ...]:
        """The ranges of the newest results that are too long to stand beside them."""
        said = dict.fromkeys(one.range_text for one in self.test.latest)
        return tuple(words for words in said if len(words) > SHORT_RANGE)

    @property
    def trend_svg(self) -> str:
        return spark_svg(self.trend, self.trend_text) if self.trend else ""

    @property
    def chart_svg(self) -> str:
        return chart_svg(self.chart, self.trend_text) if self.chart else ""

    @property
    def before(self) -> Reading | None:
        """The newest earlier result with a value, if the newest results have none."""
        if any(one.has_value for one in self.test.latest):
            return None
        return next((one for one in self.test.earlier if one.has_value), None)


@dataclass(frozen=True, slots=True)
class LabPanel:
    """The tests of one panel."""

    title: str
    tests: tuple[DrawnTest, ...]


def draw_labs(tests: tuple[LabTest, ...]) -> tuple[LabPanel, ...]:
    """Return the results of unknown time first, then the panels in their order."""
    panels: dict[tuple[int, str], list[LabTest]] = {}
    for test in tests:
        panels.setdefault(_panel(test), []).append(test)
    return tuple(
        LabPanel(title, tuple(map(_drawn, sorted(found, key=_place))))
        for (_, title), found in sorted(panels.items())
    )


def _panel(test: LabTest) -> tuple[int, str]:
    if test.doubt:
        return -1, TIME_NOT_KNOWN
    place = place_of(test.newest)
    return place.rank // 100, place.panel


def _place(test: LabTest) -> tuple[int, str, float]:
    """Known tests have a fixed place in the panel; the others are ordered by name, newest first."""
    place = place_of(test.newest)
    when = test.when.at.timestamp() if test.when and test.when.is_readable else 0.0
    name = "" if place.panel == OTHER else common_name(test.newest).casefold()
    return place.rank, name, -when


def _drawn(test: LabTest) -> DrawnTest:
    # Results of unknown time have no trend.
    results = [] if test.doubt else comparable(test)
    points = [
        Point(one.when.at, float(one.value.number), one.value.text)
        for one in results
        if one.when and one.value.number is not None
    ]
    newest, band = test.newest, _band(test)
    name, text = common_name(newest), _trend_text(results)
    codes = [f"LOINC {code}" for code in newest.loinc]
    is_long = len(name) > SHORT_NAME or (test.name != name and test.name not in codes)
    return DrawnTest(
        test=test,
        name=name,
        long_name=test.name if is_long else "",
        codes=", ".join(codes),
        how=", ".join(filter(None, (_how(newest), test.by_code))),
        trend=sparkline(points, band),
        chart=line_chart([(name, points)], bands=[band] if band else ()) if points[1:] else None,
        trend_text=f"{name}: {text}" if text else "",
        words=tuple(filter(None, (text, _fortnight(results)))),
        table=value_table((*test.latest, *test.earlier), lambda one: _row(one, newest)),
    )


def _how(result: Reading) -> str:
    whose = f"of: {result.marks.whose}" if result.marks.whose else ""
    return ", ".join(filter(None, (whose, *result.how.words)))


def _row(result: Reading, newest: Reading) -> ValueRow:
    # The range is shown with the newest result; another result shows its own if it differs.
    notes = result.beside
    is_usual = result.ranges is newest.ranges or result.ranges == newest.ranges
    if result.ranges.listed and not is_usual:
        notes = (f"range {result.range_text}", *notes)
    return ValueRow(
        when=result.when.text if result.when else "no date",
        text=result.result,
        unit=result.value.unit.text,
        flag=result.shown_flag,
        notes=notes,
        is_words=result.value.number is None,
    )


def _band(test: LabTest) -> tuple[float, float] | None:
    """Return the deciding range; a missing bound is infinite."""
    found = test.newest.ranges.deciding
    if found is None:
        return None
    low = float("-inf") if found.low is None else float(found.low)
    return low, float("inf") if found.high is None else float(found.high)


def _trend_text(results: Sequence[Reading]) -> str:
    """Return the trend in words."""
    if len(results) < 2:
        return ""
    first, last = results[0], results[-1]
    low, high = (pick(results, key=lambda one: one.value.number or 0) for pick in (min, max))
    return (
        f"{len(results)} results since {_date(first)}: first {first.value.text}, latest "
        f"{last.value.text}, lowest {low.value.text} ({_date(low)}), highest {high.value.text} "
        f"({_date(high)})"
    )


def _date(result: Reading) -> str:
    return result.when.day_text if result.when else "the first"


def _fortnight(results: Sequence[Reading]) -> str:
    """Return how many results of the last fortnight were low and high, if all were judged."""
    last = results[-1] if results else None
    if last is None or last.when is None:
        return ""
    since = last.when.at - FORTNIGHT
    found = [one for one in results if one.when and one.when.at >= since]
    if len(found) < FEW:
        return ""
    counted = f"In the 14 days to {_date(last)}: {len(found)} results"
    if not all(one.flag.text or one.ranges.deciding for one in found):
        return f"{counted}, not all with a range or a remark"
    low, high = (sum(one.flag.direction == side for one in found) for side in ("low", "high"))
    return f"{counted}, {low or 'none'} low, {high or 'none'} high"
