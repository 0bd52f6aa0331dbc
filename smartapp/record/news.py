"""What is new and what is abnormal: from each list the things that nobody should miss in ninety
seconds.

Each list contributes its share when it is read; together they are the first block of the page. The
block names the lists that it was made from, because a list that could not be read must not look
like one without news.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from smartapp.record.dosage import Dosage, as_compared
from smartapp.record.encounters import Encounter
from smartapp.record.interpretations import Direction
from smartapp.record.laboratory import LabTest
from smartapp.record.medications import Medication
from smartapp.record.moments import CLOCK_TOLERANCE, Moment
from smartapp.record.observations import CORRECTED, REPLACED, UNRANKED, Reading
from smartapp.record.panels import common_name
from smartapp.record.ranges import is_decided, names_words
from smartapp.record.series import code_key, is_same_moment
from smartapp.record.values import measured
from smartapp.record.vital_sign import Row, VitalSign

# abnormal: the newest value is · was-abnormal: an earlier value was, the newest is not ·
# ordered-and-ended: it is not taken any more, and nobody says since when
Kind = Literal["abnormal", "was-abnormal", "begun", "changed", "stopped", "ordered-and-ended"]
OF_VALUES: tuple[Kind, ...] = ("abnormal", "was-abnormal")
# The lists in this block, by the names of the page's sections, with their names for people.
SOURCES = {
    "labs": "laboratory results",
    "vitals": "vital signs",
    "medications": "medications",
    "encounters": "visits",
}
# How long something counts as new if no earlier visit is known.
WITHOUT_A_VISIT = timedelta(days=90)
LONG_AGO = timedelta(days=366)
# The launch's own visit is among the newest ones.
MAX_VISITS = 12
MAX_DOSE = 160


@dataclass(frozen=True, slots=True)
class News:
    """One line. `at` is its time in seconds. `before` is the value or dose before the change.
    `beside` is what must be read together with it."""

    kind: Kind
    at: float
    when: str
    name: str
    text: str = ""
    direction: Direction = ""
    flag: str = ""
    is_critical: bool = False
    limits: str = ""
    before: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class PastVisit:
    id: str
    at: float
    when: str
    name: str


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one list. `newest` is the time of its newest value in seconds, 0 if none has a
    date. `unjudged` is the number of its newest values that neither a range nor an interpretation
    judges; `undated` is the number of abnormal ones whose date is unknown or cannot be right;
    `not_understood` is the number of those whose marks are not understood, which may be abnormal;
    `unusual` are the vital signs, in words, that the EHR does not judge and that are outside what
    is usual for adults."""

    lines: tuple[News, ...] = ()
    visits: tuple[PastVisit, ...] = ()
    newest: float = 0.0
    unjudged: int = 0
    undated: int = 0
    not_understood: int = 0
    unusual: tuple[str, ...] = ()
    is_read: bool = True
    is_whole: bool = True


def share_from(document: Mapping[str, Any]) -> Share:
    """Return the share that `dataclasses.asdict` turned into this document."""
    return Share(
        **{
            **document,
            "lines": tuple(News(**one) for one in document["lines"]),
            "visits": tuple(PastVisit(**one) for one in document["visits"]),
            "unusual": tuple(document["unusual"]),
        }
    )


@dataclass(frozen=True, slots=True)
class Overview:
    """The first block. `since` is the last visit, in words. `has_values` says whether there is any
    value of the last year: of none, none is abnormal. `long_ago` is the number of newest
    values that are abnormal and older than a year."""

    since: str
    abnormal: tuple[News, ...]
    new: frozenset[News]
    was_abnormal: tuple[News, ...]
    medications: tuple[News, ...]
    has_values: bool
    long_ago: int
    undated: int
    not_understood: int
    unjudged: int
    unusual: tuple[str, ...]
    made_of: tuple[str, ...]
    unread: tuple[str, ...]
    in_part: tuple[str, ...]

    @property
    def are_values_whole(self) -> bool:
        """Whether the block may say that nothing is abnormal."""
        missing = {*self.unread, *self.in_part}
        return missing.isdisjoint((SOURCES["labs"], SOURCES["vitals"]))

    @property
    def is_whole(self) -> bool:
        """Whether the number of abnormal values says it all."""
        is_told = self.has_values or bool(self.abnormal)
        return is_told and not (self.unread or self.in_part or self.not_understood)

    @property
    def are_values_unread(self) -> bool:
        """Whether nothing was read in which something abnormal could have been."""
        return {SOURCES["labs"], SOURCES["vitals"]}.issubset(self.unread)


# --- the share of each list -------------------------------------------------------------------


def share_of_laboratory(tests: Sequence[LabTest]) -> Share:
    dated = [test for test in tests if not test.doubt and test.when is not None]
    newest = {_what(test): test for test in sorted(dated, key=lambda one: _at(one.when))}
    lines = [line for test in dated for line in _of_test(test, newest[_what(test)])]
    return Share(
        tuple(lines),
        newest=max(
            (
                _at(one.when)
                for test in dated
                for one in (*test.latest, *test.earlier)
                if one.has_value
            ),
            default=0.0,
        ),
        unjudged=sum(map(_is_unjudged, (one.newest for one in dated))),
        undated=sum(one.flag.is_notable for test in tests if test.doubt for one in test.latest),
        not_understood=sum(not one.marks.is_understood for test in tests for one in test.latest),
    )


def _what(test: LabTest) -> tuple[object, ...]:
    """Return what a test has in common with its results in other units, which are tests of their
    own: potassium in mEq/L."""
    newest = test.newest
    return code_key(newest), newest.marks.whose, newest.how


def _of_test(test: LabTest, in_any_unit: LabTest) -> Iterator[News]:
    standing = _standing(test.latest)
    earlier = [one for one in test.earlier if one.status_rank != REPLACED]
    notable = [one for one in standing if one.flag.is_notable]
    newest_of_all = in_any_unit.newest
    if notable and _at(newest_of_all.when) > _at(test.when) and newest_of_all.has_value:
        now = f"now {_at_its_time(newest_of_all)}"
        if not any(one.flag.is_notable for one in in_any_unit.latest):
            yield from (_result("was-abnormal", one, None, now) for one in notable)
        return
    if notable:
        before = next(iter(earlier), None)
        others = [_value(one) for one in standing if one.has_value and not one.flag.is_notable]
        beside = (test.by_code, *(f"at the same time {one}" for one in others))
        yield from (_result("abnormal", one, before, *beside) for one in notable)
        return
    # A newer result that could not be measured does not replace an abnormal one.
    valued = [one for one in (*standing, *earlier) if one.has_value]
    newest = next(iter(valued), None)
    if newest is not None and newest.flag.is_notable:
        yield _result("abnormal", newest, None, f"since then {_at_its_time(test.newest)}")
    elif newest is not None:
        before = next((one for one in valued if one.flag.is_notable), None)
        if before is not None:
            yield _result("was-abnormal", before, None, f"now {_at_its_time(newest)}")


def _standing(latest: Sequence[Reading]) -> list[Reading]:
    """Return the results of one moment, without those that are not valid any more: a preliminary
    result beside a final one, or one that was corrected or replaced."""
    latest = [one for one in latest if one.status_rank != REPLACED]
    rank = latest[0].status_rank if latest else REPLACED
    if rank == CORRECTED:
        return [one for one in latest if one.status_rank == CORRECTED]
    return [one for one in latest if rank >= UNRANKED or one.status_rank < UNRANKED]


def _at_its_time(reading: Reading) -> str:
    return f"{_value(reading)}, {_when(reading.when)}"


def _result(kind: Kind, result: Reading, before: Reading | None, *beside: str) -> News:
    whose = f" (of: {result.marks.whose})" if result.marks.whose else ""
    return News(
        kind=kind,
        at=_at(result.when),
        when=_when(result.when),
        name=f"{common_name(result)}{whose}",
        text=_value(result),
        direction=result.flag.direction,
        flag=result.shown_flag.text,
        is_critical=result.flag.is_critical,
        limits=result.range_text,
        before=f"{_value(before)}, {_when(before.when)}" if before and _was_inside(before) else "",
        beside="; ".join((*result.how.words[:1], *result.beside, *filter(None, beside))),
    )


def _was_inside(before: Reading) -> bool:
    """Return whether a value was certainly inside its range, according to the EHR or to the
    range."""
    if before.flag.text:
        return before.flag.direction == "normal"
    return before.value.number is not None and before.ranges.deciding is not None


def _is_unjudged(result: Reading) -> bool:
    """Return whether neither a range nor a remark judges a number, or words that differ from those
    of their range."""
    if result.flag.text:
        return False
    amount = measured(result.value)
    if amount.number is not None:
        return not is_decided(amount.number, amount.comparator, result.ranges)
    has_words = result.has_value and bool(result.ranges.listed)
    return has_words and not names_words(result.value.text, result.ranges)


def _value(reading: Reading) -> str:
    return f"{reading.result} {reading.value.unit.text}".rstrip()


def share_of_vital_signs(signs: Sequence[VitalSign]) -> Share:
    placed = [sign for sign in signs if sign.latest.is_certain]
    lines = [line for sign in placed for line in _of_sign(sign)]
    undated = sum(row.flag.is_notable for sign in signs for row in sign.rows if not row.is_certain)
    unusual = tuple(
        f"{sign.name} {_row_value(sign.latest)} ({sign.beside_usual})"
        for sign in placed
        if sign.beside_usual and not sign.ago
    )
    valued = [row for sign in signs for row in sign.rows if row.is_certain and _has_value(row)]
    newest = max((_at(row.when) for row in valued), default=0.0)
    return Share(
        tuple(lines),
        newest=newest,
        undated=undated,
        not_understood=sum(not sign.latest.reading.marks.is_understood for sign in signs),
        unusual=unusual,
    )


def _has_value(row: Row) -> bool:
    return any(row.amounts) or row.reading.has_value


def _of_sign(sign: VitalSign) -> Iterator[News]:
    """Yield the abnormal readings of the newest moment; there may be several, of both arms."""
    certain = [row for row in sign.rows if row.is_certain]
    valued = [row for row in certain if _has_value(row)]
    is_told = sign.latest.flag.is_notable or not valued
    # A newer reading that could not be measured does not replace an abnormal one.
    latest = sign.latest if is_told or sign.latest in valued else valued[0]
    after = "" if latest is sign.latest else f"since then {_row_at_its_time(sign.latest)}"
    same = [row for row in certain if row is latest or is_same_moment(row.when, latest.when)]
    standing = {id(one) for one in _standing([row.reading for row in same])}
    after_these = certain[certain.index(same[-1]) + 1 :]
    older = [row for row in after_these if row.reading.status_rank != REPLACED]
    of_then = [row for row in same if id(row.reading) in standing]
    others = [_row_value(row) for row in of_then if not row.flag.is_notable and row in valued]
    beside = (after, *(f"at the same time {one}" for one in others))
    for row in of_then:
        if row.flag.is_notable:
            yield _row_line(sign, row, next(iter(older), None), *beside)


def _row_line(sign: VitalSign, latest: Row, before: Row | None, *beside: str) -> News:
    is_inside = before is not None and _was_inside(before.reading) and not before.flag.is_notable
    return News(
        kind="abnormal",
        at=_at(latest.when),
        when=latest.when_text,
        name=f"{sign.name} (of: {sign.whose})" if sign.whose else sign.name,
        text=_row_value(latest),
        direction=latest.flag.direction,
        flag=latest.flag.text,
        is_critical=latest.flag.is_critical,
        limits=latest.reading.range_text,
        before=f"{_row_value(before)}, {before.when_text}" if before and is_inside else "",
        beside="; ".join(filter(None, (*sign.how, *latest.notes, *beside))),
    )


def _row_at_its_time(row: Row) -> str:
    return f"{_row_value(row)}, {row.when_text}"


def _row_value(row: Row) -> str:
    return f"{row.text} {row.unit}".rstrip()


def share_of_medications(medications: Sequence[Medication]) -> Share:
    by_name: dict[str, list[Medication]] = {}
    for one in medications:
        if not one.is_statement and one.marks.is_understood:
            by_name.setdefault(one.name.casefold(), []).append(one)
    return Share(tuple(line for same in by_name.values() for line in _of_medication(same)))


def _of_medication(same: Sequence[Medication]) -> Iterator[News]:
    """Yield what happened with one medication. If a date is missing, the order of events is
    unknown."""
    taken = [one for one in same if one.group in ("current", "past")]
    if any(_first(one) is None for one in taken):
        return
    current = [one for one in taken if one.is_current]
    for one in current:
        before = [other for other in taken if _began(other) < _began(one)]
        if not _is_repeat(one, before):
            yield _begun(one, before)
    if not current and taken:
        yield _no_longer_taken(max(taken, key=_began), _ended(taken))


def _no_longer_taken(last: Medication, ended: Moment | None) -> News:
    """Return when it ended; if nobody says that, when it was last ordered."""
    when = ended or max((one.marks.when for one in last.orders if one.marks.when), key=_at)
    status = "" if ended else last.latest.marks.status
    return News(
        kind="stopped" if ended else "ordered-and-ended",
        at=_at(when),
        when=_when(when),
        name=last.name,
        text=_doses(last),
        beside="; ".join(filter(None, (status, last.latest.status_reason))),
    )


def _is_repeat(medication: Medication, before: Sequence[Medication]) -> bool:
    """Return whether it continues in the same dose after a completed order."""
    last = max(before, key=_began, default=None)
    return (
        last is not None
        and as_compared(last.dosages) == as_compared(medication.dosages)
        and "Completed" in last.marks.status
    )


def _begun(medication: Medication, before: Sequence[Medication]) -> News:
    """Return since when it is ordered in this dose. Another dose that is still ordered continues
    beside it, as far as the record says."""
    dose = as_compared(medication.dosages)
    past = [one for one in before if not one.is_current and as_compared(one.dosages) != dose]
    besides = [f"besides {_doses(one) or 'another order'}" for one in before if one.is_current]
    moment = min((one.marks.when for one in medication.orders if one.marks.when), key=_at)
    latest = medication.latest
    period = "its period is over" if latest.is_over else ""
    period = "its period has not begun" if latest.is_to_come else period
    replaced = "another order replaces it" if latest.is_replaced else ""
    remarks = (remark.rstrip(".") for remark in medication.remarks)
    said = (latest.reported, latest.marks.status, period, replaced, *remarks)
    return News(
        kind="changed" if past and not besides else "begun",
        at=_began(medication),
        when=_when(moment),
        name=medication.name,
        text=_doses(medication),
        before=_doses(max(past, key=_began)) if past and not besides else "",
        beside="; ".join(filter(None, (*said, *besides))),
    )


def _began(medication: Medication) -> float:
    return _first(medication) or 0.0


def _first(medication: Medication) -> float | None:
    """Return when it was first ordered; None if any order has no plausible date."""
    moments = [order.marks.when for order in medication.orders if not order.marks.doubt]
    dated = [_at(one) for one in moments if one is not None and one.is_readable]
    return min(dated) if len(dated) == len(medication.orders) else None


def _ended(taken: Sequence[Medication]) -> Moment | None:
    """Return when the last order ended, if the record says so for all of them."""
    ends = [order.ended for one in taken for order in one.orders]
    known = [one for one in ends if one is not None and one.is_readable]
    return max(known, key=_at) if known and len(known) == len(ends) else None


def _doses(medication: Medication) -> str:
    """Return the dose; "" if a line cannot hold all of it, because half a dose is a different
    dose."""
    words = ", ".join(map(_dose, medication.dosages))
    is_whole = all(one.is_whole and one.words for one in medication.dosages)
    return words if is_whole and len(words) <= MAX_DOSE else ""


def _dose(dosage: Dosage) -> str:
    coded = f" (as coded: {dosage.coded})" if dosage.coded else ""
    return f"{'then ' if dosage.is_next else ''}{dosage.words}{coded}"


def share_of_encounters(encounters: Sequence[Encounter]) -> Share:
    """Return the newest visits that took place; planned and cancelled ones did not."""
    past = [
        PastVisit(one.id, _at(one.when), _when(one.when), one.name)
        for one in encounters
        if one.when is not None
        and one.when.is_readable
        and one.when.precision in ("day", "time")
        and one.marks.is_understood
        and not one.marks.status
    ]
    newest = sorted(past, key=lambda one: -one.at)
    return Share(visits=tuple(newest[:MAX_VISITS]))


def _at(moment: Moment | None) -> float:
    return moment.at.timestamp() if moment is not None else 0.0


def _when(moment: Moment | None) -> str:
    return moment.text if moment is not None else "date not recorded"


# --- together ---------------------------------------------------------------------------------


def overview(shares: Mapping[str, Share], *, encounter: str | None, now: datetime) -> Overview:
    """Return the first block from the shares of all SOURCES. `encounter` is the launch's own visit,
    which does not count as the last visit."""
    last = _last_visit(shares["encounters"], encounter, now)
    since = last.at if last else (now - WITHOUT_A_VISIT).timestamp()
    lines = _newest_first(line for share in shares.values() for line in share.lines)
    recent = (now - LONG_AGO).timestamp()
    abnormal = [line for line in lines if line.kind == "abnormal"]
    is_new = [line for line in lines if line.at >= since and line.at <= _latest(now)]
    return Overview(
        since=_since(last, shares["encounters"]),
        abnormal=tuple(line for line in abnormal if line.at >= recent),
        new=frozenset(is_new),
        was_abnormal=tuple(line for line in is_new if line.kind == "was-abnormal"),
        medications=tuple(line for line in is_new if line.kind not in OF_VALUES),
        has_values=any(share.newest >= recent for share in shares.values()),
        long_ago=sum(line.at < recent for line in abnormal),
        undated=sum(share.undated for share in shares.values()),
        not_understood=sum(share.not_understood for share in shares.values()),
        unjudged=sum(share.unjudged for share in shares.values()),
        unusual=tuple(words for share in shares.values() for words in share.unusual),
        made_of=tuple(words for name, words in SOURCES.items() if shares[name].is_read),
        unread=tuple(words for name, words in SOURCES.items() if not shares[name].is_read),
        in_part=tuple(
            words
            for name, words in SOURCES.items()
            if shares[name].is_read and not shares[name].is_whole
        ),
    )


def _newest_first(lines: Iterable[News]) -> list[News]:
    return sorted(lines, key=lambda line: (-line.at, line.name.casefold()))


def _latest(now: datetime) -> float:
    return (now + CLOCK_TOLERANCE).timestamp()


def _last_visit(share: Share, encounter: str | None, now: datetime) -> PastVisit | None:
    """Return the newest past visit, other than the launch's own."""
    past = (one for one in share.visits if one.id != encounter and one.at <= now.timestamp())
    return next(past, None)


def _since(last: PastVisit | None, visits: Share) -> str:
    if last is not None:
        return f"Since the last visit, {last.when} ({last.name})"
    if not visits.is_read:
        return "The visits were not read, so this is of the last 90 days"
    if not visits.is_whole:
        return "No earlier visit is in what was read, so this is of the last 90 days"
    return "No earlier visit is recorded, so this is of the last 90 days"
