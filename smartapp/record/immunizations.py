"""Immunizations: given, not given and why, or only reported (FHIR R4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from smartapp.record.absence import absent_code, named_or
from smartapp.record.amounts import NO_UNIT, amount_text, digits
from smartapp.record.codes import (
    codings,
    concept_text,
    concept_texts,
    concept_words,
    status_code,
    words_or_known,
)
from smartapp.record.elements import (
    Resource,
    each_of,
    is_false,
    is_true,
    is_unclear,
    mapping,
    mappings,
)
from smartapp.record.facts import said, unless_recorded
from smartapp.record.marks import Marks, doubted, read_marks
from smartapp.record.modifiers import NOT_UNDERSTOOD, status_text
from smartapp.record.moments import Moment, last_day, member_moment, newest_first
from smartapp.record.narratives import with_own_text
from smartapp.record.people import Person, read_person
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import Related, display, displays, name_of, reasons, who
from smartapp.record.sites import INJECTION_SITES, ROUTES
from smartapp.record.spans import in_place_of_a_date
from smartapp.record.statements import Statement, read_undated_statement, says_none
from smartapp.record.texts import prose, text

UNKNOWN_AMOUNT = re.compile(r"0(\.0*)? \W*unknown\b.*", re.IGNORECASE)
NOT_NAMED = "Vaccine that the EHR does not name"
VACCINATION_PROCEDURE = "VaccinationProcedure"
# R4's reasons (immunization-status-reason), for servers that send only the code.
NOT_GIVEN_WORDS = {
    "IMMUNE": "immunity",
    "MEDPREC": "a medical precaution",
    "OSTOCK": "the vaccine being out of stock",
    "PATOBJ": "the patient's objection",
}
# R4's code, and words that other makers send.
NOT_GIVEN = frozenset({"not-done", "not-given", "refused", "declined", "cancelled", "planned"})
UNCOUNTED = "This dose does not count"
SUBPOTENT = "Weaker than needed: this dose does not count as a full one"


@dataclass(frozen=True, slots=True)
class Immunization:
    """An immunization. `given` is its time; `given_words` is the time in words if there is no
    date. `is_contradicted`: it says that there are none, and the same list has one."""

    marks: Marks
    name: str
    is_given: bool
    given: Moment | None = None
    given_words: str = ""
    statement: Statement | None = None
    is_contradicted: bool = False
    subpotent: str = ""
    reported: str = ""
    dose: str = ""
    reasons: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    recorded: Moment | None = None

    @property
    def is_counted(self) -> bool:
        return self.is_given and self.statement is None


def read_immunizations(given: Given) -> Read[Immunization]:
    """Return the immunizations, newest first."""
    person = read_person(given.patient)
    read = read_each(given.resources, lambda one: _immunization(one, given, person))
    has_any = any(one.is_counted for one in read.entries)
    remarked = (replace(one, is_contradicted=has_any and _denies(one)) for one in read.entries)
    return replace(read, entries=tuple(sorted(remarked, key=_place)))


def _denies(one: Immunization) -> bool:
    """Return whether it says that there are none at all."""
    return one.is_given and says_none(one.statement)


def _place(one: Immunization) -> tuple[bool, float, str]:
    return bool(one.marks.doubt), newest_first(one.given), one.name.casefold()


def _immunization(resource: Resource, context: Given, person: Person) -> Immunization:
    related = context.related
    given = member_moment(resource, "occurrenceDateTime", "date")
    code = resource.get("vaccineCode")
    procedure = _procedure(resource)
    statement, name = read_undated_statement(code, given), named_or(code, NOT_NAMED)
    if procedure and absent_code(code):
        statement, name, procedure = None, procedure, ""
    # The status of a statement says nothing: IPS writes "No information" with one of "not done".
    is_stated = statement is not None and not absent_code(code)
    is_given = is_stated or status_code(resource) not in NOT_GIVEN
    marks = doubted(_marks(resource, given), context.now, person=person)
    marks = marks._replace(status="") if is_stated else marks
    is_named = not name.startswith(NOT_NAMED)
    marks = with_own_text(marks, resource, is_all_there_is=not is_named)
    return Immunization(
        marks=marks,
        name=statement.words if statement else name,
        is_given=is_given,
        given=given,
        given_words=in_place_of_a_date(prose(resource.get("occurrenceString"))),
        statement=statement,
        subpotent=_uncounted(resource) if is_given else "",
        reported=_reported(resource),
        dose=", ".join(filter(None, map(_dose, _protocols(resource)))),
        reasons=(*_why_not(resource), *reasons(resource, related), *_older_reasons(resource)),
        reactions=tuple(_reactions(resource, related)),
        details=said(procedure, *_details(resource, given if is_given else None)),
        recorded=member_moment(resource, "recorded"),
    )


def _procedure(resource: Resource) -> str:
    """Return the words of the United Kingdom's extension for what was done ("Administration of
    first dose of …"), which may be all that names the vaccine."""
    found = (
        concept_text(one.get("valueCodeableConcept"))
        for one in mappings(resource.get("extension"))
        if VACCINATION_PROCEDURE in text(one.get("url"))
    )
    return next(filter(None, found), "")


def _why_not(resource: Resource) -> list[str]:
    # STU3 has an element of its own.
    older = mapping(resource.get("explanation")).get("reasonNotGiven")
    sent = resource.get("statusReason")
    reasons_not_given = map(_reason_not_given, each_of(sent))
    return [*filter(None, reasons_not_given), *concept_texts(older)]


def _reason_not_given(concept: object) -> str:
    known = (NOT_GIVEN_WORDS.get(code, "") for _, code in codings(concept))
    written = concept_words(concept) or next(filter(None, known), "")
    return written or ", ".join(concept_texts(concept))


def _older_reasons(resource: Resource) -> list[str]:
    return concept_texts(mapping(resource.get("explanation")).get("reason"))


def _marks(resource: Resource, given: Moment | None) -> Marks:
    marks = read_marks(resource, when=given, status=_status(resource))
    if is_unclear(resource, "isSubpotent"):
        return marks._replace(not_understood=NOT_UNDERSTOOD)
    return marks


def _status(resource: Resource) -> str:
    return unless_recorded(resource, status_text(resource))


def _uncounted(resource: Resource) -> str:
    """Return that the dose is weaker than needed, or does not count (DSTU2, STU3), and why; "" for
    a full one."""
    found = []
    why_weaker = concept_texts(resource.get("subpotentReason"))
    if is_true(resource.get("isSubpotent")) or (why_weaker and "isSubpotent" not in resource):
        found.append((SUBPOTENT, why_weaker))
    for protocol in mappings(resource.get("vaccinationProtocol")):
        status = protocol.get("doseStatus")
        if _counts_not(status):
            why = concept_texts(protocol.get("doseStatusReason"))
            found.append((UNCOUNTED, why or [concept_words(status)]))
    return ", ".join(
        f"{words} ({', '.join(why)})" if any(why) else words for words, why in dict(found).items()
    )


def _counts_not(status: object) -> bool:
    is_coded = any(code.casefold() == "nocount" for _, code in codings(status))
    return is_coded or "not count" in concept_words(status).casefold()


def _reported(resource: Resource) -> str:
    """Return "As reported (…)" if the EHR only knows it from others."""
    # R5 has a concept or a reference, DSTU2 a boolean.
    origin = concept_text(resource.get("reportOrigin") or resource.get("informationSource"))
    is_told = is_false(resource.get("primarySource")) or is_true(resource.get("reported"))
    if is_told or origin:
        return f"As reported ({origin})" if origin else "As reported"
    return ""


def _protocols(resource: Resource) -> list[dict[str, Any]]:
    """Return the protocols; those of DSTU2 and STU3 have another name."""
    return [
        *mappings(resource.get("protocolApplied")),
        *mappings(resource.get("vaccinationProtocol")),
    ]


def _dose(protocol: dict[str, Any]) -> str:
    """Return "Dose 1 of 3 (Primary series), against Measles"."""
    number = _position(protocol, "doseNumber") or digits(protocol.get("doseSequence"))
    of = _position(protocol, "seriesDoses")
    series = text(protocol.get("series"))
    against = " and ".join(concept_texts(protocol.get("targetDisease")))
    dose = f"Dose {number} of {of}" if number and of else f"Dose {number}" if number else ""
    dose = dose or (f"{of} doses in all" if of else "")
    named = f"{dose} ({series})" if dose and series else dose or series
    return ", ".join(filter(None, (named, f"against {against}" if against else "")))


def _position(protocol: dict[str, Any], name: str) -> str:
    number = digits(protocol.get(f"{name}PositiveInt")) or digits(protocol.get(name))
    return number or text(protocol.get(f"{name}String")) or text(protocol.get(name))


def _reactions(resource: Resource, related: Related) -> Iterable[str]:
    for reaction in mappings(resource.get("reaction")):
        detail = reaction.get("detail") or reaction.get("manifestation")
        what = name_of(detail, resource, related) or "described in the EHR"
        when = member_moment(reaction, "date")
        told = "as reported" if is_true(reaction.get("reported")) else ""
        yield ", ".join(filter(None, (what, when.day_text if when else "", told)))


def _expiration(expires: Moment, given: Moment | None) -> str:
    """Return when the lot expires; one that was given later may not count."""
    are_readable = given is not None and given.is_readable and expires.is_readable
    if given is not None and are_readable and last_day(expires) < given.at.date():
        return f"expired {expires.day_text}, before the date of this dose"
    return f"expires {expires.day_text}"


def _amount(resource: Resource) -> str:
    """Return "0.5 mL"; a number without a unit may be of anything.

    Oracle Health sends "0 unknown unit" of doses that a patient told of, which is no amount.
    """
    words = amount_text(resource.get("doseQuantity"))
    if UNKNOWN_AMOUNT.fullmatch(words):
        return ""
    return f"amount: {words}" if words.endswith(NO_UNIT) else words


def _details(resource: Resource, given: Moment | None) -> Iterable[str]:
    """Return lot, amount, site and route, manufacturer, place and people."""
    if lot := text(resource.get("lotNumber")) or digits(resource.get("lotNumber")):
        yield f"lot {lot}"
    if expires := member_moment(resource, "expirationDate"):
        yield _expiration(expires, given)
    yield from filter(
        None,
        (
            # R5 has the product beside the vaccine.
            display(resource.get("administeredProduct")),
            _amount(resource),
            words_or_known(resource.get("site"), INJECTION_SITES),
            words_or_known(resource.get("route"), ROUTES),
            display(resource.get("manufacturer")),
            display(resource.get("location")),
        ),
    )
    performers = [*mappings(resource.get("performer")), *mappings(resource.get("practitioner"))]
    for performer in performers:
        if name := who(performer.get("actor"), resource):
            role = concept_text(mapping(performer.get("function")))
            yield f"{name} ({role})" if role else name
    yield from concept_texts(resource.get("fundingSource"))
    yield from displays(resource.get("encounter"))
