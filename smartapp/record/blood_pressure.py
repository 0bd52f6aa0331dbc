"""Blood pressures. Two numbers only form one reading if the record says so.

Systolic and diastolic are one reading if they are components of one Observation. Separate
Observations are only paired if one measurement has exactly one of each: a wrong pair is worse than
half a reading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from smartapp.record.interpretations import gravest
from smartapp.record.kinds import (
    ADULT_PRESSURES,
    PRESSURE_PANELS,
    Range,
    how_by_code,
    is_something_else,
    kind_of,
    known_codes,
    own_name,
    side_in,
    side_of,
)
from smartapp.record.moments import Chronology, Moment, ago_text
from smartapp.record.observations import CORRECTED, Reading
from smartapp.record.people import Person
from smartapp.record.quantities import rounded_text
from smartapp.record.ranges import Ranges
from smartapp.record.series import in_order, is_certain, is_same_moment
from smartapp.record.units import NO_UNIT, Unit, convert_span, dimension
from smartapp.record.vital_sign import (
    Amount,
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

NAME = "Blood pressure"
NO_SIDE = "–"  # noqa: RUF001 - a dash is meant
IS_UPSIDE_DOWN = "the systolic value is lower than the diastolic one; check it in the EHR"
NO_SIDES = "neither a systolic nor a diastolic value"
NO_UNIT_GIVEN = "recorded without a unit"
TENTH = Decimal("0.1")
# Separate sides within this time belong to one measurement, if there is one of each.
ONE_MEASUREMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pressure:
    """One blood pressure. One side may be missing, and both if it is given in words. `reading` is
    its Observation, or the first of two separate ones."""

    reading: Reading
    systolic: Reading | None = None
    diastolic: Reading | None = None
    notes: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()

    @property
    def sides(self) -> tuple[Reading, ...]:
        return tuple(side for side in (self.systolic, self.diastolic) if side)

    @property
    def name(self) -> str:
        """The name of what was measured; the record's own for something else, such as a target."""
        return self.reading.name if is_something_else(self.reading.name) else NAME

    @property
    def unit(self) -> Unit:
        units = (side.value.unit for side in self.sides if side.value.number is not None)
        return next(units, NO_UNIT)


def pressures_of(readings: Sequence[Reading]) -> tuple[list[Pressure], list[Reading]]:
    """Return the blood pressures, and all other readings and components."""
    pressures: list[Pressure] = []
    lone: list[Reading] = []
    others: list[Reading] = []
    for one in readings:
        if any(map(side_of, one.parts)):
            pressures += _of_one_observation(one)
            others += [part for part in one.parts if kind_of(part)]
        elif side_of(one) and one.marks.is_understood:
            lone.append(one)
        elif PRESSURE_PANELS.intersection(known_codes(one)):
            notes = tuple(map(part_text, one.parts))
            pressures.append(Pressure(one, notes=notes, sources=sources_of(one)))
        else:
            others.append(one)
    return _each_once(pressures, _paired(lone)), others


def _each_once(pressures: Sequence[Pressure], separate: Sequence[Pressure]) -> list[Pressure]:
    """Return the pressures; some EHRs send one or both sides again as Observations of their own,
    which say nothing more."""
    places = {
        _numbers(part): place
        for place, one in enumerate(pressures)
        for part in (replace(one, diastolic=None), replace(one, systolic=None), one)
    }
    found = [*pressures]
    for one in separate:
        place = places.get(_numbers(one))
        if place is None or any(side.beside or side.flag.text for side in one.sides):
            found.append(one)
        else:
            whole = found[place]
            found[place] = replace(whole, sources=whole.sources | one.sources)
    return found


def _numbers(pressure: Pressure) -> tuple[object, ...]:
    """Return what two pressures must have in common to be one."""
    when, marks = pressure.reading.when, pressure.reading.marks
    sides = (pressure.systolic, pressure.diastolic)
    values = [(side.value.number, side.value.unit.key) if side else None for side in sides]
    moment = (when.at, when.precision) if when else id(pressure)
    return (moment, marks.whose, marks.status, pressure.reading.how, pressure.name, *values)


def read_pressures(
    pressures: Sequence[Pressure], person: Person, chronology: Chronology
) -> list[VitalSign]:
    """Return the blood pressures, one sign for each dimension of unit and each person (or fetus);
    a target is no reading and has a sign of its own."""
    groups: dict[tuple[str, str, str], list[Pressure]] = {}
    for one in pressures:
        key = (one.reading.marks.whose, one.name, dimension(one.unit))
        groups.setdefault(key, []).append(one)
    # Values in words ("refused", "186/112") have no unit and are shown with the numbers.
    for of in list(groups):
        home = next((key for key in groups if key[:2] == of[:2] and key[2] and not of[2]), None)
        if home:
            groups[home] += groups.pop(of)
    signs = [_sign(group, person, chronology) for group in groups.values()]
    return sorted(
        signs, key=lambda sign: (bool(sign.whose), sign.name != NAME, sign.unit != "mmHg")
    )


# --- what is one reading ----------------------------------------------------------------------


def _of_one_observation(reading: Reading) -> list[Pressure]:
    """Return the pressures of one Observation. Several of one side are paired by what their codes
    say (lying, standing), or else by their order if the sides take turns."""
    rest = [part for part in reading.parts if not side_of(part) and not kind_of(part)]
    notes = (*([reading.result] if reading.has_value else []), *map(part_text, rest))
    positions: dict[str, list[Reading]] = {}
    for part in reading.parts:
        if side_of(part):
            positions.setdefault(how_by_code(part), []).append(part)
    pairs = [pair for sides in positions.values() for pair in _pairs(sides)]
    return [Pressure(reading, *pair, notes, sources_of(reading)) for pair in pairs]


def _pairs(sides: Sequence[Reading]) -> list[tuple[Reading | None, Reading | None]]:
    upper = [one for one in sides if side_of(one) == "systolic"]
    lower = [one for one in sides if side_of(one) == "diastolic"]
    take_turns = all(side_of(one) != side_of(after) for one, after in pairwise(sides))
    if len(upper) == len(lower) and take_turns:
        return [*zip(upper, lower, strict=True)]
    return _one_or_none_each(upper, lower)


def _one_or_none_each(
    upper: Sequence[Reading], lower: Sequence[Reading]
) -> list[tuple[Reading | None, Reading | None]]:
    return [*((one, None) for one in upper), *((None, one) for one in lower)]


def _paired(lone: Sequence[Reading]) -> list[Pressure]:
    """Return separate sides as pressures; pair them if a measurement, or its panel, has one of
    each."""
    groups: dict[tuple[str, ...], list[Reading]] = {}
    for one in lone:
        how = one.how
        key = (one.panel, one.marks.whose, how.site, how.method, how.device, how.position)
        of = one.name if is_something_else(one.name) else NAME
        groups.setdefault((*key, of, one.value.unit.key), []).append(one)
    return [
        pressure
        for group in groups.values()
        for measurement in _measurements(group)
        for pressure in _pair(measurement)
    ]


def _measurements(sides: Sequence[Reading]) -> list[list[Reading]]:
    """Group the sides into measurements by their times. Sides of one moment belong together before
    those of nearly one moment: a monitor may measure every minute."""
    placed = [one for one in sides if one.when is not None and one.when.is_readable]
    of_moments = _clusters(placed, is_same_moment)
    whole, halves = [], []
    for same in of_moments:
        if len(set(map(side_of, same))) > 1:
            whole.append(same)
        else:
            halves += same
    undated = [[one] for one in sides if one.when is None or not one.when.is_readable]
    return [*whole, *_clusters(halves, _is_one_measurement), *undated]


def _clusters(
    sides: Sequence[Reading], belong: Callable[[Moment, Moment], bool]
) -> list[list[Reading]]:
    """Group the sides, in the order of their times, as long as each belongs to the one before."""
    placed = sorted(
        ((one.when, one) for one in sides if one.when is not None),
        key=lambda pair: (pair[0].precision, pair[0].at),
    )
    found = [[one] for _, one in placed[:1]]
    for (before, _), (after, one) in pairwise(placed):
        if belong(before, after):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _is_one_measurement(one: Moment, other: Moment) -> bool:
    """Return whether two times may be of one measurement."""
    return one.precision == other.precision == "time" and other.at - one.at <= ONE_MEASUREMENT


def _pair(sides: Sequence[Reading]) -> list[Pressure]:
    upper = [one for one in sides if side_of(one) == "systolic"]
    lower = [one for one in sides if side_of(one) == "diastolic"]
    if len(upper) == len(lower) == 1:
        return [Pressure(upper[0], upper[0], lower[0], (), sources_of(*upper, *lower))]
    # A cuff and an arterial line may measure at one moment, and their codes tell them apart.
    by_code: dict[str, list[Reading]] = {}
    for one in sides:
        by_code.setdefault(how_by_code(one), []).append(one)
    if len(by_code) > 1:
        return [pressure for same in by_code.values() for pressure in _pair(same)]
    if corrected := _corrected(upper, lower):
        first, second = corrected
        rest = [_half(one) for one in sides if one is not first and one is not second]
        return [Pressure(first, first, second, (), sources_of(first, second)), *rest]
    return [_half(one) for one in sides]


def _corrected(
    upper: Sequence[Reading], lower: Sequence[Reading]
) -> tuple[Reading, Reading] | None:
    """Return the sides of a measurement of which one was corrected: the correction belongs to the
    only other side, and what it corrects stands alone."""
    several = upper if len(upper) > 1 else lower
    corrected = [one for one in several if one.status_rank == CORRECTED]
    if min(len(upper), len(lower)) != 1 or len(corrected) != 1:
        return None
    return (corrected[0], lower[0]) if several is upper else (upper[0], corrected[0])


def _half(side: Reading) -> Pressure:
    if side_of(side) == "systolic":
        return Pressure(side, systolic=side, sources=sources_of(side))
    return Pressure(side, diastolic=side, sources=sources_of(side))


# --- what it says -----------------------------------------------------------------------------


def _sign(pressures: Sequence[Pressure], person: Person, chronology: Chronology) -> VitalSign:
    order = in_order((one.reading for one in pressures), chronology)
    place = {id(reading): n for n, reading in enumerate(order)}
    found = sorted(pressures, key=lambda one: place[id(one.reading)])
    at = next((n for n, one in enumerate(found) if is_certain(one.reading, chronology)), 0)
    unit = next((one.unit for one in (*found[at:], *found) if one.unit.key), NO_UNIT)
    rows = [_row(one, unit, chronology) for one in found]
    usual, range_text = _range(found[at], unit, person)
    return VitalSign(
        name=found[at].name,
        how=(),
        whose=found[at].reading.marks.whose,
        unit=unit.text,
        latest=rows[at],
        rows=uncertain_first(rows),
        usual=usual,
        range_text=range_text,
        beside_usual="" if _is_judged(found[at]) else beside_usual(rows[at], usual),
        ago=ago_text(rows[at].when, chronology.now),
    )


def _row(pressure: Pressure, unit: Unit, chronology: Chronology) -> Row:
    reading, sides = pressure.reading, (pressure.systolic, pressure.diastolic)
    is_words = not pressure.sides or not reading.marks.is_understood
    has_unit = not is_words and (not unit.key or not _lacks_unit(pressure))
    amounts = [in_unit(side, unit)[0] if side else None for side in sides]
    texts = [_side_text(*both) for both in zip(sides, amounts, strict=True)]
    missing = frozenset(place for place, words in enumerate(texts) if words == NO_SIDE)
    drawn = [_drawn(*both) for both in zip(sides, amounts, strict=True)]
    has_amounts = reading.is_drawn and not is_words
    return Row(
        reading=reading,
        text=(reading.result or NO_SIDES) if is_words else "/".join(texts),
        unit=unit.text if has_unit else "",
        flag=gravest(one.flag for one in (*pressure.sides, reading)),
        amounts=tuple(drawn) if has_amounts else (),
        notes=_notes(pressure, unit, chronology, reading.result if is_words else ""),
        is_certain=is_certain(reading, chronology),
        sources=pressure.sources,
        missing_sides=missing if has_amounts and len(missing) < len(sides) else frozenset(),
    )


def _notes(pressure: Pressure, unit: Unit, chronology: Chronology, said: str) -> tuple[str, ...]:
    reading = pressure.reading
    recorded = [in_unit(side, unit)[1] for side in pressure.sides]
    notes = [
        _recorded(recorded),
        *map(_missing, pressure.sides),
        *map(_misnamed, pressure.sides),
        *reading.how.words,
        *map(how_by_code, pressure.sides),
        *pressure.notes,
        IS_UPSIDE_DOWN if _is_upside_down(pressure) else "",
        NO_UNIT_GIVEN if unit.key and _lacks_unit(pressure) else "",
        *(_own_name(name, pressure) for name in (reading.name, *_names_of_sides(pressure))),
    ]
    for one in (reading, *pressure.sides):
        notes += notes_of(one, (*one.marks.remarks, *one.marks.notes), chronology)
    return tuple(note for note in said_once(notes) if note != said)


def _is_upside_down(pressure: Pressure) -> bool:
    numbers = [
        side.value.number if side else None for side in (pressure.systolic, pressure.diastolic)
    ]
    upper, lower = numbers
    return upper is not None and lower is not None and upper < lower and _have_one_unit(pressure)


def _have_one_unit(pressure: Pressure) -> bool:
    return len({side.value.unit.key for side in pressure.sides}) == 1


def _lacks_unit(pressure: Pressure) -> bool:
    values = [side.value for side in pressure.sides if side.value.number is not None]
    return bool(values) and all(value.unit == NO_UNIT for value in values)


def _names_of_sides(pressure: Pressure) -> list[str]:
    """Return the names of the sides that are Observations of their own, or one of several of one
    Observation: "Systolic, supine"."""
    same = [side_of(part) for part in pressure.reading.parts]
    is_one_of_several = max(map(same.count, ("systolic", "diastolic"))) > 1
    return [side.name for side in pressure.sides] if is_one_of_several or not same else []


def _own_name(name: str, pressure: Pressure) -> str:
    beside = (*map(how_by_code, pressure.sides), *pressure.reading.how.words)
    return "" if is_something_else(name) else own_name(name, NAME, beside)


def _recorded(sides: Sequence[str]) -> str:
    """Return for example "recorded as 21.3/13.3 kPa"."""
    numbers = [side.partition(" ")[0] for side in sides if side]
    unit = next((side.partition(" ")[2] for side in sides if side), "")
    return f"recorded as {'/'.join(numbers)} {unit}" if numbers else ""


def _side_text(side: Reading | None, amount: Amount | None) -> str:
    if amount is not None:
        return amount.text
    if side is None or not side.has_value:
        return NO_SIDE
    return f"{side.value.text} {side.value.unit.text}".rstrip()


def _missing(side: Reading) -> str:
    """Return why a side has no value."""
    if side.has_value:
        return ""
    return f"{side_of(side).capitalize()}: {side.marks.absent or side.result}"


def _misnamed(side: Reading) -> str:
    """Return that a side has the code of one and the name of the other."""
    is_another = side_in(side.name) not in ("", side_of(side))
    return f"the {side_of(side)} value is named “{side.name}”" if is_another else ""


def _drawn(side: Reading | None, amount: Amount | None) -> Amount | None:
    return amount if side and side.is_drawn else None


def _range(pressure: Pressure, unit: Unit, person: Person) -> tuple[tuple[Range, ...], str]:
    """Return the ranges of both sides and their words; the record's own, if either side has one."""
    named = (("systolic", pressure.systolic), ("diastolic", pressure.diastolic))
    own = [(name, side.ranges) for name, side in named if side and side.ranges.listed]
    if own:
        words = [f"{name} {ranges.text_beside(unit)}" for name, ranges in own]
        drawn = [_bounds(ranges, unit) for _, ranges in own]
        return tuple(filter(any, drawn)), f"Range in the record: {', '.join(words)}"
    if pressure.reading.ranges.listed:
        # It does not say of which side it is.
        return (), f"Range in the record: {pressure.reading.ranges.text_beside(unit)}"
    # The components for the sides say nothing about how it was taken; other components do.
    bare = pressure.reading._replace(parts=())
    usual = _usual_of_adults(unit)
    if not usual or not pressure.sides or not is_of_an_adult_at_rest(bare, person):
        return (), ""
    spans = (" to ".join(map(rounded_text, side)) for side in usual)
    return usual, usual_text(" over ".join(spans))


def _usual_of_adults(unit: Unit) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return the usual range of each side in a unit, to a tenth, as pressures in kPa are written;
    nothing for what is no unit of pressure."""
    mercury = Unit("mm[Hg]", "mmHg")
    sides = (convert_span(side, mercury, unit) for side in ADULT_PRESSURES)
    return tuple((low.quantize(TENTH), high.quantize(TENTH)) for low, high in filter(None, sides))


def _is_judged(pressure: Pressure) -> bool:
    """Return whether the EHR gave a range for either side or for both."""
    return any(one.ranges.listed for one in (*pressure.sides, pressure.reading))


def _bounds(ranges: Ranges, unit: Unit) -> Range:
    found = ranges.deciding
    return (found.low, found.high) if found and found.unit.key == unit.key else (None, None)
