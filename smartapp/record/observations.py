"""Observations: each becomes one reading, whatever the form of its value (FHIR R4 Observation).

An Observation without a value in the expected form is a reading too: a reason, a comment, a word.
The reading also says whom it is about and where and how it was taken, because readings that differ
in that are not one series.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from smartapp.record.absence import absent_code
from smartapp.record.amounts import duration_text
from smartapp.record.answers import answer_words
from smartapp.record.codes import (
    LOINC,
    codings,
    concept_text,
    concept_texts,
    concept_words,
    status_code,
    status_codes,
    words_or_known,
)
from smartapp.record.codes import codes as codes_of
from smartapp.record.elements import Resource, extensions, mapping, mappings, remembered
from smartapp.record.facts import labelled, unless_recorded
from smartapp.record.interpretations import (
    NO_FLAG,
    OUTSIDE,
    Flag,
    is_abnormal,
    read_flag,
    reconciled,
    with_words,
)
from smartapp.record.loinc_names import NAMES
from smartapp.record.marks import Marks, read_marks
from smartapp.record.modifiers import reason_to_leave_out, status_text
from smartapp.record.moments import (
    Moment,
    first_moment,
    is_open,
    is_reversed,
    member_moment,
    parse_moment,
)
from smartapp.record.narratives import with_own_text
from smartapp.record.people import Person
from smartapp.record.ranges import NO_RANGES, Ranges, beside, compare, compare_words, read_ranges
from smartapp.record.reading import LeftOut
from smartapp.record.references import is_of_the_record, target
from smartapp.record.sites import LATERALITY, side_texts, site_texts
from smartapp.record.texts import annotations, prose, text, texts
from smartapp.record.values import (
    NO_VALUE,
    Value,
    are_opposite,
    measured,
    other_values,
    read_absence,
    read_value,
)

NOTHING_SAID = "no value and no reason"
WITHOUT_VALUE = "Recorded without a value"
NAMELESS = "Result without a name"
# Panels that are only ordered together. A LOINC code in them is the same test as alone, which it
# may not be in others: blood gases name the vessel, susceptibilities the organism.
BATTERIES = frozenset({
    # Basic and comprehensive metabolic, electrolytes, hepatic, renal and lipid panels.
    "24320-4", "24321-2", "51990-0", "24322-0", "24323-8", "24326-1", "24325-3", "24362-6",
    "24331-1", "57698-3",
    # Blood counts, coagulation, urinalysis.
    "24317-0", "55429-5", "57021-8", "57782-5", "58410-2", "69742-5", "34528-0", "24356-8",
    "24357-6",
})  # fmt: skip
# Codes of panels and categories. They name no test, but some EHRs send one with each result.
PANELS = BATTERIES | {
    "8716-3", "85353-1", "34566-0", "74728-7", "29274-8", "26436-6", "18717-9", "18719-5",
    "18720-3", "18723-7", "18725-2", "18727-8", "18729-4",
    # Blood gases, susceptibilities.
    "24336-0", "24338-6", "24339-4", "29576-6", "50545-3",
}  # fmt: skip
# The codes of Observation.category that servers really send: of R4, HL7 v2 table 0074 and older
# servers, and of LOINC and SNOMED CT for laboratories in Germany, Australia and the Netherlands.
CATEGORIES = {
    "laboratory": frozenset(
        {"laboratory", "lab", "labs", "ch", "hm", "mb", "sr", "imm", "bld", "26436-6", "108252007",
         "275711006", "49581000146104", "lab-results", "lab-result", "laboratory-results",
         "laboratory-result", "laboratorio", "18719-5", "18720-3", "18721-1", "18723-7",
         "18724-5", "18725-2", "18727-8", "18728-6", "18729-4"}
    ),
    "vital-signs": frozenset(
        {"vital-signs", "vital-sign", "vitals", "vital_signs", "vitalsigns", "vital signs"}
    ),
}  # fmt: skip
MEASURED = frozenset().union(*CATEGORIES.values())
# A number with a judgement beside it: "6.9 (H)", "6.9 H". Without brackets "2.5 L" may be litres.
_MARKED = re.compile(
    r"[<>]?=?\s?-?\d[\d.,]{0,15}\s{0,3}(?P<unit>[^\s()]{1,20}\s{0,3})?"
    r"(?:[(\[](?P<in_brackets>HH?|LL?)[)\]]|(?<=\s)(?P<bare>HH?|LL))"
)
# A concentration that does not stop an organism. Without "<" or ">", R may be the right side
# ("20/40 R") or a rectal temperature.
_RESISTANT = re.compile(r"[<>]=?\s?\d[\d.]{0,15}\s{0,3}(?:[^\s()]{1,20}\s{1,3})?(?:\(R\)|\[R\]|R)")
# Which status to trust most among readings of the same moment.
CORRECTED, FINAL, UNRANKED, REPLACED = range(4)
STATUS_RANKS = {"corrected": CORRECTED, "amended": CORRECTED, "appended": CORRECTED, "final": FINAL}
# Statuses that explain why there is no value.
NOT_THERE = {
    "cancelled": "cancelled",
    "registered": "not yet available",
    # R6.
    "specimen-in-process": "specimen in process",
    "cannot-be-obtained": "cannot be obtained",
}
# R4's extensions of Observation for content that other releases have in an element or a code.
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/observation-"
# HL7 v2 table 0487, for specimens whose type is only a code.
SPECIMENS = {
    "BLD": "Blood",
    "BLDV": "Venous blood",
    "BLDA": "Arterial blood",
    "BLDC": "Capillary blood",
    "BLDCO": "Cord blood",
    "SER": "Serum",
    "PLAS": "Plasma",
    "UR": "Urine",
    "CSF": "Cerebrospinal fluid",
    "STL": "Stool",
    "SPT": "Sputum",
    "TISS": "Tissue",
    "SWAB": "Swab",
}
# What the status of a specimen says of its results (FHIR R4, specimen-status).
UNFIT = {"unsatisfactory": "unsatisfactory", "entered-in-error": "entered in error"}
_KINDS_OF_OTHERS = {
    "RelatedPerson": "a related person",
    "Patient": "another patient",
    "Group": "a group of people",
    "Device": "a device",
    "Location": "a place",
    "Substance": "a substance",
    "Specimen": "a specimen",
}
BY_THE_PATIENT = "as reported by the patient"
BY_A_RELATED_PERSON = "as reported by a related person"
SPECIMEN_ELSEWHERE = "a specimen in another entry of the EHR"
# What a contained member takes from its panel if it has none of its own.
INHERITED = ("status", "issued", "category", "subject", "focus", "specimen", "performer")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """From what and how a value was taken. Readings that differ in any of these are different
    series."""

    specimen: str = ""
    site: str = ""
    method: str = ""
    device: str = ""
    position: str = ""
    derived_from: str = ""
    panel: str = ""
    about: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        parts = (
            self.panel,
            self.about,
            self.derived_from,
            self.specimen,
            self.site,
            self.position,
            self.method,
            self.device,
        )
        return tuple(dict.fromkeys(filter(None, parts)))


PLAIN = Circumstances()
_OF_CIRCUMSTANCES = frozenset(
    {
        "specimen", "bodySite", "bodyStructure", "method", "device", "extension", "derivedFrom",
        "focus",
    }
)  # fmt: skip


class Reading(NamedTuple):
    """One Observation, or one of its components.

    `codes` are (system, code), without those of panels. `parts` are the components with content.
    Other Observations, by reference: `members` belong to this panel, `panel` is the one that this
    reading belongs to, `grouped_by` are the panels whose only content is that they group it,
    `derived_from` are those that it was derived from, and `replaces` those that it replaces.
    `issued` and `updated` are as they were sent. `coded` are the words for its code, and `group`
    joins the results of one message that belong together. `lasts` says until when a fact of a
    period goes on. `is_battery`: it only says what was ordered together.
    """

    marks: Marks
    name: str
    codes: tuple[tuple[str, str], ...]
    value: Value
    flag: Flag
    ranges: Ranges
    how: Circumstances = PLAIN
    status_rank: int = UNRANKED
    issued: object = None
    updated: object = None
    parts: tuple["Reading", ...] = ()
    members: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()
    grouped_by: tuple[str, ...] = ()
    panel: str = ""
    coded: str = ""
    group: str = ""
    lasts: str = ""
    is_battery: bool = False

    @property
    def when(self) -> Moment | None:
        return self.marks.when

    @property
    def has_value(self) -> bool:
        return bool(self.value.text)

    @property
    def result(self) -> str:
        """What is shown as the value: the value, else why there is none, else what the EHR says
        instead."""
        if self.marks.not_understood:
            return self.marks.not_understood
        if self.value.text:
            return self.value.text
        if self.marks.absent:
            return f"No result: {self.marks.absent}"
        return next(iter((*self.marks.notes, self.flag.text)), "")

    @property
    def notes(self) -> tuple[str, ...]:
        """The remarks of this app, and the comments that are not already in `result`."""
        marks = self.marks
        if not marks.notes:
            return marks.remarks
        result = self.result
        return (*marks.remarks, *(note for note in marks.notes if note != result))

    @property
    def beside(self) -> tuple[str, ...]:
        """Everything else that must be read together with the result."""
        marks = self.marks
        if not (marks.status or marks.labels or marks.absent or marks.notes or marks.remarks):
            return ()
        # A value and a reason why there is none contradict each other; both are shown.
        absent = marks.absent if self.value.text else ""
        return tuple(filter(None, (marks.status, *marks.labels, absent, *self.notes)))

    @property
    def is_drawn(self) -> bool:
        """Whether charts may draw its number: an exact one, that no other reading replaced."""
        return not self.value.comparator and self.status_rank != REPLACED

    @property
    def range_text(self) -> str:
        """The ranges in words, with their unit if it differs from the value's."""
        if not self.ranges.listed:
            return ""
        amount = measured(self.value)
        return self.ranges.text_beside(amount.unit, is_number=amount.number is not None)

    @property
    def shown_flag(self) -> Flag:
        """The flag, unless it is the only content of `result`."""
        is_said = self.flag.text.casefold() == self.result.casefold()
        return NO_FLAG if is_said else self.flag

    @property
    def loinc(self) -> tuple[str, ...]:
        return tuple(code for system, code in self.codes if system == LOINC)


def categories_of(resource: Resource) -> frozenset[str]:
    """Return the codes of an Observation's categories, and their words spelled like codes ("Vital
    Signs" is vital-signs), in lower case. A server may answer a search without checking the
    categories."""
    return _categories(resource.get("category"))


@remembered
def _categories(concepts: object) -> frozenset[str]:
    return frozenset(status_codes(concepts))


def read_observation(
    resource: Resource, person: Person, related: Mapping[str, Resource]
) -> Reading | LeftOut:
    """Return the reading of an Observation; LeftOut if it says nothing at all."""
    resource = _without_strangers(resource)
    status = status_code(resource)
    # A withdrawn result is no result, even if it still has a number.
    value = NO_VALUE if status == "cancelled" else read_value(resource)
    stands_for_it = "" if value.text else NOT_THERE.get(status, "")
    marks = of_parts = _marks(resource, person, _absence(resource, value) or stands_for_it)
    if marks.absent == stands_for_it != "":
        # The status is the reason then, and is shown once.
        marks = marks._replace(status="")
    how = _circumstances(resource, related)
    rank = STATUS_RANKS.get(status, UNRANKED)
    reading = _reading(resource, resource, value, marks, how, person, rank)
    if status == "cancelled":
        # A withdrawn value gets no judgement.
        reading = reading._replace(flag=NO_FLAG, ranges=NO_RANGES)
    if marks.not_understood:
        bare = marks._replace(notes=(), absent="", status="")
        return reading._replace(marks=bare, value=NO_VALUE, flag=NO_FLAG, ranges=NO_RANGES)
    if ("component" in resource or "hasMember" in resource) and status != "cancelled":
        members = _contained_members(resource, person, related)
        whole = reading._replace(marks=of_parts)
        reading = reading._replace(
            parts=(*_parts(resource, whole, person), *members),
            members=tuple(reference_names(resource.get("hasMember"))),
        )
    if "extension" in resource:
        reading = reading._replace(replaces=tuple(_replaced(resource)))
        reading = reading._replace(group=_sub_id(resource))
    if "derivedFrom" in resource:
        reading = reading._replace(derived_from=tuple(reference_names(resource["derivedFrom"])))
    has_own = bool(value.text or reading.result or reading.parts or reading.members)
    if "text" in resource:
        written = with_own_text(marks, resource, is_all_there_is=not has_own)
        reading = reading._replace(marks=written) if written is not marks else reading
    return reading if has_own or reading.result else _without_value(resource, reading)


def _without_value(resource: Resource, reading: Reading) -> Reading | LeftOut:
    """Return the reading if its name may be what was found: "Impulsive remarks (finding)". A
    measurement without a value says nothing."""
    categories = categories_of(resource)
    if not categories or categories & MEASURED or reading.name == NAMELESS:
        return LeftOut(NOTHING_SAID)
    return reading._replace(value=Value(WITHOUT_VALUE))


def _replaced(resource: Resource) -> list[str]:
    """Return the Observations that this one replaces (R4's extension "replaces")."""
    return [
        reference
        for extension in extensions(resource, f"{EXTENSIONS}replaces")
        for reference in reference_names(extension.get("valueReference"))
    ]


def _sub_id(resource: Resource) -> str:
    """Return the group of results that this one belongs to in its HL7 v2 message (OBX-4)."""
    for extension in extensions(resource, f"{EXTENSIONS}v2-subid"):
        parts = {text(one.get("url")): one for one in mappings(extension.get("extension"))}
        for name in ("group", "original-sub-identifier"):
            one = parts.get(name, {})
            sent = text(one.get("valueString")) or str(one.get("valueInteger", ""))
            if sent:
                return sent.partition(".")[0]
    return ""


def _contained_members(
    panel: Resource, person: Person, related: Mapping[str, Resource]
) -> Iterator[Reading]:
    """Yield the results that a panel contains, with their components."""
    for reference in mappings(panel.get("hasMember")):
        inner = _contained(panel, text(reference.get("reference")))
        if not inner or reason_to_leave_out(inner):
            continue
        given = {name: panel[name] for name in INHERITED if name in panel}
        if not any(name.startswith("effective") for name in inner):
            given |= {name: panel[name] for name in panel if name.startswith("effective")}
        found = read_observation({**given, **inner}, person, related)
        if isinstance(found, LeftOut):
            continue
        source = f"Observation/{text(panel.get('id'))}"
        for one in (found, *found.parts) if found.result else found.parts:
            yield one._replace(marks=one.marks._replace(source=source), parts=())


def _parts(resource: Resource, whole: Reading, person: Person) -> list[Reading]:
    """Return the components with content, each with the marks of its Observation."""
    found = []
    for part in mappings(resource.get("component")):
        value = read_value(part)
        own = whole.marks._replace(absent=_absence(part, value), notes=())
        reading = _reading(part, resource, value, own, whole.how, person, whole.status_rank)
        if reading.result:
            found.append(reading)
    return found


def _absence(part: Resource, value: Value) -> str:
    """Return why there is no value; beside a value only what the element itself says."""
    if value.text and "dataAbsentReason" not in part:
        return ""
    return read_absence(part)


def _marks(resource: Resource, person: Person, absent: str) -> Marks:
    when, remark = _when(resource)
    if person.is_before_birth(when):
        remark = "; ".join(filter(None, (remark, "dated before the patient's birth")))
    if "performer" in resource and (teller := _told_by(resource, person)):
        remark = "; ".join(filter(None, (remark, teller)))
    marks = read_marks(
        resource,
        when=when,
        whose=_whose(resource, person),
        origin=", ".join(_displays(resource["performer"])) if "performer" in resource else "",
        absent=absent,
        status=unless_recorded(resource, status_text(resource)),
    )
    comments = tuple(filter(None, _comments(resource)))
    if _have_several_values(tuple(resource)) and not absent:
        comments += tuple(other_values(resource, read_value(resource)))
    if not (remark or comments):
        return marks
    return marks._replace(
        notes=(*marks.notes, *comments), remarks=(remark,) if remark else marks.remarks
    )


def _told_by(resource: Resource, person: Person) -> str:
    """Return that nobody else than the patient, or somebody close, measured or reported it."""
    performers = [one for one in mappings(resource["performer"]) if one]
    if not performers or not all(_is_layman(one, person) for one in performers):
        return ""
    is_own = any(_is_patient(one, person) for one in performers)
    return BY_THE_PATIENT if is_own else BY_A_RELATED_PERSON


def _is_layman(performer: Resource, person: Person) -> bool:
    written = text(performer.get("reference")).split("/")
    is_related = "RelatedPerson" in (text(performer.get("type")), *written)
    return is_related or _is_patient(performer, person)


@lru_cache(maxsize=1_000)
def _have_several_values(members: tuple[str, ...]) -> bool:
    return sum(name.startswith("value") for name in members) > 1


def _comments(resource: Resource) -> Iterator[str]:
    """Yield what changes the meaning of a value but is in none of the usual places: the condition
    of its specimen, a condition of the patient, the comment of older releases."""
    if "comment" in resource:
        yield prose(resource["comment"])
    if "extension" in resource:
        yield from _by_extension(resource, "precondition")
    if "contained" in resource and "specimen" in resource:
        for one in mappings(resource["specimen"]):
            specimen = _contained(resource, text(one.get("reference")))
            collection = mapping(specimen.get("collection"))
            unfit = UNFIT.get(status_code(specimen), "")
            yield labelled("specimen", [unfit, *concept_texts(specimen.get("condition"))])
            yield labelled("specimen collection", [concept_text(collection.get("method"))])
            yield labelled("fasting status", [_fasting(collection)])
            yield from annotations(specimen.get("note"))


def _fasting(collection: Resource) -> str:
    status = concept_text(collection.get("fastingStatusCodeableConcept"))
    return status or duration_text(collection.get("fastingStatusDuration"))


def _reading(
    part: Resource,
    resource: Resource,
    value: Value,
    marks: Marks,
    how: Circumstances,
    person: Person,
    rank: int,
) -> Reading:
    """Return the reading of the observation itself or of one component."""
    codes, name, coded = _what(part.get("code"))
    written = part.get("referenceRange")
    ranges = NO_RANGES
    if written:
        amount = measured(value)
        found = read_ranges(written, amount.unit, person, marks.when)
        ranges = beside(amount.number, found)
    return Reading(
        marks,
        name,
        codes,
        value,
        _flag(part, value, ranges),
        ranges,
        how,
        rank,
        resource.get("issued"),
        mapping(resource.get("meta")).get("lastUpdated"),
        coded=coded,
        is_battery=bool(codes_of(part.get("code")) & BATTERIES),
        lasts=_lasts(mapping(resource["effectivePeriod"])) if "effectivePeriod" in resource else "",
    )


@remembered
def _what(concept: object) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """Return the codes of what was observed, its name, and the words for its first code; without
    codes of panels if there are others."""
    if absent_code(concept):
        return (), NAMELESS, ""
    codes = tuple(codings(concept))
    own = tuple(pair for pair in codes if pair[1] not in PANELS)
    if own and len(own) < len(codes):
        members = mapping(concept)
        kept = [c for c in mappings(members.get("coding")) if text(c.get("code")) not in PANELS]
        name = concept_text({**members, "coding": kept}) or concept_text(concept)
        return own, name, concept_text({"coding": kept})
    known = next((NAMES[code] for system, code in own if system == LOINC and code in NAMES), "")
    return (
        own,
        concept_words(concept) or known or concept_text(concept) or NAMELESS,
        concept_text({"coding": mapping(concept).get("coding")}),
    )


def _flag(part: Resource, value: Value, ranges: Ranges) -> Flag:
    """Return the EHR's own interpretation, or else a comparison with the record's range. If the two
    contradict each other, both are shown."""
    ours = NO_FLAG
    written = part["interpretation"] if "interpretation" in part else _judgement_in(value, ranges)
    if ranges.deciding is not None and (amount := measured(value)).number is not None:
        ours = compare(amount.number, amount.comparator, ranges)
    elif ranges.listed:
        ours = compare_words(value.text, ranges)
    if written:
        found = read_flag(written)
        if found.text:
            # "Positive" beside "Negative" says the same as the value, and no more.
            if found.direction == "result" and ours == OUTSIDE:
                return ours
            if not found.direction and ours.text:
                return with_words(ours, found)
            is_plain = value.number is not None and not value.comparator
            compared = ours if is_plain and ranges.deciding is not None else None
            return _unsaid(reconciled(found, compared), value)
    return ours


def _judgement_in(value: Value, ranges: Ranges) -> str:
    """Return the judgement that the words of a value are, or have beside a number: "Resistant",
    "6.9 (H)"."""
    if value.number is not None:
        return ""
    if _RESISTANT.fullmatch(value.text):
        return "R"
    marked = _MARKED.fullmatch(value.text)
    # With neither a unit nor a range, "24 H" may be hours.
    may_be_hours = marked and marked["bare"] == "H" and not (marked["unit"] or ranges.listed)
    if marked and not may_be_hours:
        return marked["in_brackets"] or marked["bare"]
    return value.text if is_abnormal(value.text) else ""


def _unsaid(flag: Flag, value: Value) -> Flag:
    """Return the flag, unless its word is already the value: "Resistant", "Positive". One that
    contradicts the value says so."""
    if flag.direction != "result":
        return flag
    if value.text.casefold() == flag.text.casefold():
        return NO_FLAG
    if are_opposite(value.text, flag.text):
        return replace(flag, text=f"though the EHR also says {flag.text.lower()}; check it there")
    return flag


# --- when, whose, how -------------------------------------------------------------------------


def _when(resource: Resource) -> tuple[Moment | None, str]:
    """Return when the value applied to the patient, and a note if the moment does not say all: that
    it is the report's, because the record has no other, or until when it lasted."""
    if found := member_moment(resource, "effectiveDateTime", "effectiveInstant"):
        return found, ""
    if found := _first_of_period(resource):
        return found, _until(found, mapping(resource.get("effectivePeriod")))
    issued = parse_moment(resource.get("issued"))
    return issued, "The date is that of the report." if issued else ""


def _first_of_period(resource: Resource) -> Moment | None:
    if "effectivePeriod" not in resource and "effectiveTiming" not in resource:
        return None
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


def _until(start: Moment, period: Resource) -> str:
    end = parse_moment(period.get("end"))
    doubt = " (ends before it begins)" if is_reversed(start, end) else ""
    return f"until {end.text}{doubt}" if end and end.text != start.text else ""


def _lasts(period: Resource) -> str:
    """Return "until 2000", or that the end is not recorded."""
    start, end = parse_moment(period.get("start")), parse_moment(period.get("end"))
    if start is None or is_open(end):
        return "no end recorded" if start else ""
    return _until(start, period) if end else "no end recorded"


def _whose(resource: Resource, person: Person) -> str:
    """Return who or what the value is about if that is not the patient: Observation.focus, its code
    as an extension, or the one whose specimen it is."""
    names = _by_extension(resource, "focusCode")
    others = mappings(resource["focus"]) if "focus" in resource else []
    if "specimen" in resource and "contained" in resource:
        for one in mappings(resource["specimen"]):
            specimen = _contained(resource, text(one.get("reference")))
            owners = mappings(specimen.get("subject"))
            others += [owner for owner in owners if "/" in text(owner.get("reference"))]
    names += [
        _name_of_another(one)
        for one in others
        if not (_is_patient(one, person) or is_of_the_record(one))
    ]
    return ", ".join(dict.fromkeys(names))


def _is_patient(reference: Resource, person: Person) -> bool:
    written = text(reference.get("reference")).partition("/_history/")[0]
    return bool(person.id) and written.rpartition("Patient/")[2] == person.id


def _name_of_another(reference: Resource) -> str:
    written = text(reference.get("reference")).partition("/_history/")[0]
    kind = text(reference.get("type")) or written.rpartition("/")[0].rpartition("/")[2]
    return text(reference.get("display")) or _KINDS_OF_OTHERS.get(
        kind, "something else than the patient"
    )


def _circumstances(resource: Resource, related: Mapping[str, Resource]) -> Circumstances:
    if _OF_CIRCUMSTANCES.isdisjoint(resource):
        return PLAIN
    found = Circumstances(
        specimen=specimen_text(resource, related),
        site=_site(resource),
        method=_concepts(resource["method"]) if "method" in resource else "",
        device=_referred(resource, "device", related),
        position=", ".join(_by_extension(resource, "bodyPosition")),
        derived_from=_derived_from(resource) if "derivedFrom" in resource else "",
        about=_about(resource) if "focus" in resource else "",
    )
    return PLAIN if found == PLAIN else found


def specimen_text(resource: Resource, related: Mapping[str, Resource]) -> str:
    """Return from what a result or a report was made, or that it was not read."""
    return _referred(resource, "specimen", related) or _specimen_elsewhere(resource)


def _specimen_elsewhere(resource: Resource) -> str:
    """Return that a result has a specimen which was not read, unless its LOINC code names it."""
    is_named = any(system == LOINC for system, _ in codings(resource.get("code")))
    referred = (target(one) for one in mappings(resource.get("specimen")))
    is_elsewhere = any(one and not one.startswith("#") for one in referred)
    return SPECIMEN_ELSEWHERE if is_elsewhere and not is_named else ""


def _site(resource: Resource) -> str:
    """Return where the value was taken, and on which side, or from where its specimen."""
    sides = side_texts(resource) if "extension" in resource else []
    if sides or "bodySite" in resource or "bodyStructure" in resource:
        # R5 has a reference beside the concept.
        structures = _displays(resource.get("bodyStructure"))
        found = [*site_texts(resource.get("bodySite")), *structures, *sides]
        return ", ".join(dict.fromkeys(found))
    if "specimen" not in resource or "contained" not in resource:
        return ""
    specimens = (
        _contained(resource, text(one.get("reference"))) for one in mappings(resource["specimen"])
    )
    sites = [mapping(one.get("collection")).get("bodySite") for one in specimens]
    return ", ".join(words for site in sites for words in site_texts(site))


def _concepts(value: object) -> str:
    return ", ".join(concept_texts(value))


def _by_extension(resource: Resource, name: str) -> list[str]:
    """Return the words of R4's Observation extension with this name."""
    if "extension" not in resource:
        return []
    return [
        words
        for extension in extensions(resource, f"{EXTENSIONS}{name}")
        if (words := _words_of(extension.get("valueCodeableConcept")))
    ]


def _words_of(concept: object) -> str:
    return concept_words(concept) or answer_words(concept) or concept_text(concept)


def _without_strangers(resource: Resource) -> Resource:
    """Return the Observation without its extensions if none of them is R4's own, or a side. The
    others are not read, and at some EHRs nearly every result has one."""
    if "extension" not in resource:
        return resource
    if _has_own(resource["extension"]):
        return resource
    return {name: content for name, content in resource.items() if name != "extension"}


@remembered
def _has_own(extensions: object) -> bool:
    urls = (text(one.get("url")) for one in mappings(extensions))
    return any(url.startswith(EXTENSIONS) or LATERALITY in url.casefold() for url in urls)


def _derived_from(resource: Resource) -> str:
    # These lists have no order, and the next reading of the series may have another one.
    found = sorted(_displays(resource.get("derivedFrom")))
    return f"from {', '.join(found)}" if found else ""


def _about(resource: Resource) -> str:
    """Return which cancer or treatment of the patient a result is about (as in mCODE)."""
    own = filter(is_of_the_record, mappings(resource["focus"]))
    found = sorted(_displays([*own]))
    return f"about {', '.join(found)}" if found else ""


def _referred(resource: Resource, member: str, related: Mapping[str, Resource]) -> str:
    """Return what a reference refers to, in words: the type of the other resource, or the
    display."""
    if member not in resource and "extension" not in resource:
        return ""
    found = _by_extension(resource, f"{member}Code")
    for one in mappings(resource.get(member)):
        reference = text(one.get("reference"))
        target = _contained(resource, reference) or related.get(reference, {})
        found.append(words_or_known(target.get("type"), SPECIMENS) or text(one.get("display")))
    return ", ".join(sorted(filter(None, found)))


def _contained(resource: Resource, reference: str) -> Resource:
    if not reference.startswith("#"):
        return {}
    found = mappings(resource.get("contained"))
    return next((one for one in found if text(one.get("id")).lstrip("#") == reference[1:]), {})


def _displays(references: object) -> list[str]:
    return [found for found in (text(one.get("display")) for one in mappings(references)) if found]


def reference_names(references: object) -> list[str]:
    """Return relative references ("Observation/o1"), without base and version."""
    return [
        "/".join(found.split("/_history/")[0].split("/")[-2:])
        for found in (text(one.get("reference")) for one in mappings(references))
        if found and not found.startswith("#")
    ]
