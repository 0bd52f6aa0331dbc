"""Which readings form one series, and which of them is the newest.

One series has one code, one unit and the same circumstances. The newest reading is determined by
the moment, then by the status, then by the times of issue and storage, and never by the order in
which the readings were sent.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from smartapp.record.codes import LOINC, concept_text, status_code
from smartapp.record.elements import Resource
from smartapp.record.modifiers import not_understood
from smartapp.record.moments import Chronology, Moment, parse_moment
from smartapp.record.observations import (
    FINAL,
    NAMELESS,
    PLAIN,
    REPLACED,
    Reading,
    reference_names,
)
from smartapp.record.references import superseded
from smartapp.record.texts import text
from smartapp.record.values import NO_VALUE

IS_REPLACED = "replaced by another result"
_WITHDRAWN = {"entered-in-error": "entered in error", "cancelled": "cancelled"}
NOT_SENT = "a panel whose results the EHR did not send"

_SUSCEPTIBILITIES = frozenset(
    {"r", "s", "i", "sdd", "ns", "resistant", "susceptible", "sensitive", "intermediate",
     "not susceptible", "susceptible, dose dependent"}
)  # fmt: skip

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


# --- panels -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panels:
    """Readings with their panels; `alone` are panels whose members were not sent."""

    readings: tuple[Reading, ...]
    alone: tuple[Reading, ...]


def with_replaced(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return the readings; those that another one replaces say so, and are the least trusted."""
    replaced = superseded((one.marks.source, name) for one in readings for name in one.replaces)
    if not replaced:
        return readings
    return [
        one._replace(marks=one.marks.with_remarks(IS_REPLACED), status_rank=REPLACED)
        if one.marks.source in replaced
        else one
        for one in readings
    ]


def join_panels(sent: Sequence[Reading], observations: Sequence[Resource]) -> Panels:
    """Return the readings of these Observations, each with the label of its panel. A panel that
    only groups others is no reading of its own; one with a value (an organism) becomes the label of
    its members."""
    readings = _in_groups(with_replaced(sent))
    known = {*map(_source, observations)}
    by_source = {one.marks.source: one for one in readings}
    panel_of: dict[str, Reading] = {}
    grouped: dict[str, list[str]] = {}
    firsts = _results_of(filter(_only_groups, readings), by_source)
    remarks = _doubts_of_panels(observations)
    for source, doubts in _doubts_of_sources(observations).items():
        remarks.setdefault(source, []).extend(doubts)
    alone, kept = [], []
    sources = {name for one in readings for name in one.derived_from}
    named = [
        one
        for one in readings
        if one.has_value and (one.members or one.parts or one.marks.source in sources)
    ]
    labels = labels_apart([(one, label_of(one)) for one in named])
    for one in readings:
        for name in one.members:
            panel_of.setdefault(name, one)
        if not _only_groups(one):
            kept.append(one)
            if one.members:
                remarks.setdefault(one.marks.source, []).extend(_missing_of(one, known))
        elif first := firsts.get(one.marks.source):
            grouped.setdefault(first.marks.source, []).append(one.marks.source)
            remarks.setdefault(first.marks.source, []).extend(_missing_of(one, known))
        else:
            alone.append(one)
    joined = [
        _in_panel(
            _with_remarks(one, remarks.get(one.marks.source, [])),
            panel_of.get(one.marks.source) or _organism(one, by_source),
            grouped.get(one.marks.source, []),
            labels,
        )
        for one in kept
    ]
    return Panels(tuple(joined), tuple(alone))


def _source(observation: Resource) -> str:
    return f"Observation/{text(observation.get('id'))}"


def _missing_of(panel: Reading, known: Collection[str]) -> list[str]:
    """Return a remark if only some of the results of a panel were read."""
    members = [name for name in dict.fromkeys(panel.members) if name.startswith("Observation/")]
    missing = sum(name not in known for name in members)
    return (
        [f"{panel.name}: {missing} of {len(members)} results are missing here"] if missing else []
    )


def _with_remarks(reading: Reading, remarks: Sequence[str]) -> Reading:
    return reading._replace(marks=reading.marks.with_remarks(*remarks)) if remarks else reading


def _in_groups(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return the readings; those of one moment say to which group of their message they belong if
    one test is in several: the susceptibilities of two organisms."""
    same: dict[tuple[object, ...], list[Reading]] = {}
    for one in readings:
        if one.group and one.when:
            same.setdefault((one.when.at, code_key(one)), []).append(one)
    moments = {
        at
        for (at, _), found in same.items()
        if len({one.group for one in found}) > 1 and not _are_one_result(found)
    }
    if not moments:
        return readings
    return [
        one._replace(how=replace(one.how, panel=f"group {one.group}"))
        if one.group and one.when and one.when.at in moments
        else one
        for one in readings
    ]


def _are_one_result(same: Sequence[Reading]) -> bool:
    """Return whether the results of one test and moment are one number with comments, which HL7 v2
    sends as further results of the test, in groups of their own."""
    numbers = [one for one in same if one.value.number is not None]
    return len(numbers) == 1 and not any(map(_is_susceptibility, same))


def _organism(reading: Reading, by_source: Mapping[str, Reading]) -> Reading | None:
    """Return the result in words that this one was derived from, such as the organism whose
    susceptibility it is. A number (the creatinine of an eGFR) is another each time, so it is no
    label."""
    found = (by_source.get(name) for name in reading.derived_from)
    return next((one for one in found if one and one.has_value and one.value.number is None), None)


def _only_groups(reading: Reading) -> bool:
    return bool(reading.members) and not reading.result and not reading.parts


def _results_of(panels: Iterable[Reading], by_source: Mapping[str, Reading]) -> dict[str, Reading]:
    """Return the first result of each of these panels; for a panel of panels one of theirs."""
    found: dict[str, Reading] = {}
    around: dict[str, list[str]] = {}
    for panel in panels:
        for name in panel.members:
            around.setdefault(name, []).append(panel.marks.source)
            one = by_source.get(name)
            if one is not None and not _only_groups(one):
                found.setdefault(panel.marks.source, one)
    reached = [*found]
    for inner in reached:
        outer = [source for source in around.get(inner, []) if source not in found]
        found |= dict.fromkeys(outer, found[inner])
        reached += outer
    return found


def _in_panel(
    reading: Reading, panel: Reading | None, groups: list[str], labels: Mapping[int, str]
) -> Reading:
    is_of_another = panel is not None and panel.marks.source != reading.marks.source
    label = ""
    if (
        panel is not None
        and is_of_another
        and panel.has_value
        and not _is_the_same_alone(reading, panel)
    ):
        label = labels.get(id(panel)) or label_of(panel)
    if panel is not None and is_of_another:
        reading = _with_content_of(panel, reading)._replace(panel=panel.marks.source)
        reading = reading if panel.has_value else _with_notes_of(panel, reading)
    if not label and not groups:
        return reading
    return reading._replace(
        how=replace(reading.how, panel=label or reading.how.panel), grouped_by=tuple(groups)
    )


def _with_content_of(panel: Reading, reading: Reading) -> Reading:
    """Return a member with what its panel says of both, if it does not say it itself: whose the
    values are, and from what and how they were taken."""
    if panel.how is PLAIN and not panel.marks.whose:
        return reading
    how = {
        name: getattr(panel.how, name)
        for name in ("specimen", "site", "position", "method")
        if getattr(panel.how, name) and not getattr(reading.how, name)
    }
    whose = reading.marks.whose or panel.marks.whose
    return reading._replace(
        how=replace(reading.how, **how),
        marks=reading.marks._replace(whose=whose),
        parts=tuple(_with_content_of(panel, part) for part in reading.parts),
    )


def _doubts_of_panels(observations: Iterable[Resource]) -> dict[str, list[str]]:
    """Return, for each member of a panel that was withdrawn or is not understood, that it is."""
    found: dict[str, list[str]] = {}
    for panel in observations:
        if "hasMember" not in panel:
            continue
        status = _WITHDRAWN.get(status_code(panel)) or not_understood(panel)
        if status:
            words = f"{concept_text(panel.get('code')) or 'Its panel'}: {status}"
            for name in reference_names(panel["hasMember"]):
                found.setdefault(name, []).append(words)
    return found


def _doubts_of_sources(observations: Iterable[Resource]) -> dict[str, list[str]]:
    """Return, for each result that was derived from another one which was withdrawn, that it was:
    the eGFR of a creatinine that was entered in error."""
    derived = [one for one in observations if "derivedFrom" in one]
    if not derived:
        return {}
    withdrawn = {
        _source(one): f"derived from {concept_text(one.get('code'))}, which was {status}"
        for one in observations
        if (status := _WITHDRAWN.get(status_code(one)))
    }
    return {
        _source(one): [withdrawn[name] for name in names if name in withdrawn]
        for one in derived
        if (names := reference_names(one["derivedFrom"]))
    }


def _with_notes_of(panel: Reading, reading: Reading) -> Reading:
    """Return the reading with the comments on its panel: "specimen clotted" is about each."""
    return _with_remarks(reading, [f"{panel.name}: {note}" for note in panel.marks.notes])


def label_of(panel: Reading) -> str:
    """Return the label that a panel gives its members: "Bacteria identified: Escherichia coli". A
    number is another each time (the total of a score), so it is no part of the label."""
    is_words = panel.has_value and panel.value.number is None
    return f"{panel.name}: {panel.value.text}" if is_words else panel.name


def _label_of_parts(reading: Reading) -> str:
    """Return the label of a panel, with the organism whose susceptibilities it has."""
    tested = [one for one in reading.parts if _is_susceptibility(one)]
    named = [one for one in reading.parts if one not in tested and one.value.text]
    if not tested or len(named) != 1 or reading.has_value or named[0].value.number is not None:
        return label_of(reading)
    return f"{reading.name}: {named[0].value.text}"


def _is_susceptibility(part: Reading) -> bool:
    words = {part.value.text.casefold(), part.flag.text.casefold()}
    return not words.isdisjoint(_SUSCEPTIBILITIES)


def _is_the_same_alone(reading: Reading, panel: Reading) -> bool:
    """Return whether a result needs no label of its panel: the hemoglobin of a blood count is that
    of a lone result."""
    return panel.is_battery and bool(reading.loinc)


def spread_all(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings and their components as separate readings, which name their parent."""
    whole = [one for one in readings if one.parts]
    if not whole:
        return [part for one in readings for part in spread(one)]
    labels = labels_apart([(one, _label_of_parts(one)) for one in whole])
    subjects = _subjects(whole)
    return [
        part
        for one in readings
        for part in spread(one, labels.get(id(one), ""), subjects.get(id(one), ""))
    ]


def _subjects(panels: Iterable[Reading]) -> dict[int, str]:
    """Return, by the id of its reading, what each of several results of one name and moment is
    about, if that is in its components: the genes of which a variant is present, or absent."""
    alike: dict[tuple[object, ...], list[Reading]] = {}
    for one in panels:
        if one.has_value and one.value.number is None and one.when:
            alike.setdefault((one.when.at, one.name, one.how, one.marks.whose), []).append(one)
    return {
        id(one): words
        for same in alike.values()
        if len(same) > 1
        for one, words in zip(same, _subjects_apart(same), strict=True)
    }


def _subjects_apart(panels: Sequence[Reading]) -> list[str]:
    for name in dict.fromkeys(part.name for part in panels[0].parts):
        said = [
            [p.value.text for p in one.parts if p.name == name and p.value.number is None]
            for one in panels
        ]
        words = [", ".join(filter(None, one)) for one in said]
        are_results = not _SUSCEPTIBILITIES.isdisjoint(one.casefold() for one in words)
        if all(words) and len({*words}) == len(words) and not are_results:
            return words
    return [""] * len(panels)


def labels_apart(labelled: Sequence[tuple[Reading, str]]) -> dict[int, str]:
    """Return the label of each panel by the id of its reading. Two panels of one moment with one
    label (two variants "present", two isolates of one organism) also have the words of a component
    that tells them apart, or a number: the results of one must not look like those of the other."""
    alike: dict[tuple[object, ...], list[tuple[Reading, str]]] = {}
    for one, label in labelled:
        when = (one.when.at, one.when.precision) if one.when else None
        alike.setdefault((when, label, one.marks.whose, one.status_rank), []).append((one, label))
    found: dict[int, str] = {}
    for same in alike.values():
        apart = _words_apart([one for one, _ in same]) if len(same) > 1 else [""]
        found |= {id(one): label + words for (one, label), words in zip(same, apart, strict=True)}
    return found


def _words_apart(panels: Sequence[Reading]) -> list[str]:
    """Return what to add to the labels of these panels, so that no two are alike."""
    for name in dict.fromkeys(part.name for part in panels[0].parts):
        said = [next((p.value for p in one.parts if p.name == name), NO_VALUE) for one in panels]
        words = {value.text for value in said if value.text and value.number is None}
        if len(words) == len(panels) and _SUSCEPTIBILITIES.isdisjoint(map(str.casefold, words)):
            return [f", {value.text}" for value in said]
    if any(map(_is_susceptibility, panels[0].parts)) or not panels[0].parts:
        return [f" ({number})" for number in range(1, len(panels) + 1)]
    return [""] * len(panels)


def spread(reading: Reading, label: str = "", subject: str = "") -> list[Reading]:
    """Return the reading and its components as separate readings, which name their parent, and the
    panel around it."""
    if not reading.parts:
        return [reading] if reading.result else []
    around = reading.how.panel
    label = ", ".join(filter(None, (around, label or _label_of_parts(reading))))
    parts = [
        one if _is_the_same_alone(one, reading) else one._replace(how=replace(one.how, panel=label))
        for one in reading.parts
    ]
    if not reading.result:
        return parts
    if subject:
        panel = ", ".join(filter(None, (around, subject)))
        reading = reading._replace(how=replace(reading.how, panel=panel))
    return [reading, *parts]
