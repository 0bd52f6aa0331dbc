"""Which panel a result belongs to: its members, its components, and what a panel says of them.

A result that is not the same outside its panel is labelled with it: a resistance with its organism,
a gene with its variant.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from smartapp.record.codes import concept_text, status_code
from smartapp.record.elements import Resource
from smartapp.record.modifiers import not_understood
from smartapp.record.observations import PLAIN, REPLACED, Reading, reference_names
from smartapp.record.references import superseded
from smartapp.record.series import code_key
from smartapp.record.texts import text
from smartapp.record.values import NO_VALUE

IS_REPLACED = "replaced by another result"
_WITHDRAWN = {"entered-in-error": "entered in error", "cancelled": "cancelled"}
NOT_SENT = "a panel whose results the EHR did not send"

_SUSCEPTIBILITIES = frozenset(
    {"r", "s", "i", "sdd", "ns", "resistant", "susceptible", "sensitive", "intermediate",
     "not susceptible", "susceptible, dose dependent"}
)  # fmt: skip


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
    """Return the words of the components that tell these results apart, all of one name."""

    def subject(panel: Reading, name: str) -> str:
        said = [p.value for p in panel.parts if p.name == name]
        return ", ".join(one.text for one in said if one.text and one.number is None)

    return _told_apart(panels, subject) or [""] * len(panels)


def _told_apart(
    panels: Sequence[Reading], words_of: Callable[[Reading, str], str]
) -> list[str] | None:
    """Return the words of each panel for the first name of a component whose words tell the panels
    apart. Susceptibilities do not: they are results."""
    for name in dict.fromkeys(part.name for part in panels[0].parts):
        words = [words_of(one, name) for one in panels]
        is_apart = all(words) and len({*words}) == len(words)
        if is_apart and _SUSCEPTIBILITIES.isdisjoint(map(str.casefold, words)):
            return words
    return None


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

    def first(panel: Reading, name: str) -> str:
        value = next((p.value for p in panel.parts if p.name == name), NO_VALUE)
        return value.text if value.number is None else ""

    if words := _told_apart(panels, first):
        return [f", {one}" for one in words]
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
