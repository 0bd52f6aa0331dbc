"""Observations: each is one reading, whatever form its value has (FHIR R4 Observation).

What has no value in the expected form is a reading too: a reason, a comment, a word. Whose it is,
from where and how it was taken stand beside it, because what differs there is not one series.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from smartapp.record.codes import LOINC, codings, concept_text, concept_texts
from smartapp.record.elements import Resource, is_false, is_true, mapping, mappings
from smartapp.record.interpretations import NO_FLAG, Flag, read_flag
from smartapp.record.marks import Marks, read_marks
from smartapp.record.moments import (
    DATA_ABSENT_REASON,
    Moment,
    first_moment,
    member_moment,
    parse_moment,
)
from smartapp.record.people import Person
from smartapp.record.quantities import number, number_text, quantity_text, written_number
from smartapp.record.ranges import NO_RANGES, Ranges, compare, read_ranges
from smartapp.record.reading import LeftOut
from smartapp.record.texts import prose, text, texts
from smartapp.record.units import NO_UNIT, Unit, read_unit

NO_VALUE = "no value and no reason"
# Codes of panels and of whole categories: they name no test, though some EHRs send one with each.
PANELS = frozenset({"8716-3", "85353-1", "34566-0", "74728-7", "29274-8", "26436-6", "18725-2"})
# HL7 data-absent-reason, and the codes of NullFlavor that stand in its place.
ABSENT_WORDS = {
    "unknown": "unknown",
    "asked-unknown": "asked, but not known",
    "temp-unknown": "not known yet",
    "not-asked": "not asked",
    "asked-declined": "declined",
    "masked": "masked",
    "not-applicable": "not applicable",
    "unsupported": "not supported",
    "as-text": "see the text in the EHR",
    "error": "error",
    "not-a-number": "not a number",
    "negative-infinity": "below every number",
    "positive-infinity": "above every number",
    "not-performed": "not performed",
    "not-permitted": "not permitted",
    "nask": "not asked",
    "asku": "asked, but not known",
    "unk": "unknown",
    "ni": "no information",
    "na": "not applicable",
    "msk": "masked",
}
# The codes of Observation.category, as they are really sent (R4, HL7 v2 table 0074, older servers).
CATEGORIES = {
    "laboratory": frozenset({"laboratory", "lab", "labs", "ch", "hm", "mb", "sr", "imm", "bld"}),
    "vital-signs": frozenset({"vital-signs", "vital-sign", "vitals", "vital_signs", "vitalsigns"}),
}
# In the order in which a status is trusted for the newest of one moment.
STATUS_RANKS = {"corrected": 0, "amended": 0, "appended": 0, "final": 1}
UNRANKED = 2
BODY_POSITION = "http://hl7.org/fhir/StructureDefinition/observation-bodyPosition"


@dataclass(frozen=True, slots=True)
class Value:
    """value[x]. `text` is what is shown, its unit apart; `number` is None for words."""

    text: str = ""
    number: Decimal | None = None
    comparator: str = ""
    unit: Unit = NO_UNIT


NO_RESULT = Value()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """From what and how a value was taken. What differs in any of these is another series."""

    specimen: str = ""
    site: str = ""
    method: str = ""
    device: str = ""
    position: str = ""
    derived_from: str = ""
    panel: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        parts = (
            self.panel,
            self.derived_from,
            self.specimen,
            self.site,
            self.position,
            self.method,
            self.device,
        )
        return tuple(dict.fromkeys(filter(None, parts)))


NONE = Circumstances()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One Observation, or one component of one.

    `codes` are (system, code), without those of panels. `parts` are the components that have
    something to say; `members` the Observations that belong to this panel, by reference, and
    `grouped_by` the panels that say nothing but that.
    """

    marks: Marks
    name: str
    codes: tuple[tuple[str, str], ...]
    value: Value = NO_RESULT
    flag: Flag = NO_FLAG
    ranges: Ranges = NO_RANGES
    how: Circumstances = NONE
    parts: tuple["Reading", ...] = ()
    members: tuple[str, ...] = ()
    grouped_by: tuple[str, ...] = ()
    status_rank: int = UNRANKED
    issued: Moment | None = None
    updated: Moment | None = None

    @property
    def when(self) -> Moment | None:
        return self.marks.when

    @property
    def has_value(self) -> bool:
        return bool(self.value.text)

    @property
    def result(self) -> str:
        """What stands where a value stands: the value, else why there is none, else what is said
        instead."""
        if self.marks.not_understood:
            return self.marks.not_understood
        if self.value.text:
            return self.value.text
        if self.marks.absent:
            return f"No result: {self.marks.absent}"
        return next(iter((*self.marks.notes, self.flag.text)), "")

    @property
    def range_text(self) -> str:
        """The ranges in words, beside the value's unit."""
        return self.ranges.text_beside(self.value.unit)

    @property
    def notes(self) -> tuple[str, ...]:
        """The comments that `result` has not said already."""
        return tuple(note for note in self.marks.notes if note != self.result)

    @property
    def loinc(self) -> tuple[str, ...]:
        return tuple(code for system, code in self.codes if system == LOINC)


def read_observation(
    resource: Resource, person: Person, related: Mapping[str, Resource]
) -> Reading | LeftOut:
    """Return the reading of an Observation; LeftOut where it says nothing at all."""
    marks = _marks(resource, person)
    reading = _reading(resource, resource, marks, person, related)
    if marks.not_understood:
        marks = replace(marks, notes=(), absent="", status="")
        return replace(reading, marks=marks, value=NO_RESULT, flag=NO_FLAG, ranges=NO_RANGES)
    parts = [
        _reading(part, resource, _part_marks(part, marks), person, related)
        for part in mappings(resource.get("component"))
    ]
    reading = replace(
        reading,
        parts=tuple(part for part in parts if part.result),
        members=tuple(_references(resource.get("hasMember"))),
    )
    says_something = reading.result or reading.parts or reading.members
    return reading if says_something else LeftOut(NO_VALUE)


def is_of(resource: Resource, category: str) -> bool | None:
    """Return whether an Observation is of a category; None where it names none. A server may
    answer a search without looking at the category."""
    found = {code.casefold() for _, code in codings(resource.get("category"))}
    return bool(found & CATEGORIES[category]) if found else None


def _marks(resource: Resource, person: Person) -> Marks:
    status = text(resource.get("status")).casefold()
    absent = _absent(resource) if not _has_value(resource) else ""
    if not absent and not _has_value(resource) and status in ("cancelled", "registered"):
        absent = "cancelled" if status == "cancelled" else "not yet available"
    marks = read_marks(
        resource,
        when=_when(resource),
        whose=_whose(resource, person),
        origin=", ".join(_displays(resource.get("performer"))),
        absent=absent,
    )
    notes = [*marks.notes, *_time_notes(resource)]
    return replace(marks, notes=tuple(notes)) if len(notes) > len(marks.notes) else marks


def _part_marks(part: Resource, marks: Marks) -> Marks:
    """Return the marks of a component: those of its Observation, and its own reason."""
    return replace(marks, absent=_absent(part) if not _has_value(part) else "", notes=())


def _reading(
    part: Resource,
    resource: Resource,
    marks: Marks,
    person: Person,
    related: Mapping[str, Resource],
) -> Reading:
    """Return the observation's own reading or that of one component."""
    value = read_value(part)
    status = text(resource.get("status")).casefold()
    if status == "cancelled":
        # What was withdrawn is no result, whatever number still stands there.
        value = NO_RESULT
        marks = marks if marks.absent else replace(marks, absent="cancelled")
    ranges = read_ranges(part.get("referenceRange"), value.unit, person, marks.when)
    return Reading(
        marks=marks,
        name=_name(part),
        codes=tuple(pair for pair in codings(part.get("code")) if pair[1] not in PANELS),
        value=value,
        flag=_flag(part, value, ranges),
        ranges=ranges,
        how=_circumstances(resource, related),
        status_rank=STATUS_RANKS.get(status, UNRANKED),
        issued=parse_moment(resource.get("issued")),
        updated=parse_moment(mapping(resource.get("meta")).get("lastUpdated")),
    )


def _name(part: Resource) -> str:
    return concept_text(_without_panels(part.get("code"))) or (
        concept_text(part.get("code")) or "Result without a name"
    )


def _without_panels(concept: object) -> object:
    """Return the code without the codings of panels, where it has others."""
    members = mapping(concept)
    found = mappings(members.get("coding"))
    if len(found) < 2:
        return concept
    kept = [coding for coding in found if text(coding.get("code")) not in PANELS]
    return {**members, "coding": kept} if kept else concept


def _flag(part: Resource, value: Value, ranges: Ranges) -> Flag:
    """Return the EHR's own reading; without one, compare with the record's range."""
    if part.get("interpretation"):
        found = read_flag(part.get("interpretation"))
        if found.text:
            return _unsaid(found, value)
    if value.number is None:
        return NO_FLAG
    return compare(value.number, value.comparator, ranges)


def _unsaid(flag: Flag, value: Value) -> Flag:
    """Return the flag without a word that the value says already: "Resistant", "Positive"."""
    if flag.direction == "result" and value.text.casefold() == flag.text.casefold():
        return NO_FLAG
    return flag


# --- value[x] ---------------------------------------------------------------------------------


def read_value(part: Resource) -> Value:
    """Return value[x] as it is shown; empty where there is none."""
    if (quantity := part.get("valueQuantity")) is not None:
        found = _quantity(mapping(quantity))
        if found.text:
            return found
    if (whole := number(part.get("valueInteger"))) is not None:
        return Value(number_text(whole), whole)
    return Value(_words(part))


def _quantity(quantity: Resource) -> Value:
    """Return a Quantity. One that is no number stands as it was sent, and is never compared."""
    amount = quantity.get("value")
    read, unit = written_number(amount), read_unit(quantity)
    comparator = text(quantity.get("comparator"))[:2]
    shown = text(amount) if read is None else number_text(read)
    if not shown:
        return NO_RESULT
    return Value(f"{comparator} {shown}".lstrip(), read, comparator, unit)


def _words(part: Resource) -> str:
    """Return a value that is no quantity, in words."""
    return next(
        filter(
            None,
            (
                _concept(part.get("valueCodeableConcept")),
                prose(part.get("valueString")),
                _yes_or_no(part.get("valueBoolean")),
                _ratio(mapping(part.get("valueRatio"))),
                _span(mapping(part.get("valueRange"))),
                text(part.get("valueTime")),
                _moment(part.get("valueDateTime")),
                _period(mapping(part.get("valuePeriod"))),
                _samples(mapping(part.get("valueSampledData"))),
                _other(part),
            ),
        ),
        "",
    )


def _has_value(part: Resource) -> bool:
    return bool(read_value(part).text)


def _concept(concept: object) -> str:
    """Return a coded value; the author's words whole, with their lines."""
    return prose(mapping(concept).get("text")) or concept_text(concept)


def _yes_or_no(value: object) -> str:
    return "Yes" if is_true(value) else "No" if is_false(value) else ""


def _ratio(ratio: Resource) -> str:
    parts = [quantity_text(ratio.get("numerator")), quantity_text(ratio.get("denominator"))]
    return " : ".join(parts) if all(parts) else ""


def _span(limits: Resource) -> str:
    """Return the words for valueRange, e.g. "1 mg to 2 mg"."""
    low, high = quantity_text(limits.get("low")), quantity_text(limits.get("high"))
    return (
        f"{low} to {high}" if low and high else f"up to {high}" if high else low and f"from {low}"
    )


def _moment(value: object) -> str:
    found = parse_moment(value)
    return found.text if found else ""


def _period(period: Resource) -> str:
    start, end = _moment(period.get("start")), _moment(period.get("end"))
    return (
        f"{start} to {end}"
        if start and end
        else f"until {end}"
        if end
        else start and f"from {start}"
    )


def _samples(data: Resource) -> str:
    if not data:
        return ""
    count = len(text(data.get("data")).split())
    return f"A recording of {count} points; see the EHR" if count else "A recording; see the EHR"


def _other(part: Resource) -> str:
    """Say that there is a value of a kind that nobody here knows."""
    known = any(
        name.startswith("value") and name[5:6].isupper() and value not in (None, "", {}, [])
        for name, value in part.items()
        if name not in _READ_VALUES
    )
    return "A value of a kind that this app does not show; see the EHR" if known else ""


_READ_VALUES = frozenset(
    {
        "valueQuantity", "valueInteger", "valueCodeableConcept", "valueString", "valueBoolean",
        "valueRatio", "valueRange", "valueTime", "valueDateTime", "valuePeriod",
        "valueSampledData",
    }
)  # fmt: skip


def _absent(part: Resource) -> str:
    """Return why there is no value, in words (dataAbsentReason, or as an extension of value[x])."""
    reason = part.get("dataAbsentReason")
    if reason:
        return _reason_words(reason)
    for name, element in part.items():
        if name.startswith(("_value", "value")):
            for extension in mappings(mapping(element).get("extension")):
                if extension.get("url") == DATA_ABSENT_REASON:
                    return _reason_words(text(extension.get("valueCode")))
    return ""


def _reason_words(reason: object) -> str:
    if written := text(mapping(reason).get("text")):
        return written
    for _, code in codings(reason):
        if code.casefold() in ABSENT_WORDS:
            return ABSENT_WORDS[code.casefold()]
    return concept_text(reason)


# --- when, whose, how -------------------------------------------------------------------------


def _when(resource: Resource) -> Moment | None:
    """Return when the value was true of the patient; the time of the report only where the record
    says nothing else."""
    if found := _effective(resource):
        return found
    return parse_moment(resource.get("issued"))


def _effective(resource: Resource) -> Moment | None:
    if found := member_moment(resource, "effectiveDateTime", "effectiveInstant"):
        return found
    period = mapping(resource.get("effectivePeriod"))
    timing = mapping(resource.get("effectiveTiming"))
    bounds = mapping(mapping(timing.get("repeat")).get("boundsPeriod"))
    return first_moment(
        period.get("start"),
        period.get("end"),
        *texts(timing.get("event")),
        bounds.get("start"),
        bounds.get("end"),
    )


def _time_notes(resource: Resource) -> list[str]:
    """Return what the moment alone does not say: that it is the report's, or how long it was."""
    if resource.get("issued") and _effective(resource) is None:
        return ["The date is that of the report."]
    period = mapping(resource.get("effectivePeriod"))
    start, end = parse_moment(period.get("start")), parse_moment(period.get("end"))
    if start and end and start.text != end.text:
        return [f"until {end.text}"]
    return []


def _whose(resource: Resource, person: Person) -> str:
    """Return whom or what the value is of, where that is not the patient (Observation.focus)."""
    names = []
    for focus in mappings(resource.get("focus")):
        reference = text(focus.get("reference"))
        if person.id and reference.rpartition("Patient/")[2] == person.id:
            continue
        kind = text(focus.get("type")) or reference.rpartition("/")[0].rpartition("/")[2]
        names.append(
            text(focus.get("display"))
            or (f"another {kind}" if kind else "something else than the patient")
        )
    return ", ".join(names)


def _circumstances(resource: Resource, related: Mapping[str, Resource]) -> Circumstances:
    if not _CIRCUMSTANCES & resource.keys():
        return NONE
    return Circumstances(
        specimen=_reference_words(resource, "specimen", related, "type"),
        site=_concepts(resource.get("bodySite")),
        method=_concepts(resource.get("method")),
        device=_reference_words(resource, "device", related, "type"),
        position=_position(resource),
        derived_from=_derived_from(resource),
    )


_CIRCUMSTANCES = frozenset(
    {"specimen", "bodySite", "method", "device", "derivedFrom", "extension", "contained"}
)


def _concepts(value: object) -> str:
    return ", ".join(concept_texts(value))


def _position(resource: Resource) -> str:
    return next(
        (
            concept_text(extension.get("valueCodeableConcept"))
            for extension in mappings(resource.get("extension"))
            if extension.get("url") == BODY_POSITION
        ),
        "",
    )


def _derived_from(resource: Resource) -> str:
    found = _displays(resource.get("derivedFrom"))
    return f"from {', '.join(found)}" if found else ""


def _reference_words(
    resource: Resource, member: str, related: Mapping[str, Resource], *names: str
) -> str:
    """Return what a reference is to, in words: its display, or the type of what it refers to."""
    found = []
    for one in mappings(resource.get(member)):
        reference = text(one.get("reference"))
        target = _contained(resource, reference) or related.get(reference, {})
        words = next(filter(None, (concept_text(target.get(name)) for name in names)), "")
        found.append(words or text(one.get("display")))
    return ", ".join(filter(None, found))


def _contained(resource: Resource, reference: str) -> Resource:
    if not reference.startswith("#"):
        return {}
    return next(
        (
            one
            for one in mappings(resource.get("contained"))
            if text(one.get("id")).lstrip("#") == reference[1:]
        ),
        {},
    )


def _displays(references: object) -> list[str]:
    return [found for found in (text(one.get("display")) for one in mappings(references)) if found]


def _references(references: object) -> list[str]:
    return [
        "/".join(found.split("/_history/")[0].split("/")[-2:])
        for found in (text(one.get("reference")) for one in mappings(references))
        if found
    ]
