"""Allergies and intolerances (FHIR R4 AllergyIntolerance).

An empty list never means "no known allergies"; only a statement in the record does.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from smartapp.record.absence import absent_code, named_or, reason_words
from smartapp.record.amounts import duration_text
from smartapp.record.codes import (
    codes,
    coding_displays,
    concept_text,
    concept_words,
    status_code,
    status_codes,
)
from smartapp.record.elements import Resource, each_of, extensions, mapping, mappings
from smartapp.record.marks import Marks, comments, doubted, origin_of, read_marks
from smartapp.record.moments import Moment, first_moment, member_moment, newest_first, parse_moment
from smartapp.record.narratives import with_own_text
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import name_of, target
from smartapp.record.ruled_out import RuledOut, remark_on, ruled_out
from smartapp.record.severities import SEVERITIES, severity_code
from smartapp.record.spans import Span, read_span
from smartapp.record.statements import Statement, contradicts, read_statement
from smartapp.record.texts import prose, text, texts

NOT_NAMED = "Allergy to something that the EHR does not name"
OVER = frozenset({"inactive", "resolved"})
CRITICALITY_WORDS = {
    "high": "High criticality",
    "low": "Low criticality",
    "unable-to-assess": "Criticality could not be assessed",
}
# The codes of HL7 v3 and DSTU2, and their words.
OLDER_CRITICALITIES = {
    **dict.fromkeys(("crith", "high-risk", "high-criticality"), "high"),
    **dict.fromkeys(("critl", "low-risk", "low-criticality"), "low"),
    **dict.fromkeys(("critu", "unable-to-determine"), "unable-to-assess"),
}
CATEGORY_WORDS = {
    "food": "Food",
    "medication": "Medication",
    "environment": "Environment",
    "biologic": "Biologic",
}
_WORD = re.compile(r"[^\W\d_]{2,}")
# "Sulfa" and "sulfonamide" are alike, but not "hydrocodone" and "hydrocortisone", or "pea" and
# "peanut".
LEAST_IN_COMMON, MOST_APART = 4, 3
# Letters of a word that is not in another one by chance.
LEAST_INSIDE = 7
_OF_ANY_ALLERGY = frozenset(
    [
        "allergy", "allergies", "allergic", "allergen", "reaction", "intolerance", "intolerant",
        "adverse", "hypersensitivity", "sensitivity", "propensity", "history", "drug", "drugs",
        "food", "medication", "medicine", "product", "products", "substance", "agent", "agents",
        "class", "containing", "preparation", "derivative", "derivatives", "disorder", "finding",
        "to", "of", "and", "or", "the", "with", "in",
    ]
)  # fmt: skip
# R4's extensions of AllergyIntolerance and of its reaction.
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/allergyintolerance-"
EXPOSURE_RISK = f"{EXTENSIONS}substanceExposureRisk"
# The United States Department of Veterans Affairs' extension for how an allergy is known.
_HOW_KNOWN = "/allergyObservedHistoric"
_HOW_KNOWN_WORDS = {"o": "Observed", "h": "Historical: reported, not observed"}


@dataclass(frozen=True, slots=True)
class Reaction:
    """One reaction.

    `words` is for example "Hives, wheezing (severe)". `details` is everything else about it.
    `severity` is FHIR's code, for example "severe"; "" for any other. `substance` is what caused
    it, if the allergy's name does not say so.
    """

    words: str
    details: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    severity: str = ""
    substance: str = ""


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy or a statement.

    `statement` is set for a "no known …" that the record itself contains. `is_contradicted`: the
    same list has an allergy that the statement denies.
    """

    marks: Marks
    name: str
    is_active: bool
    statement: Statement | None = None
    is_contradicted: bool = False
    is_high: bool = False
    criticality: str = ""
    kind: str = ""
    how_known: str = ""
    categories: tuple[str, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    onset: Span | None = None
    resolved: str = ""
    last_occurrence: Moment | None = None
    recorded: Moment | None = None

    @property
    def is_counted(self) -> bool:
        return self.is_active and self.statement is None

    @property
    def name_with_substances(self) -> str:
        """The name, which may be that of a kind, and what caused the reactions: "Drug allergy
        (Codeine)"; without a name the cause alone. A page may cut the end."""
        each = {one.substance.casefold(): one.substance for one in self.reactions if one.substance}
        found = ", ".join(each.values())
        if not found:
            return self.name
        return found if self.name.startswith(NOT_NAMED) else f"{self.name} ({found})"

    @property
    def severity_rank(self) -> int:
        """0 if the worst reaction was severe."""
        ranks = map(SEVERITIES.index, (one.severity for one in self.reactions if one.severity))
        return min(ranks, default=len(SEVERITIES))


def read_allergies(given: Given) -> Read[Allergy]:
    """Return the allergies, active and critical ones first, and the statements about them."""
    others = ruled_out(given.resources)
    read = read_each(given.resources, lambda one: _allergy(one, given.now, others))
    return replace(read, entries=tuple(sorted(_remarked(read.entries), key=_place)))


def _place(allergy: Allergy) -> tuple[bool, bool, bool, int, float, str]:
    is_minor = allergy.statement is not None
    when = newest_first(allergy.recorded) if is_minor else 0
    return (
        not allergy.is_active,
        is_minor,
        not allergy.is_high,
        allergy.severity_rank,
        when,
        allergy.name.casefold(),
    )


def _remarked(allergies: Iterable[Allergy]) -> list[Allergy]:
    """Return the entries; each statement says whether another entry contradicts it, by its kind or
    by its name: "No known allergy to penicillin"."""
    listed = list(allergies)
    names = [_WORD.findall(one.name_with_substances.casefold()) for one in listed if one.is_counted]
    kinds = [
        [kind for kind in one.categories if kind in CATEGORY_WORDS] or [*CATEGORY_WORDS]
        for one in listed
        if one.is_counted
    ]
    return [
        replace(
            one,
            is_contradicted=contradicts(one.statement, kinds) or _is_named(one.statement, names),
        )
        if one.statement and one.is_active
        else one
        for one in listed
    ]


def _is_named(statement: Statement, names: Iterable[Sequence[str]]) -> bool:
    """Return whether a name has one of the substances to which there is no allergy: penicillin is
    in benzylpenicillin; short words are only themselves, as wheat is not in buckwheat."""
    words = {word.removesuffix("s") for name in names for word in name}
    kinds = (word for word in statement.kind.casefold().split() if word not in CATEGORY_WORDS)
    denied = {word.removesuffix("s") for word in kinds if len(word) >= LEAST_IN_COMMON}
    return bool(denied & words) or any(
        one in word for one in denied if len(one) >= LEAST_INSIDE for word in words
    )


def _in_r4(resource: Resource) -> Resource:
    """Return the resource with R4's names for elements of DSTU2."""
    one_status = status_code(resource)
    renamed = {
        "code": resource.get("substance"),
        "lastOccurrence": resource.get("lastOccurence"),
        # One status instead of R4's two.
        "clinicalStatus": one_status if one_status in OVER else "",
        "verificationStatus": one_status if one_status == "unconfirmed" else "",
    }
    missing = {name: old for name, old in renamed.items() if old and resource.get(name) is None}
    return {**resource, **missing} if missing else resource


def _allergy(sent: Resource, now: datetime, others: Sequence[RuledOut]) -> Allergy:
    resource = _in_r4(sent)
    statement = _statement(resource)
    criticality = _criticality(resource)
    onset, last_occurrence = read_span(resource, "onset"), member_moment(resource, "lastOccurrence")
    marks = read_marks(
        resource,
        when=member_moment(resource, "recordedDate", "assertedDate"),
        origin=origin_of(resource),
    )
    is_named = bool(_words(resource))
    marks = with_own_text(marks, resource, is_all_there_is=not is_named)
    if statement is None and (denial := _denial(resource)):
        remark = f"Its code says “{denial}”, but not the rest of the entry."
        marks = marks._replace(notes=(remark, *marks.notes))
    elif statement is None and (other := _other_name(resource.get("code"))):
        marks = marks._replace(notes=(f"Its code says “{other}”.", *marks.notes))
    if statement is None and _is_active(resource):
        marks = _current(marks, resource, others, now)
    return Allergy(
        marks=doubted(marks, now, onset.moment if onset else None, last_occurrence),
        name=statement.words if statement else _name(resource),
        is_active=_is_active(resource),
        statement=statement,
        is_high=criticality == "high",
        criticality=_criticality_words(criticality),
        kind=_kind(resource),
        how_known=next(_how_known(resource), ""),
        categories=tuple(_categories(resource)),
        reactions=_reactions(resource),
        onset=onset,
        resolved=_resolved(resource),
        last_occurrence=last_occurrence,
        recorded=member_moment(resource, "recordedDate", "assertedDate"),
    )


def _current(marks: Marks, resource: Resource, others: Sequence[RuledOut], now: datetime) -> Marks:
    """Return the marks of an allergy that is listed as current; with what speaks against it."""
    if remark := remark_on(resource, others):
        marks = marks.with_remarks(remark)
    return marks.going_on(None, first_moment(*_ends(resource)[0]), now)


def _is_active(resource: Resource) -> bool:
    """Return whether it is current; of two statuses that contradict each other "active" counts."""
    said = status_codes(resource.get("clinicalStatus"))
    return "active" in said or OVER.isdisjoint(said)


def _how_known(resource: Resource) -> Iterator[str]:
    for one in mappings(resource.get("extension")):
        if text(one.get("url")).endswith(_HOW_KNOWN):
            yield _HOW_KNOWN_WORDS.get(text(one.get("valueCode")), "")


def _kind(resource: Resource) -> str:
    """Return "Intolerance", or another type of the EHR's own; "" for an allergy."""
    written = concept_text(resource.get("type"))
    is_allergy = status_code(resource, "type") == "allergy"
    return "" if is_allergy else f"{written[:1].upper()}{written[1:]}"


def _categories(resource: Resource) -> Iterable[str]:
    """Return R4's codes; for any other category its words."""
    sent = resource.get("category")
    for one in each_of(sent):
        known = (code for code in status_codes(one) if code in CATEGORY_WORDS)
        if words := next(known, concept_text(one)):
            yield words


def _resolved(resource: Resource) -> str:
    """Return at which age it was outgrown, or since when it is over, and why; "" if that is not
    said."""
    ages = filter(None, map(duration_text, _by_extension(resource, "resolutionAge", "valueAge")))
    days, why = _ends(resource)
    words = [f"at the age of {age}" for age in ages]
    dated = [found.day_text for found in map(parse_moment, days) if found]
    return ", ".join(filter(None, [*words, *dated, *why]))


def _ends(resource: Resource) -> tuple[list[object], list[str]]:
    """Return the days on which it ended, as sent, and why."""
    days: list[object] = _by_extension(resource, "abatement", "valueDateTime")
    why: list[str] = []
    for end in mappings(resource.get("extension")):
        # The International Patient Summary's, and the United Kingdom's.
        if text(end.get("url")).endswith("/abatement-dateTime-uv-ips"):
            days.append(end.get("valueDateTime"))
        elif "AllergyIntoleranceEnd" in text(end.get("url")):
            parts = mappings(end.get("extension"))
            days += [part.get("valueDateTime") for part in parts]
            why += [text(part.get("valueString")) for part in parts]
    return days, why


def _by_extension(holder: Resource, name: str, member: str) -> list[object]:
    return [extension.get(member) for extension in extensions(holder, f"{EXTENSIONS}{name}")]


def _criticality(resource: Resource) -> str:
    code = status_code(resource, "criticality")
    return OLDER_CRITICALITIES.get(code, code)


def _criticality_words(criticality: str) -> str:
    known = CRITICALITY_WORDS.get(criticality)
    return known or (f"Criticality “{criticality}”" if criticality else "")


def _statement(resource: Resource) -> Statement | None:
    """Return the statement that the code makes, or that a substance is known to be harmless. A
    reaction to something that is not named is an allergy, whatever the code says."""
    found = read_statement(resource.get("code"))
    if found and not _is_of_something(resource):
        return found
    for extension in extensions(resource, EXPOSURE_RISK):
        if "no-known-reaction-risk" in _risks(extension):
            name = concept_text(resource.get("code")) or _substance_at_risk(extension) or "it"
            return Statement(f"No known risk of a reaction to {name}", "none", kind=name)
    return None


def _risks(extension: dict[str, Any]) -> set[str]:
    parts = mappings(extension.get("extension"))
    return {code for part in parts for code in codes(part.get("valueCodeableConcept"))}


def _substance_at_risk(extension: dict[str, Any]) -> str:
    parts = [p for p in mappings(extension.get("extension")) if p.get("url") == "substance"]
    return next(filter(None, (concept_text(p.get("valueCodeableConcept")) for p in parts)), "")


def _is_of_something(resource: Resource) -> bool:
    reactions = mappings(resource.get("reaction"))
    return any(map(_has_happened, reactions)) or _criticality(resource) == "high"


def _has_happened(reaction: dict[str, Any]) -> bool:
    """Return whether a reaction is one, and not "None"."""
    said = [
        *mappings(reaction.get("manifestation")),
        *mappings(reaction.get("substance")),
        {"text": prose(reaction.get("description"))},
    ]
    told = [one for one in said if concept_text(one)]
    return bool(reaction) and not (told and all(map(read_statement, told)))


def _name(resource: Resource) -> str:
    if _denial(resource):
        return NOT_NAMED
    return _words(resource) or named_or(resource.get("code"), NOT_NAMED)


def _denial(resource: Resource) -> str:
    """Return the words of a code that says that there is none."""
    said = read_statement(resource.get("code"))
    return said.words if said and said.meaning == "none" else ""


def _words(resource: Resource) -> str:
    code = {} if absent_code(resource.get("code")) else resource.get("code")
    risks = filter(None, map(_substance_at_risk, extensions(resource, EXPOSURE_RISK)))
    return concept_words(code) or _substances(resource) or next(risks, "") or concept_text(code)


def _other_name(code: object) -> str:
    """Return the words of the code if they have nothing in common with the author's text: "PCN"
    coded as "Penicillin", which it explains, or as "Peanut", which it contradicts."""
    members = mapping(code)
    present = [one for one in mappings(members.get("coding")) if not absent_code({"coding": [one]})]
    displays = coding_displays({"coding": present})
    mine = _telling(text(members.get("text")))
    others = [word for one in displays for word in _telling(one)]
    is_alike = any(_begin_alike(word, other) for word in mine for other in others)
    return displays[0] if mine and others and not is_alike else ""


def _telling(words: str) -> set[str]:
    """Return the words that say to what the allergy is."""
    return set(_WORD.findall(words.casefold())) - _OF_ANY_ALLERGY


def _begin_alike(word: str, other: str) -> bool:
    shorter = min(len(word), len(other))
    pairs = enumerate(zip(word, other, strict=False))
    common = next((place for place, (one, another) in pairs if one != another), shorter)
    are_alike = common >= LEAST_IN_COMMON and shorter - common <= MOST_APART
    return are_alike or word.rstrip("s") == other.rstrip("s")


def _substances(resource: Resource) -> str:
    found = [concept_text(one.get("substance")) for one in mappings(resource.get("reaction"))]
    return ", ".join(dict.fromkeys(filter(None, found)))


def _reactions(resource: Resource) -> tuple[Reaction, ...]:
    name = _name(resource)
    read = [_reaction(one, name, resource) for one in mappings(resource.get("reaction"))]
    # Some servers send a sentence instead of FHIR's structure.
    read += [Reaction(words) for words in texts(resource.get("reaction"))]
    return tuple(one for one in read if one.words or one.details or one.notes)


def _reaction(reaction: dict[str, Any], name: str, holder: Resource) -> Reaction:
    sent = reaction.get("manifestation")
    # Some servers send words instead of concepts.
    each = each_of(sent)
    written = ", ".join(
        filter(None, (concept_words(one) or _referred_to(one, holder) for one in each))
    )
    description = prose(reaction.get("description"))
    bare = ", ".join(map(_bare, mappings(reaction.get("manifestation"))))
    what = written or description or bare
    severity = severity_code(reaction.get("severity"))
    substance = _substance_beside(name, reaction)
    return Reaction(
        words=_with_severity(what, severity),
        details=tuple(_reaction_details(reaction, substance, description if written else "")),
        substance=substance,
        notes=tuple(comments(reaction.get("note"))),
        severity=severity if severity in SEVERITIES else "",
    )


def _referred_to(manifestation: object, holder: Resource) -> str:
    """Return the name of the finding that a manifestation refers to (R5), or that it is in the EHR;
    "" for a concept."""
    if not target(manifestation):
        return ""
    return name_of(manifestation, holder, {}) or "a reaction described in the EHR"


def _bare(manifestation: dict[str, Any]) -> str:
    """Return a manifestation without words: its code, or why there is none."""
    reason = absent_code(manifestation)
    return f"reaction {reason_words(reason)}" if reason else concept_text(manifestation)


def _with_severity(what: str, severity: str) -> str:
    if not severity:
        return what
    words = severity if severity in SEVERITIES else f"severity “{severity}”"
    return f"{what} ({words})" if what else f"{words.capitalize()} reaction"


def _substance_beside(name: str, reaction: dict[str, Any]) -> str:
    """Return what caused a reaction; "" if the name has it, or nobody knows."""
    sent = reaction.get("substance")
    substance = "" if read_statement(sent) else concept_text(sent)
    return "" if substance.casefold() in name.casefold() else substance


def _reaction_details(reaction: dict[str, Any], substance: str, description: str) -> Iterable[str]:
    if description:
        yield description
    if substance:
        yield f"to {substance}"
    if route := concept_text(reaction.get("exposureRoute")):
        yield f"exposure: {route}"
    if onset := member_moment(reaction, "onset"):
        yield onset.day_text
    for duration in filter(
        None, map(duration_text, _by_extension(reaction, "duration", "valueDuration"))
    ):
        yield f"for {duration}"
    # STU3 had an element; R4 has an extension.
    certainty = [
        reaction.get("certainty"),
        *_by_extension(reaction, "certainty", "valueCodeableConcept"),
    ]
    for words in filter(None, map(concept_text, certainty)):
        yield f"certainty: {words}"
