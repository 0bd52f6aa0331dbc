"""Marks that every kind of entry can have."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from smartapp.record import modifiers
from smartapp.record.absence import is_masked
from smartapp.record.codes import concept_text
from smartapp.record.elements import Resource, mapping, mappings, remembered
from smartapp.record.moments import Chronology, Moment, has_ended, is_reversed, member_moment
from smartapp.record.people import Person
from smartapp.record.references import display, who, who_all
from smartapp.record.texts import annotations, text

# HL7 v3 InformationSensitivityPolicy: mental health, addiction, violence, HIV, sexuality, heredity.
SENSITIVE = (
    "BH", "COGN", "DVD", "EMOTDIS", "MH", "PSY", "PSYTHPN", "ETH", "ETHUD", "SUD", "OPIOIDUD",
    "DRGIS", "42CFRPART2", "SDV", "VIO", "HIV", "STD", "SEX", "GDIS", "SICKLE", "SCA", "CELEB",
    "VIP", "EMP", "TBOO", "SPI",
)  # fmt: skip
# HL7 v3 security labels that the reader must know about (FHIR R4 Security Labels).
LABELS = {
    "HTEST": "test data",
    "R": "restricted",
    "V": "very restricted",
    "PDS": "not for others without the patient's consent",
    "NORDSCLCD": "not to be passed on without the patient's consent",
    "NORDSLCD": "not to be passed on without the patient's consent",
    **dict.fromkeys(
        ("NODSCLCD", "NODSCLCDS", "NORDSCLCDS"),
        "not to be disclosed without the patient's consent",
    ),
    "NOPAT": "not to be shown to the patient",
    # Japan's, which may be on a diagnosis of cancer.
    "UNINFORMED": "the patient has not been told of this",
    "REDACTED": "the EHR withholds a part of this",
    "MASKED": "the EHR withholds a part of this",
    "SUBSETTED": "the EHR sent only a part of this",
    "ANONYED": "anonymised",
    "PSEUDED": "pseudonymised",
    "UNRELIABLE": "marked as unreliable",
    "UNCERTREL": "of uncertain reliability",
    "PATRPT": "as reported by the patient",
    "PATAST": "as stated by the patient",
    **dict.fromkeys(SENSITIVE, "sensitive"),
}
# The labels of a list from which something is missing.
WITHHOLDING = frozenset({"REDACTED", "MASKED", "SUBSETTED"})
# Words in place of a code.
_IN_WORDS = {"RESTRICTED": "R", "VERY RESTRICTED": "V", "TEST HEALTH DATA": "HTEST"}
_BESIDE_A_VALUE = (
    "code", "note", "interpretation", "referenceRange", "specimen", "method", "bodySite", "device",
    "focus", "performer",
)  # fmt: skip
_is_masked = remembered(is_masked)
BEFORE_BIRTH = "Dated before the patient's birth"
REVERSED = "It ends before it begins; check the dates in the EHR"
FUTURE = "Dated in the future; check it in the EHR"
STILL_LISTED = "Its end date has passed, though the EHR lists it as current; check it in the EHR"
_LABEL_ORDER = tuple(LABELS)
_LABELLED = ("security", "tag")


class Marks(NamedTuple):
    """The marks of an entry; each is empty if there is nothing to say.

    `source` links entries ("Observation/o1") and is never shown. `status` is in words, and empty
    for the usual status. `not_understood` is a sentence; an entry that has it only shows its name
    and date with it. `whose` names another subject than the patient (the fetus, a donor). `origin`
    says where the entry comes from (who recorded it). `doubt` says why its date cannot be right.
    `notes` are the EHR's; `remarks` are this app's own words, and never a result.
    """

    source: str = ""
    status: str = ""
    not_understood: str = ""
    labels: tuple[str, ...] = ()
    absent: str = ""
    when: Moment | None = None
    whose: str = ""
    origin: str = ""
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def is_understood(self) -> bool:
        return not self.not_understood

    def between(self, start: Moment | None, end: Moment | None) -> "Marks":
        """Return the marks; with a remark if the end is before the start. Which of the two is wrong
        is not known, so it keeps its place in the list."""
        return self.with_remarks(REVERSED) if is_reversed(start, end) else self

    def going_on(self, start: Moment | None, end: Moment | None, now: datetime) -> "Marks":
        """Return the marks of what its status says goes on; with a remark if its end has passed.
        Which of the two is wrong is not known."""
        is_over = has_ended(end, now) and not is_reversed(start, end)
        return self.with_remarks(STILL_LISTED) if is_over else self

    def with_remarks(self, *remarks: str) -> "Marks":
        """Return the marks with further remarks of this app."""
        return self._replace(remarks=(*self.remarks, *remarks))


def read_marks(
    resource: Resource,
    *,
    when: Moment | None,
    whose: str = "",
    origin: str = "",
    absent: str = "",
    status: str | None = None,
) -> Marks:
    """Return the marks of a resource; the caller provides those that depend on its type.

    `status` is the modifiers' words unless the caller has better ones.
    """
    source = f"{text(resource.get('resourceType'))}/{text(resource.get('id'))}"
    return Marks(
        source=source,
        status=modifiers.status_text(resource) if status is None else status,
        not_understood=modifiers.not_understood(resource),
        labels=_labels(resource),
        absent=absent,
        when=when,
        whose=whose,
        origin=origin,
        notes=tuple(_notes(resource)),
    )


def _labels(resource: Resource) -> tuple[str, ...]:
    """Return the security labels, and that a part is withheld if any element is; a result says
    that of its value itself."""
    labels = read_labels(resource)
    if resource.get("resourceType") == "Observation":
        is_withheld = any(
            _is_masked(resource[name]) for name in _BESIDE_A_VALUE if name in resource
        )
    else:
        is_withheld = is_masked(resource)
    return tuple(dict.fromkeys((*labels, LABELS["MASKED"]))) if is_withheld else labels


def _notes(resource: Resource) -> Iterable[str]:
    # DSTU2 has the plural in some resources.
    for name in ("note", "notes"):
        if name in resource:
            yield from comments(resource[name])


def comments(notes: object) -> list[str]:
    """Return the texts of comments, each with who wrote it and when: "No longer taken (Dr Lee, 3
    Feb 2024)" (FHIR R4 Annotation)."""
    return annotations(notes, _author_and_time)


def _author_and_time(note: Resource) -> str:
    author = text(note.get("authorString")) or display(note.get("authorReference"))
    written = member_moment(note, "time")
    return ", ".join(filter(None, (author, written.day_text if written else "")))


def origin_of(resource: Resource) -> str:
    """Return who recorded it; of two people also who told it: "Dr Lee, as told by the mother"."""
    recorders = who_all(resource.get("recorder"), resource)
    recorder = ", ".join(recorders or _participants(resource))
    asserter = ", ".join(who_all(resource.get("asserter"), resource))
    if recorder and asserter and recorder != asserter:
        return f"{recorder}, as told by {asserter}"
    return recorder or asserter


def _participants(resource: Resource) -> Iterable[str]:
    """Yield who took part, and how (R5): "Dr Lee (author)"."""
    for one in mappings(resource.get("participant")):
        name, role = who(one.get("actor"), resource), concept_text(one.get("function"))
        if name:
            yield f"{name} ({role})" if role else name


def doubted(
    marks: Marks, now: datetime, *others: Moment | None, person: Person | None = None
) -> Marks:
    """Return the marks, with a doubt if the date, or one of the others, is in the future, or before
    the birth of this person."""
    chronology = Chronology(now)
    if any(map(chronology.is_future, (marks.when, *others))):
        return marks._replace(doubt=FUTURE)
    is_early = person is not None and person.is_before_birth(marks.when)
    return marks._replace(doubt=BEFORE_BIRTH) if is_early else marks


def read_labels(resource: Resource) -> tuple[str, ...]:
    """Return the security labels that a reader must know about, in words (meta.security)."""
    if not (found := _label_codes(resource)):
        return ()
    return _in_order(found)


def withheld_words(meta: object) -> tuple[str, ...]:
    """Return what the labels of a list say is missing from it, in words."""
    return _in_order(_label_codes({"meta": meta}) & WITHHOLDING)


def _in_order(found: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(LABELS[code] for code in _LABEL_ORDER if code in found))


def beyond_the_record(resources: Iterable[Resource], patient: Resource) -> tuple[Resource, ...]:
    """Return the resources without the labels that the patient has: a label of the whole record is
    shown once, in the patient banner."""
    said = _label_codes(patient)
    if not said:
        return tuple(resources)
    return tuple(_without(one, said) if said & _label_codes(one) else one for one in resources)


def _label_codes(resource: Resource) -> set[str]:
    if "securityLabel" in resource:
        # DocumentReference has two places for labels.
        concepts = mappings(resource["securityLabel"])
        labels = [one for concept in concepts for one in mappings(concept.get("coding"))]
        labels += [{"display": concept.get("text")} for concept in concepts]
        written = {_code(one) for one in labels} & LABELS.keys()
        return written | _label_codes({"meta": resource.get("meta")})
    meta = mapping(resource.get("meta"))
    if not meta.get("security") and not meta.get("tag"):
        return set()
    # SUBSETTED and HTEST are often sent as a tag.
    return {
        _code(one) for member in _LABELLED for one in mappings(meta.get(member))
    } & LABELS.keys()


def _without(resource: Resource, codes: set[str]) -> Resource:
    kept = {
        member: [one for one in mappings(resource["meta"].get(member)) if _code(one) not in codes]
        for member in _LABELLED
    }
    return {**resource, "meta": {**resource["meta"], **kept}}


def _code(coding: Resource) -> str:
    said = (text(coding.get("code")) or text(coding.get("display"))).upper()
    return _IN_WORDS.get(said.replace("-", " ").replace("_", " "), said)
