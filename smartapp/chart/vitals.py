"""Draws vital signs: one chart for each series, and its content in words. Makes no judgement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from smartapp.chart.graphics import LineChart, Reading, line_chart
from smartapp.chart.svg import chart_svg
from smartapp.chart.value_table import ValueRow, ValueTable, value_table
from smartapp.record.blood_pressure import NAME as BLOOD_PRESSURE
from smartapp.record.growth import CURVES
from smartapp.record.kinds import Range
from smartapp.record.series import is_same_moment
from smartapp.record.vital_sign import Amount, Row, VitalSign

MAX_ASIDE = 3
SIDES = ("Systolic", "Diastolic")
# A first value that is older than this multiple of the others' time span would squeeze them into
# one vertical line.
MAX_TIMES_APART = 8
SHORTEST_GAP = timedelta(days=5 * 366)

Points = list[tuple[Row, Amount]]


@dataclass(frozen=True, slots=True)
class DrawnSign:
    """A vital sign as its template shows it. `chart` is None if there is no number to draw."""

    sign: VitalSign
    chart: LineChart | None
    summary: str
    table: ValueTable
    not_drawn: str

    @property
    def chart_svg(self) -> str:
        return chart_svg(self.chart, self.summary) if self.chart else ""

    @property
    def title(self) -> str:
        return _title_of(self.sign)

    @property
    def aside(self) -> tuple[Row, ...]:
        """The first readings that may be as new as the latest: those of unknown time, and those of
        the same moment as the latest."""
        latest = self.sign.latest
        found = takewhile(
            lambda row: (
                not row.is_certain or row is latest or is_same_moment(row.when, latest.when)
            ),
            self.sign.rows,
        )
        return tuple(row for row in islice(found, MAX_ASIDE + 1) if row is not latest)[:MAX_ASIDE]

    @property
    def before(self) -> Row | None:
        """The newest reading with a value if the latest has none, because it must not be missed;
        if it has one side of a blood pressure, the newest with the other side."""
        latest, aside = self.sign.latest, self.aside
        rows = [row for row in self.sign.rows if row.is_certain and row not in aside]
        if missing := latest.missing_sides:
            found = [
                row
                for row in (*aside, *rows)
                if row.amounts and missing.isdisjoint(row.missing_sides)
            ]
            return next((row for row in found[:1] if row not in aside), None)
        if latest.reading.has_value or any(latest.amounts):
            return None
        return next((row for row in rows if any(row.amounts) or row.reading.has_value), None)


def draw_vital_signs(signs: tuple[VitalSign, ...]) -> tuple[DrawnSign, ...]:
    return tuple(map(_drawn, signs))


def _drawn(sign: VitalSign) -> DrawnSign:
    dated = [row for row in reversed(sign.rows) if row.is_certain and any(row.amounts)]
    rows = dated[_far_ago([_at(row) for row in dated]) :]
    lines = [_points(rows, side) for side in range(max((len(r.amounts) for r in rows), default=0))]
    return DrawnSign(
        sign=sign,
        chart=_chart(sign, rows, lines) if rows else None,
        summary=_summary(sign, rows, lines),
        table=value_table(sign.rows, lambda row: _value_row(sign, row)),
        not_drawn=_not_drawn(dated[: len(dated) - len(rows)]),
    )


def _value_row(sign: VitalSign, row: Row) -> ValueRow:
    unit = "" if row.unit == sign.unit else row.unit
    notes = (row.percentile, *row.notes) if row.percentile else row.notes
    return ValueRow(row.when_text, row.text, unit, row.flag, notes, not row.amounts)


def _title_of(sign: VitalSign) -> str:
    return f"{sign.name} (of: {sign.whose})" if sign.whose else sign.name


def _points(rows: Sequence[Row], side: int) -> Points:
    return [(row, amount) for row in rows if (amount := row.amounts[side]) is not None]


def _at(row: Row) -> datetime:
    if row.when is None:
        raise ValueError("a point needs a moment")
    return row.when.at


def _far_ago(times: Sequence[datetime]) -> int:
    """Return how many of the first moments are too long ago to share an axis with the others."""
    for n in range(1, min(len(times), 4)):
        gap, rest = times[n] - times[n - 1], times[-1] - times[n]
        if len(times) - n >= 3 and gap > max(SHORTEST_GAP, MAX_TIMES_APART * rest):
            return n
    return 0


def _not_drawn(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    when = ", ".join(dict.fromkeys(row.when_text for row in rows))
    values = "1 value" if len(rows) == 1 else f"{len(rows)} values"
    return f"{values} of {when}, long before the others, {_is(rows)} listed and not drawn."


def _is(rows: Sequence[Row]) -> str:
    return "is" if len(rows) == 1 else "are"


def _chart(sign: VitalSign, rows: Sequence[Row], lines: Sequence[Points]) -> LineChart:
    readings = [{id(row): _reading(row, amount) for row, amount in points} for points in lines]
    names = SIDES if len(lines) > 1 else (sign.name,)
    pairs = [
        (readings[0][id(row)], readings[1][id(row)])
        for row in rows
        if len(readings) > 1 and id(row) in readings[0] and id(row) in readings[1]
    ]
    return line_chart(
        [
            (name, list(found.values()))
            for name, found in zip(names, readings, strict=True)
            if found
        ],
        bands=[_band(usual) for usual in sign.usual],
        pairs=pairs,
        behind=[(_curve_label(one), sign.growth.curve(one)) for one in CURVES]
        if sign.growth
        else (),
    )


def _curve_label(percentile: int) -> str:
    """Return the label of a percentile curve; the curves between the outermost have none."""
    return f"P{percentile}" if percentile in (CURVES[0], CURVES[-1]) else ""


def _reading(row: Row, amount: Amount) -> Reading:
    return Reading(_at(row), float(amount.value), amount.text)


def _band(usual: Range) -> tuple[float, float]:
    """Return a range to draw; a missing bound is infinite."""
    low, high = usual
    return (
        float("-inf") if low is None else float(low),
        float("inf") if high is None else float(high),
    )


def _summary(sign: VitalSign, rows: Sequence[Row], lines: Sequence[Points]) -> str:
    """Return the chart in one sentence, for people who do not see it."""
    latest = f"{sign.latest.text} {sign.latest.unit}".rstrip()
    if len(rows) < 2:
        said = f"{_title_of(sign)}: one value, {latest}, {sign.latest.when_text}."
        if not rows or rows[0] is sign.latest:
            return said
        only = f"{rows[0].text} {rows[0].unit}".rstrip()
        return (
            f"{_title_of(sign)}: one value, {only}, {rows[0].when_text}. "
            f"The latest: {latest}, {sign.latest.when_text}."
        )
    first, last = rows[0], rows[-1]
    span = f"from {_date(first)} to {_date(last)}"
    if sign.name == BLOOD_PRESSURE:
        extremes = ", ".join(
            f"{name.lower()} between {low} and {high}"
            for name, (low, high) in zip(SIDES, map(_extremes, lines), strict=False)
            if low
        )
    else:
        low, high = _extremes(lines[0])
        extremes = f"lowest {low}, highest {high}"
    sentence = f"{_title_of(sign)}: {len(rows)} values {span}, {extremes}, latest {latest}."
    if sign.latest.percentile:
        sentence = f"{sentence} The latest: {sign.latest.percentile}."
    return f"{sentence} {sign.range_text}." if sign.range_text else sentence


def _date(row: Row) -> str:
    return row.when.day_text if row.when else "the first"


def _extremes(points: Points) -> tuple[str, str]:
    if not points:
        return "", ""
    amounts = [amount for _, amount in points]
    low, high = (pick(amounts, key=lambda amount: amount.value) for pick in (min, max))
    return low.text, high.text
