"""Geometry of the charts: from numbers to coordinates, which become SVG (`chart/svg.py`).

The coordinates are strings with one decimal, as SVG needs them.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median, quantiles
from typing import NamedTuple

from smartapp.record.moments import MONTHS
from smartapp.record.quantities import rounded_text

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 38, 46, 14, 26
MAX_POINTS = 150
# Labels closer than this would overlap.
LABEL_HEIGHT = 15
# Up to this many points are drawn as dots; more would not be distinguishable, and only the line is
# drawn.
MAX_MARKERS = 60
# A value outside this many interquartile ranges is drawn at the edge, marked, with its true value.
FENCE = 5.0
# A normal range further away than this many heights of the drawn values is not drawn, only written.
MAX_STRETCH = 5.0
SINGLE_MOMENT_SECONDS = timedelta(days=30).total_seconds()
SHORTEST_AXIS_SECONDS = timedelta(hours=6).total_seconds()
# The number of straight parts that a curve is drawn with.
CURVE_STEPS = 32
SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 120, 28, 4
MAX_SPARK_POINTS = 60


class Reading(NamedTuple):
    """One value to draw; `label` is its number as in the table."""

    at: datetime
    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    position: str
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge of a normal range. If it is off the scale, it is drawn at the border, with its number
    and `beyond` ("high" or "low")."""

    y: str
    label: str
    beyond: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve behind the values, for example of a percentile; its label is at its end."""

    path: str
    label: str
    x: str
    y: str


class Mark(NamedTuple):
    """A drawn point; `beyond` is "high" or "low" if the true value is off the scale."""

    x: str
    y: str
    label: str
    beyond: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A vertical bar between two values of one moment, for example a blood pressure."""

    x: str
    top: str
    bottom: str


@dataclass(frozen=True, slots=True)
class Line:
    """One series. `label_y` is the position of the newest value's label, clear of other labels."""

    name: str
    path: str
    gaps: str
    marks: tuple[Mark, ...]
    last: Mark
    label_y: str

    @property
    def dots(self) -> str:
        """All marks on the scale as one path, because an element for each mark would make the page
        large."""
        return "".join(f"M{one.x} {one.y}h0" for one in self.marks if not one.beyond)

    @property
    def beyond(self) -> tuple[Mark, ...]:
        return tuple(one for one in self.marks if one.beyond)


@dataclass(frozen=True, slots=True)
class LineChart:
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bands: tuple[Band, ...]
    edges: tuple[Edge, ...]
    curves: tuple[Curve, ...]
    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    plot_width: int = WIDTH - RIGHT - LEFT
    value_label_x: int = LEFT - 6

    @property
    def bars_path(self) -> str:
        return "".join(f"M{one.x} {one.top}V{one.bottom}" for one in self.bars)

    @property
    def grid_path(self) -> str:
        across = (f"M{self.left} {one.position}H{self.right}" for one in self.y_ticks)
        down = (f"M{one.position} {self.bottom}v4" for one in self.x_ticks)
        return "".join((*across, *down))


@dataclass(frozen=True, slots=True)
class Sparkline:
    path: str
    last_x: str
    last_y: str
    band: Band | None
    width: int = SPARK_WIDTH
    height: int = SPARK_HEIGHT


Scale = Callable[[float], float]
CurveAt = Callable[[datetime], float | None]


def line_chart(
    series: Sequence[tuple[str, Sequence[Reading]]],
    *,
    bands: Sequence[tuple[float, float]] = (),
    pairs: Sequence[tuple[Reading, Reading]] = (),
    behind: Sequence[tuple[str, CurveAt]] = (),
) -> LineChart:
    """Return the chart of one or more series with a shared time axis and value axis.

    Each series is in time order and has at least one reading. `bands` are normal ranges. `pairs`
    are (upper, lower) readings of one moment: while there is room for each, a bar joins the two,
    and no line connects one moment with the next. `behind` are named curves.
    """
    everything = [reading for _, readings in series for reading in readings]
    start, end = time_domain([reading.at for reading in everything])
    sampled = [(label, _sampled(at, start, end)) for label, at in behind]
    reached = [value for _, points in sampled for _, value in points]
    values = [reading.value for reading in everything]
    bottom, top, y_step = value_axis(values, bands, reached)
    x, y = _scale(start, end, LEFT, WIDTH - RIGHT), _scale(bottom, top, HEIGHT - BOTTOM, TOP)
    bars = pairs if len(pairs) <= MAX_MARKERS else ()
    lines = [_line(name, readings, x, y, bottom, top) for name, readings in series]
    if bars:
        lines = [replace(line, path="", gaps="") for line in lines]
    return LineChart(
        x_ticks=_time_ticks(start, end, everything[-1].at.tzinfo or UTC, x),
        y_ticks=_value_ticks(bottom, top, y_step, y),
        bands=tuple(_band(*band, bottom, top, y) for band in bands if _overlaps(band, bottom, top)),
        edges=tuple(edge for band in bands for edge in _edges(band, bottom, top, y)),
        curves=tuple(_curve(label, points, x, y) for label, points in sampled if points),
        lines=_with_clear_labels(lines),
        bars=tuple(_bar(upper, lower, x, y, bottom, top) for upper, lower in bars),
    )


def _sampled(at: CurveAt, start: float, end: float) -> list[tuple[float, float]]:
    """Return the points of a curve over the time axis, where it is defined."""
    step = (end - start) / CURVE_STEPS
    seconds = [start + step * n for n in range(CURVE_STEPS + 1)]
    found = ((one, at(_moment(one, UTC))) for one in seconds)
    return [(one, value) for one, value in found if value is not None]


def _curve(label: str, points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> Curve:
    places = [(x(seconds), y(value)) for seconds, value in points]
    return Curve(_path(places), label, _text(places[-1][0]), _text(places[-1][1]))


def sparkline(readings: Sequence[Reading], band: tuple[float, float] | None) -> Sparkline | None:
    """Return the trend of at least two readings in time order; None for fewer."""
    if len(readings) < 2:
        return None
    thinned = thin(readings, MAX_SPARK_POINTS)
    start, end = time_domain([reading.at for reading in thinned])
    bottom, top = _spread(_within_fence([reading.value for reading in readings]))
    x = _scale(start, end, SPARK_MARGIN, SPARK_WIDTH - SPARK_MARGIN)
    y = _scale(bottom, top, SPARK_HEIGHT - SPARK_MARGIN, SPARK_MARGIN)
    points = [
        (x(reading.at.timestamp()), y(_clamp(reading.value, bottom, top))) for reading in thinned
    ]
    return Sparkline(
        path=_path(points),
        last_x=_text(points[-1][0]),
        last_y=_text(points[-1][1]),
        band=_band(*band, bottom, top, y) if band and _overlaps(band, bottom, top) else None,
    )


def thin(readings: Sequence[Reading], limit: int = MAX_POINTS) -> list[Reading]:
    """Keep the lowest and highest reading of each part of the time axis, so that no peak is
    lost."""
    if len(readings) <= limit:
        return list(readings)
    buckets: dict[int, list[Reading]] = {}
    start, end = readings[0].at.timestamp(), readings[-1].at.timestamp()
    # The newest reading is always kept, which takes one place.
    count = (limit - 1) // 2
    for reading in readings:
        share = (reading.at.timestamp() - start) / ((end - start) or 1)
        buckets.setdefault(min(int(share * count), count - 1), []).append(reading)
    kept = [reading for bucket in buckets.values() for reading in _extremes(bucket)]
    return kept if kept[-1] is readings[-1] else [*kept, readings[-1]]


def _extremes(bucket: list[Reading]) -> list[Reading]:
    lowest = min(bucket, key=lambda reading: reading.value)
    highest = max(bucket, key=lambda reading: reading.value)
    if lowest is highest:
        return [lowest]
    return [lowest, highest] if lowest.at <= highest.at else [highest, lowest]


def time_domain(times: Iterable[datetime]) -> tuple[float, float]:
    """Return the first and last second. A single moment is in the middle of a month; moments within
    a few hours, as in a hospital, get an axis of at least six hours."""
    stamps = [time.timestamp() for time in times]
    first, last = min(stamps), max(stamps)
    least = SINGLE_MOMENT_SECONDS if first == last else SHORTEST_AXIS_SECONDS
    missing = max(0.0, least - (last - first))
    return first - missing / 2, last + missing / 2


def value_axis(
    values: Sequence[float],
    bands: Sequence[tuple[float, float]] = (),
    curves: Sequence[float] = (),
) -> tuple[float, float, float]:
    """Return the bottom, the top and the step of an axis that ends on round numbers.

    Outliers do not extend it: one weight of 700 kg must not turn years into a flat line. A near
    normal range is included completely, and of one further away the near side, because readers look
    for the side on which the values are. `curves` are the values of the curves behind, which are
    all on the scale.
    """
    low, high = _spread(_within_fence(values))
    low, high = min((low, *curves)), max((high, *curves))
    for band_low, band_high in bands:
        room = high - low
        if math.isfinite(band_low) and low - 1.5 * room <= band_low:
            low = min(low, band_low)
        if math.isfinite(band_high) and band_high <= high + 1.5 * room:
            high = max(high, band_high)
        low, high = _with_near_side(low, high, band_low, band_high)
    step = _round_step((high - low) / 3)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _with_near_side(
    low: float, high: float, band_low: float, band_high: float
) -> tuple[float, float]:
    """Extend the axis by a part of a range that is completely above or below it, unless the range
    is so far away that the values would become a flat line."""
    reach = MAX_STRETCH * max(high - low, 0.1 * max(abs(low), abs(high)))
    if band_low >= high and band_low - high <= reach:
        return low, band_low + 0.25 * (band_low - low)
    if band_high <= low and low - band_high <= reach:
        return band_high - 0.25 * (high - band_high), high
    return low, high


def _within_fence(values: Sequence[float]) -> list[float]:
    """Return the values without those far outside the middle half; of few values all are kept."""
    if len(values) < 5:
        return list(values)
    first, middle, third = quantiles(values, n=4)
    reach = FENCE * max(third - first, abs(middle) * 0.05, 1e-9)
    return [value for value in values if first - reach <= value <= third + reach]


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and highest value, with some space if they are nearly equal."""
    low, high = min(values), max(values)
    largest = max(abs(high), abs(low))
    least = largest * 0.04 if largest > 1e-9 else 1.0
    if high - low < least:
        middle = (high + low) / 2
        return middle - least / 2, middle + least / 2
    return low, high


def _round_step(rough: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


def _scale(start: float, end: float, first: float, last: float) -> Scale:
    factor = (last - first) / ((end - start) or 1)
    return lambda value: first + (value - start) * factor


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _text(coordinate: float) -> str:
    return f"{coordinate:.1f}"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _band(low: float, high: float, bottom: float, top: float, y: Scale) -> Band:
    """Return the part of a normal range that is on the scale; ±inf leaves a side open."""
    upper, lower = y(_clamp(high, bottom, top)), y(_clamp(low, bottom, top))
    return Band(_text(upper), _text(lower - upper))


def _edges(band: tuple[float, float], bottom: float, top: float, y: Scale) -> list[Edge]:
    """Return the edges of a range; if it is completely off the scale, only the nearer one."""
    edges = [_edge(value, bottom, top, y) for value in band if math.isfinite(value)]
    sides = {edge.beyond for edge in edges}
    if len(edges) == 2 and sides in ({"high"}, {"low"}):
        return edges[:1] if sides == {"high"} else edges[1:]
    return edges


def _edge(value: float, bottom: float, top: float, y: Scale) -> Edge:
    beyond = "high" if value > top else "low" if value < bottom else ""
    return Edge(_text(y(_clamp(value, bottom, top))), rounded_text(value), beyond)


def _overlaps(band: tuple[float, float], bottom: float, top: float) -> bool:
    return band[0] < top and band[1] > bottom


def _line(
    name: str, readings: Sequence[Reading], x: Scale, y: Scale, bottom: float, top: float
) -> Line:
    thinned = thin(readings)
    times = [reading.at.timestamp() for reading in thinned]
    marks = [
        _mark(reading, x(time), y, bottom, top)
        for reading, time in zip(thinned, times, strict=True)
    ]
    solid, gaps = _paths(times, [(float(mark.x), float(mark.y)) for mark in marks])
    shown = marks if len(marks) <= MAX_MARKERS else [mark for mark in marks if mark.beyond]
    last = marks[-1]
    return Line(name, solid, gaps, tuple(shown), last, last.y)


def _with_clear_labels(lines: list[Line]) -> tuple[Line, ...]:
    """Move the labels of two lines apart, the upper one up and the lower one down."""
    if len(lines) != 2:
        return tuple(lines)
    first, second = (float(line.label_y) for line in lines)
    missing = LABEL_HEIGHT - abs(first - second)
    if missing <= 0:
        return tuple(lines)
    shift = missing / 2 if first <= second else -missing / 2
    return (
        replace(lines[0], label_y=_text(first - shift)),
        replace(lines[1], label_y=_text(second + shift)),
    )


def _mark(reading: Reading, across: float, y: Scale, bottom: float, top: float) -> Mark:
    beyond = "high" if reading.value > top else "low" if reading.value < bottom else ""
    height = y(_clamp(reading.value, bottom, top))
    return Mark(_text(across), _text(height), reading.label, beyond)


def _bar(upper: Reading, lower: Reading, x: Scale, y: Scale, bottom: float, top: float) -> Bar:
    return Bar(
        x=_text(x(upper.at.timestamp())),
        top=_text(y(_clamp(upper.value, bottom, top))),
        bottom=_text(y(_clamp(lower.value, bottom, top))),
    )


def _paths(times: Sequence[float], points: Sequence[tuple[float, float]]) -> tuple[str, str]:
    """Return the solid line, and separately the parts of it in which nothing was measured."""
    seconds = [after - before for before, after in pairwise(times)]
    longest = longest_solid_gap(seconds)
    solid, gaps, run = [], [], list(points[:1])
    for (before, after), length in zip(pairwise(points), seconds, strict=True):
        if length > longest:
            gaps.append(_path([before, after]))
            solid.append(run)
            run = []
        run.append(after)
    solid.append(run)
    return "".join(_path(part) for part in solid if len(part) > 1), "".join(gaps)


def longest_solid_gap(seconds: Sequence[float]) -> float:
    """Return the longest pause that is still drawn as a solid line."""
    if len(seconds) < 3:
        return timedelta(days=3 * 366).total_seconds()
    return max(8 * median(seconds), timedelta(days=366).total_seconds())


def _value_ticks(bottom: float, top: float, step: float, y: Scale) -> tuple[Tick, ...]:
    count = round((top - bottom) / step)
    values = [bottom + index * step for index in range(count + 1)]
    return tuple(Tick(_text(y(value)), rounded_text(round(value, 10))) for value in values)


def _time_ticks(start: float, end: float, zone: tzinfo, x: Scale) -> tuple[Tick, ...]:
    return tuple(Tick(_text(x(at)), label) for at, label in time_ticks(start, end, zone))


MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 6_000, 24_000)
HOUR_STEPS = (2, 3, 6, 12)
DAY_STEPS = (1, 2, 5, 7, 14)
# A month from the ends of the calendar, which leaves room for every time zone and step.
_EARLIEST = datetime(1, 2, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(9999, 12, 1, tzinfo=UTC).timestamp()
# The number of labels that fit side by side: a year is short, a month with its year is not.
MAX_YEAR_TICKS, MAX_TIME_TICKS = 7, 5


def time_ticks(start: float, end: float, zone: tzinfo) -> list[tuple[float, str]]:
    """Return calendar moments that fit on the axis, with their labels.

    `zone` is the time zone of the newest reading: hours are local time, as in the table.
    """
    first, last = _moment(start, zone), _moment(end, zone)
    hours = (last - first) / timedelta(hours=1)
    if hours < 60:
        step = next(step for step in HOUR_STEPS if hours / step <= MAX_TIME_TICKS)
        return _hour_ticks(first, last, step)
    days = (last - first).days
    if days < 70:
        step = next(step for step in DAY_STEPS if days / step <= MAX_TIME_TICKS)
        return _day_ticks(first, last, step)
    months = days / 30.44
    step = next(step for step in MONTH_STEPS if months / step <= _room(step))
    return _month_ticks(first, last, step)


def _moment(stamp: float, zone: tzinfo) -> datetime:
    """Return the moment for a number of seconds since 1970, limited to calendar dates: some EHRs
    send 0001-01-01 or 9999-12-31, and an axis extends beyond its readings."""
    return datetime.fromtimestamp(min(max(stamp, _EARLIEST), _LATEST), zone)


def _room(month_step: int) -> int:
    return MAX_YEAR_TICKS if month_step >= 12 else MAX_TIME_TICKS


def _hour_ticks(first: datetime, last: datetime, step: int) -> list[tuple[float, str]]:
    tick = first.replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = []
    while tick <= last:
        if tick >= first:
            label = f"{tick:%H:%M}" if tick.hour else _day_text(tick)
            ticks.append((tick.timestamp(), label))
        tick += timedelta(hours=step)
    return ticks


def _day_text(day: datetime) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _day_ticks(first: datetime, last: datetime, step: int) -> list[tuple[float, str]]:
    day = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    ticks = []
    while day <= last:
        ticks.append((day.timestamp(), _day_text(day)))
        day += timedelta(days=step)
    return ticks


def _month_ticks(first: datetime, last: datetime, step: int) -> list[tuple[float, str]]:
    index = -(-(first.year * 12 + first.month) // step) * step
    ticks = []
    while index // 12 <= last.year:
        at = datetime(index // 12, index % 12 + 1, 1, tzinfo=first.tzinfo)
        if at > last:
            break
        label = str(at.year) if step >= 12 else f"{MONTHS[at.month - 1]} {at.year}"
        ticks.append((at.timestamp(), label))
        index += step
    return ticks
