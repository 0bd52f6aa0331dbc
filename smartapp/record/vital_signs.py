"""Vital signs: one series for each kind of measurement and unit; a blood pressure is one
reading."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from smartapp.record.blood_pressure import pressures_of, read_pressures
from smartapp.record.growth import Growth, read_gestation, read_growth
from smartapp.record.interpretations import NO_FLAG
from smartapp.record.kinds import (
    KINDS,
    METHODS,
    Kind,
    Range,
    how_by_code,
    is_possible,
    is_something_else,
    kind_of,
    own_name,
    usual_range,
)
from smartapp.record.moments import Chronology, ago_text
from smartapp.record.observations import Reading, read_observation
from smartapp.record.panel_members import NOT_SENT, join_panels
from smartapp.record.people import Person, read_person
from smartapp.record.quantities import rounded_text
from smartapp.record.reading import Given, LeftOut, Read, read_each
from smartapp.record.series import Series, code_key, in_order, into_series, is_certain
from smartapp.record.units import NO_UNIT, UCUM, Unit, convert_span, dimension, read_unit
from smartapp.record.vital_sign import (
    Row,
    VitalSign,
    beside_usual,
    in_unit,
    is_of_an_adult_at_rest,
    notes_of,
    part_text,
    said_once,
    sources_of,
    uncertain_first,
    usual_text,
)

IMPOSSIBLE = "not possible as it was sent, perhaps in another unit; check it in the EHR"
_RANKS = {kind.name: rank for rank, kind in enumerate(KINDS)}


GRAMS, KILOGRAMS = (read_unit({"system": UCUM, "code": one}) for one in ("g", "kg"))
# Less is in grams what was meant as kilograms, or something else than a body.
HEAVY = 10_000


def read_vital_signs(given: Given) -> Read[VitalSign]:
    """Return the vital signs: blood pressure, the known kinds, then the rest by name."""
    person = read_person(given.patient)
    read = read_each(
        given.resources, lambda resource: read_observation(resource, person, given.related)
    )
    panels = join_panels(read.entries, given.resources)
    pressures, rest = pressures_of(panels.readings)
    others = [part for one in rest for part in _spread(one)]
    chronology = Chronology.of((one.when for one in panels.readings), now=given.now)
    early = read_gestation(given.resources)
    signs = [
        *read_pressures(pressures, person, chronology),
        *(_with_growth(one, person, early) for one in _signs(others, person, chronology)),
    ]
    return Read(tuple(signs), (*read.left_out, *(LeftOut(NOT_SENT) for _ in panels.alone)))


def _spread(reading: Reading) -> list[Reading]:
    """Return a reading with a value as it is, and one without a value as its components."""
    if reading.has_value or not reading.parts:
        return [reading]
    parts = [
        part if kind_of(part) else part._replace(how=replace(part.how, panel=_name(reading)))
        for part in reading.parts
    ]
    return [reading, *parts] if reading.result else parts


def _name(reading: Reading) -> str:
    kind = kind_of(reading)
    return kind.name if kind else reading.name


def _signs(readings: Iterable[Reading], person: Person, chronology: Chronology) -> list[VitalSign]:
    keyed = [(_what(one), _as_its_code_says(one)) for one in readings]
    series = _one_unit_each(into_series(keyed, chronology))
    return sorted((_sign(one, person, chronology) for one in series), key=_page_order)


def _what(reading: Reading) -> str:
    if is_something_else(reading.name):
        return reading.name.casefold()
    kind = kind_of(reading)
    return kind.name if kind else code_key(reading)


def _as_its_code_says(reading: Reading) -> Reading:
    """Return the reading with what its code says about how it was measured."""
    kind, words = kind_of(reading), how_by_code(reading)
    if kind is None or not words:
        return reading
    if kind.name not in METHODS:
        return reading._replace(
            marks=reading.marks._replace(remarks=(words, *reading.marks.remarks))
        )
    if reading.how.method or reading.how.site:
        return reading
    return reading._replace(how=replace(reading.how, method=words))


def _page_order(sign: VitalSign) -> tuple[int, str, bool, tuple[str, ...]]:
    return _RANKS.get(sign.name, len(KINDS)), sign.name.casefold(), bool(sign.whose), sign.how


def _one_unit_each(found: Sequence[Series]) -> list[Series]:
    """Join the series that differ only in their unit if one unit can be converted into the other:
    one axis never has two units."""
    joined: dict[tuple[str, ...], list[Series]] = {}
    for series in found:
        key = (*series.key[:-1], dimension(_unit((*series.readings, *series.aside))))
        joined.setdefault(key, []).append(series)
    return [
        Series(
            key,
            tuple(one for part in parts for one in part.readings),
            tuple(one for part in parts for one in part.aside),
        )
        for key, parts in joined.items()
    ]


def _unit(readings: Iterable[Reading]) -> Unit:
    """Return the unit of the first reading that is a number."""
    return next((one.value.unit for one in readings if one.value.number is not None), NO_UNIT)


def _for_people(unit: Unit, newest: Reading, person: Person) -> Unit:
    """Return kilograms for the grams of an adult's weight: nobody reads 58059.82 g as one."""
    kind, value = kind_of(newest), newest.value
    is_weight = kind is not None and kind.unit == KILOGRAMS.key and unit.key == GRAMS.key
    is_heavy = value.unit.key == GRAMS.key and (value.number or 0) >= HEAVY
    return KILOGRAMS if is_weight and is_heavy and person.was_adult(newest.when) else unit


def _sign(series: Series, person: Person, chronology: Chronology) -> VitalSign:
    placed, aside = in_order(series.readings, chronology), in_order(series.aside, chronology)
    # Among readings of unknown time, those dated in the future come last.
    aside.sort(key=lambda one: chronology.is_future(one.when))
    newest = (placed or aside)[0]
    unit = _for_people(_unit((*placed, *aside)), newest, person)
    kind = kind_of(newest)
    rows = [_row(one, unit, chronology) for one in (*aside, *placed)]
    usual, range_text = _range(kind, unit, newest, person)
    latest = rows[len(aside) if placed else 0]
    return VitalSign(
        name=kind.name if kind else newest.name,
        how=newest.how.words,
        whose=newest.marks.whose,
        unit=unit.text,
        latest=latest,
        rows=uncertain_first(rows),
        usual=usual,
        range_text=range_text,
        beside_usual=beside_usual(latest, usual),
        ago=ago_text(latest.when, chronology.now),
    )


def _with_growth(sign: VitalSign, person: Person, early: timedelta | None) -> VitalSign:
    """Return the sign with the growth references of a child's measure."""
    when = sign.latest.when
    if sign.whose or when is None or not sign.latest.is_certain or not sign.latest.amounts:
        return sign
    unit = sign.latest.reading.value.unit
    found = read_growth(sign.name, unit, person, when.at.date(), early)
    if not isinstance(found, Growth):
        return replace(sign, growth_note=found or "")
    rows = {id(row): _with_percentile(row, found) for row in sign.rows}
    return replace(
        sign,
        rows=tuple(rows[id(row)] for row in sign.rows),
        latest=rows[id(sign.latest)],
        growth=found,
        growth_note=found.note,
    )


def _with_percentile(row: Row, growth: Growth) -> Row:
    """Return the row with its percentile, if its day is known and its number is exact."""
    (amount, *_) = row.amounts or (None,)
    if amount is None or row.when is None or not row.is_certain or IMPOSSIBLE in row.notes:
        return row
    if row.when.precision not in ("day", "time"):
        return row
    words = growth.percentile_text(amount.value, row.when.at, row.reading.marks)
    return row._replace(percentile=words) if words else row


def _row(reading: Reading, unit: Unit, chronology: Chronology) -> Row:
    amount, recorded = in_unit(reading, unit)
    notes = [
        f"recorded as {recorded}" if recorded else "",
        _doubt(reading),
        _own_name(reading),
        *notes_of(reading, reading.notes, chronology),
        *(part_text(part) for part in reading.parts),
    ]
    return Row(
        reading=reading,
        text=amount.text if amount else reading.result,
        unit=unit.text if amount else reading.value.unit.text,
        flag=reading.flag if reading.flag.text != reading.result else NO_FLAG,
        amounts=(amount,) if amount and reading.is_drawn else (),
        notes=said_once(notes),
        is_certain=is_certain(reading, chronology),
        sources=sources_of(reading),
    )


def _doubt(reading: Reading) -> str:
    """Return that nobody can have the value, which is then in another unit or mistyped."""
    kind, value = kind_of(reading), reading.value
    if kind is None or value.number is None or is_possible(kind, value.number, value.unit):
        return ""
    return IMPOSSIBLE


def _own_name(reading: Reading) -> str:
    kind = kind_of(reading)
    beside = (how_by_code(reading), *reading.how.words)
    return own_name(reading.name, kind.name, beside) if kind else ""


def _range(
    kind: Kind | None, unit: Unit, newest: Reading, person: Person
) -> tuple[tuple[Range, ...], str]:
    """Return the normal range to draw and its words: the record's own, or else the usual one."""
    if newest.ranges.listed:
        own = newest.ranges.deciding
        drawn = ((own.low, own.high),) if own and own.unit.key == unit.key else ()
        return drawn, f"Range in the record: {newest.ranges.text_beside(unit)}"
    known = usual_range(kind) if kind else None
    if known is None or not is_of_an_adult_at_rest(newest, person):
        return (), ""
    usual = convert_span(*known, unit)
    return ((usual,), usual_text(" to ".join(map(rounded_text, usual)))) if usual else ((), "")
