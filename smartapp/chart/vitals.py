"""Vital signs over time: one series per kind of measurement, blood pressure as one picture."""

from dataclasses import dataclass, replace
from typing import Any

from smartapp.chart.graphics import LineChart, Reading, line_chart
from smartapp.chart.measurements import NO_FLAG, Flag, Measurement, read_measurements
from smartapp.record.moments import Moment, newest_first, years_between
from smartapp.record.quantities import rounded_text

SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
BLOOD_PRESSURE = "blood-pressure"
ADULT_YEARS = 18
# The table under a chart lists this many, newest first; the chart draws all of them.
MAX_ROWS = 200

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a vital sign. `adult_range` is in `unit` and never drawn for children."""

    name: str
    loinc: frozenset[str]
    unit: str = ""
    adult_range: Range | None = None


# The order of the page. Ranges: usual resting values of adults; the record's own come first.
KINDS = (
    Kind("Heart rate", frozenset({"8867-4", "8893-0", "68999-7"}), "/min", (60, 100)),
    Kind("Respiratory rate", frozenset({"9279-1"}), "/min", (12, 20)),
    Kind(
        "Oxygen saturation",
        frozenset({"2708-6", "59408-5", "59407-7", "20564-1", "28642-7"}),
        "%",
        (95, 100),
    ),
    Kind(
        "Body temperature",
        frozenset({"8310-5", "8331-1", "8328-7", "8329-5", "8330-3", "8332-9", "8333-7"}),
        "°C",
        (36.1, 37.2),
    ),
    Kind("Body weight", frozenset({"29463-7", "3141-9", "3142-7", "8335-2", "75292-3"}), "kg"),
    Kind(
        "Body height", frozenset({"8302-2", "8301-4", "8306-3", "8308-9", "3137-7", "3138-5"}), "cm"
    ),
    Kind("Body mass index", frozenset({"39156-5"}), "kg/m²", (18.5, 25)),
    Kind("Head circumference", frozenset({"9843-4", "8287-5"}), "cm"),
    Kind("Pain", frozenset({"72514-3", "38208-5"})),
)
KIND_BY_LOINC = {code: kind for kind in KINDS for code in kind.loinc}
BLOOD_PRESSURE_RANGES: tuple[Range, Range] = ((90, 120), (60, 80))

# (from, to) → factor and offset. A series that changed its unit is drawn in the newest one.
CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("lb", "kg"): (0.45359237, 0),
    ("kg", "lb"): (1 / 0.45359237, 0),
    ("g", "kg"): (0.001, 0),
    ("oz", "kg"): (0.028349523125, 0),
    ("oz", "lb"): (0.0625, 0),
    ("in", "cm"): (2.54, 0),
    ("cm", "in"): (1 / 2.54, 0),
    ("m", "cm"): (100, 0),
    ("°F", "°C"): (5 / 9, -160 / 9),
    ("°C", "°F"): (9 / 5, 32),
}
UNIT_SPELLINGS = {
    "lbs": "lb", "[lb_av]": "lb", "[oz_av]": "oz", "kilogram": "kg", "inches": "in",
    "degF": "°F", "degC": "°C", "Cel": "°C", "mm[Hg]": "mmHg", "mm Hg": "mmHg",
    "bpm": "/min", "beats/minute": "/min", "beats/min": "/min", "breaths/minute": "/min",
    "breaths/min": "/min",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table under a chart."""

    when: Moment
    text: str
    flag: Flag
    note: str


@dataclass(frozen=True, slots=True)
class VitalSign:
    """One picture and everything that it says in words."""

    key: str
    name: str
    unit: str
    latest: Row
    count: int
    summary: str
    range_text: str
    chart: LineChart
    rows: tuple[Row, ...]
    rows_left_out: int


@dataclass(frozen=True, slots=True)
class Point:
    """A measurement that has a number and a time, in the unit of its series."""

    when: Moment
    value: float
    measurement: Measurement
    converted_from: str = ""


def read_vital_signs(
    observations: list[dict[str, Any]], *, birth_date: Moment | None
) -> tuple[VitalSign, ...]:
    """Return the vital signs that have numbers: blood pressure, the known kinds, then the rest."""
    measurements = [
        normalised(measurement)
        for measurement in read_measurements(observations)
        if measurement.number is not None
        and measurement.when is not None
        and measurement.when.is_readable
    ]
    by_kind: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        by_kind.setdefault(_kind_key(measurement), []).append(measurement)
    pressure = by_kind.pop(BLOOD_PRESSURE, [])
    signs = [_blood_pressure(pressure, birth_date)] if pressure else []
    for key in sorted(by_kind, key=_page_order):
        for unit, points in one_unit_each(by_kind[key]):
            signs.append(_vital_sign(key, unit, points, birth_date))
    return tuple(signs)


def normalised(measurement: Measurement) -> Measurement:
    return replace(measurement, unit=UNIT_SPELLINGS.get(measurement.unit, measurement.unit))


def _kind_key(measurement: Measurement) -> str:
    for code in measurement.loinc:
        if code in (SYSTOLIC, DIASTOLIC):
            return BLOOD_PRESSURE
        if code in KIND_BY_LOINC:
            return KIND_BY_LOINC[code].name
    return measurement.code


def _page_order(key: str) -> tuple[int, str]:
    names = [kind.name for kind in KINDS]
    return (names.index(key), "") if key in names else (len(names), key)


def one_unit_each(measurements: list[Measurement]) -> list[tuple[str, list[Point]]]:
    """Return the points per unit, converted to the newest unit where a conversion is known.

    What cannot be converted gets a series of its own: never two units on one axis.
    """
    newest = min(measurements, key=lambda m: newest_first(m.when))
    series: dict[str, list[Point]] = {newest.unit: []}
    for measurement in measurements:
        unit, point = _in_unit(measurement, newest.unit)
        series.setdefault(unit, []).append(point)
    for points in series.values():
        points.sort(key=lambda point: point.when.at)
    return list(series.items())


def _in_unit(measurement: Measurement, unit: str) -> tuple[str, Point]:
    if measurement.when is None or measurement.number is None:
        raise ValueError("a point needs a time and a number")
    conversion = CONVERSIONS.get((measurement.unit, unit))
    if measurement.unit == unit or conversion is None:
        return measurement.unit, Point(measurement.when, measurement.number, measurement)
    factor, offset = conversion
    value = measurement.number * factor + offset
    return unit, Point(measurement.when, value, measurement, measurement.value_and_unit)


def _vital_sign(key: str, unit: str, points: list[Point], birth_date: Moment | None) -> VitalSign:
    kind = next((kind for kind in KINDS if kind.name == key), None)
    name = kind.name if kind else points[-1].measurement.name
    usual, range_text = _range(kind, unit, points[-1], birth_date)
    readings = [Reading(p.when.at, p.value, _value(p), _title(p, unit)) for p in points]
    rows = [_row(point) for point in reversed(points)]
    return VitalSign(
        key=key,
        name=name,
        unit=unit,
        latest=rows[0],
        count=len(points),
        summary=_summary(name, unit, points, range_text),
        range_text=range_text,
        chart=line_chart([(name, readings)], bands=[usual] if usual else []),
        rows=tuple(rows[:MAX_ROWS]),
        rows_left_out=max(0, len(rows) - MAX_ROWS),
    )


def _range(
    kind: Kind | None, unit: str, newest: Point, birth_date: Moment | None
) -> tuple[Range | None, str]:
    """Return the normal range to draw and its words: the record's own before the usual one."""
    own = newest.measurement.range
    if own and own.unit == newest.measurement.unit == unit and (own.low, own.high) != (None, None):
        low = own.low if own.low is not None else float("-inf")
        high = own.high if own.high is not None else float("inf")
        return (low, high), f"Reference range {own.text_beside(unit)}"
    if kind and kind.adult_range and kind.unit and was_adult(newest.when, birth_date):
        low, high = kind.adult_range
        if kind.unit == "°C" and unit == "°F":
            low, high = low * 9 / 5 + 32, high * 9 / 5 + 32
        elif unit != kind.unit:
            return None, ""
        return (low, high), f"Usual for adults {rounded_text(low)} to {rounded_text(high)}"
    return None, ""


def was_adult(when: Moment, birth_date: Moment | None) -> bool:
    return birth_date is not None and (
        years_between(birth_date.at.date(), when.at.date()) >= ADULT_YEARS
    )


def _value(point: Point) -> str:
    if point.converted_from:
        return rounded_text(round(point.value, 1))
    return point.measurement.text


def _title(point: Point, unit: str) -> str:
    return f"{_value(point)} {unit}".rstrip() + f", {point.when.text}"


def _row(point: Point) -> Row:
    measurement = point.measurement
    notes = [
        f"recorded as {point.converted_from}" if point.converted_from else "",
        measurement.status,
        *measurement.notes,
    ]
    return Row(point.when, _value(point), measurement.flag, "; ".join(filter(None, notes)))


def _summary(name: str, unit: str, points: list[Point], range_text: str) -> str:
    """Return the chart in one sentence, for those who do not see it."""
    last = points[-1]
    latest = f"{_value(last)} {unit}".rstrip()
    if len(points) == 1:
        return f"{name}: one value, {latest}, {last.when.date_text}."
    low, high = (pick(points, key=lambda p: p.value) for pick in (min, max))
    sentence = (
        f"{name}: {len(points)} values from {points[0].when.date_text} to {last.when.date_text}, "
        f"lowest {_value(low)}, highest {_value(high)}, latest {latest}."
    )
    return f"{sentence} {range_text}." if range_text else sentence


@dataclass(frozen=True, slots=True)
class Pressure:
    """A blood pressure: both values of one moment; one of them may be missing."""

    when: Moment
    systolic: Measurement | None
    diastolic: Measurement | None

    @property
    def text(self) -> str:
        parts = (self.systolic, self.diastolic)
        return "/".join(part.text if part else "–" for part in parts)  # noqa: RUF001 - a dash is meant

    @property
    def flag(self) -> Flag:
        flags = [part.flag for part in (self.systolic, self.diastolic) if part]
        return next((flag for flag in flags if flag.is_notable), NO_FLAG)

    @property
    def note(self) -> str:
        parts = [part for part in (self.systolic, self.diastolic) if part]
        return "; ".join(
            dict.fromkeys(note for part in parts for note in (part.status, *part.notes) if note)
        )


def pressures(measurements: list[Measurement]) -> list[Pressure]:
    """Return systolic and diastolic values of the same moment together, oldest first."""
    by_time: dict[Moment, Pressure] = {}
    for measurement in measurements:
        if measurement.when is None:
            continue
        known = by_time.get(measurement.when, Pressure(measurement.when, None, None))
        if SYSTOLIC in measurement.loinc:
            by_time[measurement.when] = replace(known, systolic=measurement)
        else:
            by_time[measurement.when] = replace(known, diastolic=measurement)
    return sorted(by_time.values(), key=lambda pressure: pressure.when.at)


def _blood_pressure(measurements: list[Measurement], birth_date: Moment | None) -> VitalSign:
    found = pressures(measurements)
    last, unit = found[-1], measurements[-1].unit
    is_adult = was_adult(last.when, birth_date) and unit == "mmHg"
    range_text = "Usual for adults 90 to 120 over 60 to 80" if is_adult else ""
    rows = [Row(p.when, p.text, p.flag, p.note) for p in reversed(found)]
    return VitalSign(
        key=BLOOD_PRESSURE,
        name="Blood pressure",
        unit=unit,
        latest=rows[0],
        count=len(found),
        summary=_pressure_summary(found, unit, range_text),
        range_text=range_text,
        chart=_pressure_chart(found, unit, BLOOD_PRESSURE_RANGES if is_adult else ()),
        rows=tuple(rows[:MAX_ROWS]),
        rows_left_out=max(0, len(rows) - MAX_ROWS),
    )


def _pressure_chart(found: list[Pressure], unit: str, bands: tuple[Range, ...]) -> LineChart:
    upper = {p.when: _pressure_reading(p, p.systolic, unit) for p in found if p.systolic}
    lower = {p.when: _pressure_reading(p, p.diastolic, unit) for p in found if p.diastolic}
    series = [("Systolic", list(upper.values())), ("Diastolic", list(lower.values()))]
    return line_chart(
        [(name, readings) for name, readings in series if readings],
        bands=bands,
        pairs=[(upper[when], lower[when]) for when in upper if when in lower],
    )


def _pressure_reading(pressure: Pressure, side: Measurement, unit: str) -> Reading:
    title = f"{pressure.text} {unit}, {pressure.when.text}"
    return Reading(pressure.when.at, side.number or 0.0, side.text, title)


def _pressure_summary(found: list[Pressure], unit: str, range_text: str) -> str:
    last = found[-1]
    latest = f"latest {last.text} {unit}, {last.when.date_text}."
    if len(found) == 1:
        return f"Blood pressure: one value, {latest}"
    sides = [
        f"{name} between {rounded_text(min(values))} and {rounded_text(max(values))}"
        for name, values in (
            ("systolic", [p.systolic.number or 0 for p in found if p.systolic]),
            ("diastolic", [p.diastolic.number or 0 for p in found if p.diastolic]),
        )
        if values
    ]
    first = found[0].when.date_text
    sentence = f"Blood pressure: {len(found)} values since {first}, {', '.join(sides)}, {latest}"
    return f"{sentence} {range_text}." if range_text else sentence
