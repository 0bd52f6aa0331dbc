"""Which readings form one series, and which of them is the newest.

One series has one code, one unit and the same circumstances. The newest reading is determined by
the moment, then by the status, then by the times of issue and storage, and never by the order in
which the readings were sent.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smartapp.record.codes import LOINC
from smartapp.record.moments import Chronology, Moment, parse_moment
from smartapp.record.observations import (
    FINAL,
    NAMELESS,
    PLAIN,
    REPLACED,
    Reading,
)

# The number of a tube or an order: "S26-0815", "2231". A value, a date or a time, but no place:
# "1.9", "08:30", not "L4/5".
_TUBE = re.compile(r"\S*\d{3}\S*|(?<!\S)[^\w\s]*\d+[.,:/-]\d\S*")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One series, newest reading first. `aside` are the readings of unknown time: without a date,
    with an unreadable one, or with one in the future."""

    key: Key
    readings: tuple[Reading, ...]
    aside: tuple[Reading, ...]


def code_key(reading: Reading) -> str:
    """Return the key by which two readings are the same test: a LOINC code, another code, or the
    name. Readings without any of them may be of different tests."""
    best = next((pair for pair in reading.codes if pair[0] == LOINC), None)
    best = best or next(iter(reading.codes), None)
    if best:
        return f"{best[0]}|{best[1]}"
    return reading.marks.source if reading.name == NAMELESS else reading.name.casefold()


def keyed_by_code(readings: Sequence[Reading]) -> list[tuple[str, Reading]]:
    """Return the readings with their keys. A local code that another reading of the same name has
    beside a LOINC code is that test: EHRs add LOINC codes to new results only."""
    homes: dict[tuple[tuple[str, str], str], set[str]] = {}
    tests = {(one.codes, one.name): one for one in readings}
    for (codes, name), one in tests.items():
        if len(codes) > 1 and one.loinc:
            for pair in codes:
                homes.setdefault((pair, name.casefold()), set()).add(code_key(one))
    moved: dict[tuple[object, str], str] = {}
    for (codes, name), one in tests.items():
        found = homes.get((codes[0], name.casefold()), set()) if codes else set()
        if len(found) == 1 and not one.loinc:
            (moved[codes, name],) = found
    return [(moved.get((one.codes, one.name)) or code_key(one), one) for one in readings]


def series_key(reading: Reading, what: str) -> Key:
    """Return the key of the reading's series, without its unit."""
    how = reading.how
    if how is PLAIN and not reading.marks.whose:
        return (what, "", "", "", "", "", "", "", "")
    return (
        what,
        reading.marks.whose.casefold(),
        how.panel.casefold(),
        how.about.casefold(),
        _kind_of(how.derived_from),
        _kind_of(how.specimen),
        how.site.casefold(),
        how.method.casefold(),
        _kind_of(how.device),
    )


def of_newest_moment(newest_first: Sequence[Reading]) -> int:
    """Return how many of the readings are of the newest moment; the first is the most trusted."""
    first = newest_first[0]
    rest = newest_first[1:]
    return 1 + next(
        (n for n, one in enumerate(rest) if not is_same_moment(one.when, first.when)), len(rest)
    )


def is_same_moment(one: Moment | None, other: Moment | None) -> bool:
    """Return whether two moments are the same, as far as the record says."""
    if one is None or other is None or not (one.is_readable and other.is_readable):
        return False
    return one.at == other.at and one.precision == other.precision


def in_order(readings: Iterable[Reading], chronology: Chronology) -> list[Reading]:
    """Return the readings newest first, and then those that another one replaced: whatever its
    time, such a reading is never the latest."""
    of_moments: dict[float, list[Reading]] = {}
    for one in readings:
        of_moments.setdefault(chronology.newest_first(one.when), []).append(one)
    found: list[Reading] = []
    for moment in sorted(of_moments):
        same = of_moments[moment]
        found += _most_trusted_first(same) if len(same) > 1 else same
    return sorted(found, key=lambda one: one.status_rank == REPLACED)


def _most_trusted_first(same: list[Reading]) -> list[Reading]:
    """Return the readings of one moment in order of trust. If all have a time of issue: final ones
    first, then the latest issue. Otherwise corrected ones first."""
    if all(_late_first(one.issued) != float("inf") for one in same):
        return sorted(same, key=lambda one: (max(one.status_rank, FINAL), _latest_issue(one)))
    return sorted(same, key=lambda one: (one.status_rank, _latest_issue(one)))


def into_series(keyed: Iterable[tuple[str, Reading]], chronology: Chronology) -> list[Series]:
    """Group readings, each given with what it measures, into series."""
    groups: dict[Key, list[Reading]] = {}
    for what, reading in keyed:
        groups.setdefault(series_key(reading, what), []).append(reading)
    return [
        _series((*own_key, unit), readings, chronology)
        for key, group in groups.items()
        for own_key, named in _by_name(key, group)
        for unit, readings in _by_unit(in_order(named, chronology)).items()
    ]


def _by_name(key: Key, group: list[Reading]) -> Iterable[tuple[Key, list[Reading]]]:
    """Return the group, or one for each name: a code that has two names at one moment is not the
    code of one test (some EHRs send the code of a panel or of an order with each of its results).
    """
    names = {one.name for one in group}
    if len(names) < 2 or "|" not in key[0] or not _has_two_names_at_once(group):
        return [(key, group)]
    found: dict[str, list[Reading]] = {}
    for one in group:
        found.setdefault(one.name.casefold(), []).append(one)
    return [((f"{key[0]}|{name}", *key[1:]), named) for name, named in found.items()]


def _has_two_names_at_once(group: Iterable[Reading]) -> bool:
    """Return whether two final results of one moment have different names. A correction may name
    the test differently."""
    names: dict[tuple[object, ...], str] = {}
    for one in group:
        if one.when is None or one.status_rank != FINAL:
            continue
        moment = (one.when.at, one.when.precision)
        name = one.name.casefold()
        if names.setdefault(moment, name) != name:
            return True
    return False


def _series(key: Key, readings: Sequence[Reading], chronology: Chronology) -> Series:
    placed: dict[bool, list[Reading]] = {True: [], False: []}
    for one in readings:
        placed[is_certain(one, chronology)].append(one)
    return Series(key, tuple(placed[True]), tuple(placed[False]))


def is_certain(reading: Reading, chronology: Chronology) -> bool:
    """Return whether the reading's time is known: a readable date that is not in the future."""
    when = reading.marks.when
    return when is not None and when.is_readable and not chronology.is_future(when)


def _by_unit(newest_first: Sequence[Reading]) -> dict[str, list[Reading]]:
    """Group the readings by unit. Values in words have no unit and are grouped with the newest
    number, so that "no result" is seen beside an older number."""
    numbers = [one for one in newest_first if one.value.number is not None]
    home = numbers[0].value.unit.key if numbers else ""
    found: dict[str, list[Reading]] = {}
    for one in newest_first:
        unit = home if one.value.number is None else one.value.unit.key
        found.setdefault(unit, []).append(one)
    return found


def _latest_issue(reading: Reading) -> tuple[float, float, bool, str]:
    """Sort key within one moment and status: the latest issue first, then the latest change, then a
    number before the comments on it."""
    is_words = reading.value.number is None
    return _late_first(reading.issued), _late_first(reading.updated), is_words, reading.marks.source


def _late_first(sent: object) -> float:
    moment = parse_moment(sent)
    return -moment.at.timestamp() if moment and moment.is_readable else float("inf")


def _kind_of(thing: str) -> str:
    """Return the kind of a specimen, of a device, or of what a result was derived from
    ("Creatinine 1.9"), without numbers of their own, which do not make a separate series. A short
    number is none of these: "Isolate 1" and "Isolate 2" are two organisms."""
    return " ".join(_TUBE.sub(" ", thing.casefold()).split()) if thing else ""
