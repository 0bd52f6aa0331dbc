"""The people who care for the patient: care teams and general practitioners (CareTeam, Patient)."""

from collections.abc import Iterable
from typing import Any

from smartapp.record.codes import concept_text, concept_texts, status_code
from smartapp.record.contact_points import telecoms
from smartapp.record.elements import Resource, mappings
from smartapp.record.facts import Fact, in_order, labelled, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.names import best_name
from smartapp.record.narratives import with_own_text
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import display, displays, reasons, target, to_follow
from smartapp.record.texts import text
from smartapp.record.timing import period_moments, period_words

OVER = "no longer active"
NOT_NAMED = "member whom the EHR does not name"
ELSEWHERE = "member in another entry of the EHR"


def read_care_teams(given: Given) -> Read[Fact]:
    """Return the teams, each member with their role; former teams are folded."""
    return in_order(read_each(given.resources, lambda one: _team(one, given)))


def care_teams_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(
        member.get("member") for one in resources for member in mappings(one.get("participant"))
    )


def _team(resource: Resource, given: Given) -> Fact:
    start, end = period_moments(resource.get("period"))
    marks = read_marks(
        resource, when=start, status=unless_recorded(resource, status_text(resource))
    ).between(start, end)
    if status_code(resource) == "active":
        marks = marks.going_on(start, end, given.now)
    name = text(resource.get("name")) or concept_text(resource.get("category")) or "Care team"
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=not resource.get("participant")),
        name=name,
        fold=OVER if status_code(resource) in ("inactive", "suspended") else "",
        began=start,
        ended=end,
        lines=said(
            *(_member(one, given) for one in mappings(resource.get("participant"))),
            labelled("because of", reasons(resource, given.related)),
        ),
        details=said(
            *(words for words in concept_texts(resource.get("category")) if words != name),
            *displays(resource.get("managingOrganization")),
            *telecoms(resource, given.now),
        ),
    )


def _roles(found: Resource) -> list[str]:
    if found.get("resourceType") != "PractitionerRole":
        return []
    return concept_texts(found.get("code")) or concept_texts(found.get("specialty"))


def _member(member: dict[str, Any], given: Given) -> str:
    reference = member.get("member")
    found = given.related.get(target(reference), {})
    # A PractitionerRole has the name of its person, and says what that person does.
    name = display(reference) or best_name(found, given.now) or display(found.get("practitioner"))
    roles = concept_texts(member.get("role")) or _roles(found)
    role = ", ".join(dict.fromkeys(roles))
    of = ", ".join(displays(member.get("onBehalfOf")))
    # R5 calls it the period of coverage.
    during = period_words(member.get("period") or member.get("coveragePeriod")) or ""
    unnamed = ELSEWHERE if target(reference) else NOT_NAMED
    return ", ".join(said(name or unnamed, role, of, during))
