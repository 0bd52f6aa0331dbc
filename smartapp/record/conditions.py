"""Conditions: the problem list, then diagnoses of visits, then resolved ones (FHIR R4)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from smartapp.record.absence import is_nobody_known, named_or, reason_words
from smartapp.record.codes import (
    codes,
    codings,
    concept_text,
    concept_texts,
    concept_words,
    status_codes,
    words_or_known,
)
from smartapp.record.education import medlineplus_url
from smartapp.record.elements import Resource, extensions, mappings
from smartapp.record.facts import labelled, said
from smartapp.record.icd_marks import AFTER, certainty, certainty_text
from smartapp.record.marks import Marks, doubted, origin_of, read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.moments import Chronology, Moment, member_moment, newest_first
from smartapp.record.narratives import with_own_text
from smartapp.record.opposites import context_in, contradiction_in
from smartapp.record.people import Person, read_person
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import display, displays, names_of
from smartapp.record.ruled_out import RuledOut, remark_on, ruled_out
from smartapp.record.severities import severity_text
from smartapp.record.sites import side_texts, site_texts
from smartapp.record.spans import Span, read_span
from smartapp.record.statements import Statement, contradicts, read_undated_statement
from smartapp.record.texts import text, texts

# visit: a diagnosis of one encounter, which does not say whether the patient still has it
Group = Literal["active", "visit", "over"]
GROUPS: tuple[Group, ...] = ("active", "visit", "over")
OVER = frozenset({"inactive", "remission", "resolved"})
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"
ASSERTED = f"{EXTENSIONS}condition-assertedDate"
RELATIONS = {
    "condition-dueTo": "due to",
    "condition-occurredFollowing": "occurred after",
    "condition-ruledOut": "ruled out",
    # mCODE's, of a cancer.
    "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior":
        "histology",
}  # fmt: skip
# JP Core's words before and after the name of a disease, of which "の疑い" makes it a suspicion.
# Its tables have codes for them; this is the one that turns the meaning round.
AFFIXES = ("JP_Condition_DiseasePrefixModifier", "JP_Condition_DiseasePostfixModifier")
_AFFIX_WORDS = {"8002": "の疑い"}
NOT_NAMED = "Problem that the EHR does not name"
STATUS_NOT_RECORDED = "Status not recorded"
# HL7's categories, and "Problem" and "Diagnosis" of SNOMED CT and LOINC.
OTHER_CATEGORIES = frozenset(
    {
        "problem-list-item", "health-concern", "encounter-diagnosis", "55607006", "439401001",
        "75326-9", "29308-4",
    }
)  # fmt: skip
# Words in the place of an end that do not say that a condition has ended.
_GOES_ON = re.compile(
    r"\b(?:on-?going|continu\w+|current(?:ly)?|active|present|persist\w*|still|chronic|life-?long"
    r"|unknown|not known|not (?:yet )?(?:resolved|over)|unresolved|never|none|n/?a)\b"
    r"|^(?:at the age of )?(?:no|false|0)$",
    re.IGNORECASE,
)
_VISIT = re.compile(
    r"(?:encounter|visit|admi(?:ssion|tting|t)|discharge|billing|referral|working|principal)"
    r"\W+diagnos[ie]s|reason\W+for\W+(?:visit|encounter|admission)|chief\W+complaint"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem or a diagnosis. `same` are further entries of the same diagnosis, from other
    visits, each with its marks."""

    marks: Marks
    name: str
    group: Group
    is_of_visit: bool = False
    statement: Statement | None = None
    is_contradicted: bool = False
    severity: str = ""
    sites: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    onset: Span | None = None
    abatement: Span | None = None
    recorded: Moment | None = None
    asserted: Moment | None = None
    same: tuple["Problem", ...] = ()
    learn_more_url: str = ""

    @property
    def sources(self) -> int:
        return 1 + len(self.same)

    @property
    def is_counted(self) -> bool:
        return self.group == "active" and self.statement is None

    @property
    def when(self) -> Moment | None:
        """The date that orders the entries: the onset if it is a date, else the day on which it
        was first noted or recorded."""
        return (self.onset.moment if self.onset else None) or self.asserted or self.recorded


def read_problems(given: Given) -> Read[Problem]:
    """Return the problem list, then the diagnoses of visits, then what is over."""
    person = read_person(given.patient)
    others = ruled_out(given.resources)
    read = read_each(given.resources, lambda one: _problem(one, given.now, person, others))
    entries = _remarked(_folded(sorted(read.entries, key=_place)))
    return replace(read, entries=tuple(entries))


def _place(problem: Problem) -> tuple[int, bool, bool, bool, float, str]:
    return (
        GROUPS.index(problem.group),
        problem.statement is not None,
        STATUS_NOT_RECORDED in problem.marks.status,
        bool(problem.marks.doubt),
        newest_first(problem.when),
        problem.name.casefold(),
    )


def _folded(problems: Iterable[Problem]) -> list[Problem]:
    """Return the entries, with a diagnosis of several visits as one entry."""
    alike: dict[object, list[Problem]] = {}
    for problem in problems:
        is_known = problem.is_of_visit and not problem.name.startswith(NOT_NAMED)
        key = _likeness(problem) if is_known else id(problem)
        alike.setdefault(key, []).append(problem)
    return [replace(first, same=tuple(rest)) for first, *rest in alike.values()]


def _likeness(problem: Problem) -> tuple[object, ...]:
    said = (problem.marks.status, problem.marks.labels, problem.marks.not_understood)
    return (
        problem.group,
        problem.name.casefold(),
        problem.sites,
        problem.stages,
        problem.severity,
        said,
    )


def _remarked(problems: Iterable[Problem]) -> list[Problem]:
    listed = list(problems)
    counted: list[tuple[str, ...]] = [() for one in listed if one.is_counted]
    return [
        replace(one, is_contradicted=contradicts(one.statement, counted))
        if one.statement and one.group == "active"
        else one
        for one in listed
    ]


def _problem(
    resource: Resource, now: datetime, person: Person, others: Sequence[RuledOut]
) -> Problem:
    onset, abatement = read_span(resource, "onset"), read_span(resource, "abatement")
    statement = read_undated_statement(resource.get("code"), onset.moment if onset else None)
    recorded = member_moment(resource, "recordedDate", "assertedDate", "dateRecorded")
    group = _group(resource, abatement, now)
    goes_on = _words_of_no_end(abatement, group)
    name = _with_affixes(named_or(resource.get("code"), NOT_NAMED), resource)
    marks = read_marks(
        resource,
        when=(onset.moment if onset else None) or recorded,
        origin=origin_of(resource),
        status=_status(resource, group),
    )
    is_named = not name.startswith(NOT_NAMED)
    marks = with_own_text(marks, resource, is_all_there_is=not is_named)
    if statement is None and group != "over" and (remark := remark_on(resource, others)):
        marks = marks.with_remarks(remark)
    if abatement:
        began = onset.moment if onset else None
        marks = marks.between(began, abatement.moment)
        if group == "active":
            marks = marks.going_on(began, abatement.moment, now)
    sites = site_texts(resource.get("bodySite"))
    stages = (
        *filter(None, (_stage(one, resource) for one in mappings(resource.get("stage")))),
        *texts(resource.get("stage")),
    )
    return Problem(
        marks=doubted(marks, now, person=person),
        name=statement.words if statement else name,
        group=group,
        is_of_visit=_is_of_visit(resource),
        statement=statement,
        severity=severity_text(resource.get("severity")),
        sites=(
            *sites,
            # R5.
            *displays(resource.get("bodyStructure")),
            *side_texts(resource),
        ),
        stages=stages,
        evidence=tuple(_evidence(resource)),
        relations=said(
            contradiction_in(resource.get("code"), *sites)
            or (contradiction_in(resource.get("code"), *stages) if stages else "")
            or context_in(resource.get("code")),
            *_relations(resource),
            f"end: {goes_on}" if goes_on else "",
        ),
        categories=tuple(_categories(resource)),
        onset=onset,
        abatement=None if goes_on else abatement,
        recorded=recorded,
        asserted=_asserted(resource),
        learn_more_url="" if statement else medlineplus_url(codings(resource.get("code"))),
    )


def _with_affixes(name: str, resource: Resource) -> str:
    """Return the name with the words that Japan has beside it: "左" + "肺炎" + "の疑い"."""
    before, after = (
        [words for words in _affixes(resource, url) if words.removeprefix("の") not in name]
        for url in AFFIXES
    )
    return "".join((*before, name, *after))


def _affixes(resource: Resource, url: str) -> list[str]:
    found = mappings(resource.get("extension"))
    return [
        words_or_known(one.get("valueCodeableConcept"), _AFFIX_WORDS)
        for one in found
        if text(one.get("url")).endswith(url)
    ]


def _clinical(resource: Resource) -> set[str]:
    return set(status_codes(resource.get("clinicalStatus")))


def _asserted(resource: Resource) -> Moment | None:
    """Return when it was first noted (US Core's date of diagnosis)."""
    for extension in extensions(resource, ASSERTED):
        return member_moment(extension, "valueDateTime")
    return None


def _group(resource: Resource, abatement: Span | None, now: datetime) -> Group:
    """Return the group of a condition. An abatement without a status means that it is over unless
    it is to come; a status "active" beside an abatement takes precedence."""
    clinical = _clinical(resource)
    if clinical & OVER or certainty(resource) == AFTER:
        return "over"
    if abatement is not None and not clinical and _has_ended(abatement, now):
        return "over"
    return "visit" if _is_of_visit(resource) else "active"


def _has_ended(abatement: Span, now: datetime) -> bool:
    if abatement.moment is None:
        return not _goes_on(abatement)
    return not Chronology(now).is_future(abatement.moment)


def _goes_on(abatement: Span) -> bool:
    """Return whether the words in the place of an end say that there is none."""
    return abatement.moment is None and _GOES_ON.search(abatement.words) is not None


def _words_of_no_end(abatement: Span | None, group: Group) -> str:
    """Return the words in the place of an end that is none, or whose date nobody knows although it
    is listed as active."""
    if abatement is None:
        return ""
    if group != "over" and abatement.moment and is_nobody_known(abatement.moment.sent):
        return reason_words(abatement.moment.sent)
    return abatement.words if _goes_on(abatement) else ""


def _is_of_visit(resource: Resource) -> bool:
    categories = {code.casefold() for code in codes(resource.get("category"))}
    if categories & {"problem-list-item", "health-concern"}:
        return False
    words = " ".join(concept_texts(resource.get("category"))).casefold()
    return "encounter-diagnosis" in categories or _VISIT.search(words) is not None


def _status(resource: Resource, group: Group) -> str:
    said = ", ".join(filter(None, (status_text(resource), certainty_text(resource))))
    if _clinical(resource) or group == "over":
        return said or ("Over" if not _clinical(resource) else "")
    return ", ".join(filter(None, (STATUS_NOT_RECORDED, said)))


def _stage(stage: dict[str, Any], resource: Resource) -> str:
    """Return "Stage IIIB (pathological)", from the summary or from the assessment; at least that
    there is one."""
    assessed = names_of(stage.get("assessment"), resource, {})
    sent = stage.get("summary")
    # A bare code does not say that it is one.
    words = concept_words(sent) or labelled("stage", [concept_text(sent)])
    summary = ", ".join(filter(None, (words, *assessed)))
    kind = concept_text(stage.get("type"))
    if not (summary or kind) and stage.get("assessment"):
        return "stage: see the EHR"
    return f"{summary} ({kind})" if summary and kind else summary or kind


def _evidence(resource: Resource) -> Iterable[str]:
    yield from texts(resource.get("evidence"))
    for evidence in mappings(resource.get("evidence")):
        yield from concept_texts(evidence.get("code"))
        yield from names_of(evidence.get("detail"), resource, {})
        # R5 has the concept or the reference itself.
        yield from displays(evidence)


def _relations(resource: Resource) -> Iterable[str]:
    """Return what it is due to, what it followed, and what was ruled out (R4's extensions),
    and what a cancer is made of."""
    for extension in mappings(resource.get("extension")):
        label = RELATIONS.get(text(extension.get("url")).removeprefix(EXTENSIONS), "")
        words = concept_text(extension.get("valueCodeableConcept")) or display(
            extension.get("valueReference")
        )
        if label and words:
            yield f"{label}: {words}"


def _categories(resource: Resource) -> Iterable[str]:
    """Return the categories that say more than that it is a problem or diagnosis."""
    for category in mappings(resource.get("category")):
        if not {code.casefold() for code in codes(category)} & OTHER_CATEGORIES:
            yield concept_text(category)
