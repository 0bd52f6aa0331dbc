"""What a page shows does not change with the way in which a record says it, and changes with what
it says: of the sandbox's people, whose records have every kind of entry."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from smartapp.chart.sections import SECTIONS
from smartapp.sandbox.fhir.store import store
from tests.chart.samples import PATIENT, Resource, about_patient, concept
from tests.pages.sections import words_of

# Two people who have entries in most sections, and few of each.
PEOPLE = ("a-1.E-1005", "a-1.E-1012")
UNKNOWN: Resource = {"url": "https://example.org/unknown", "valueCode": "x"}
NORMAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}
# Those that may have none (FHIR R4).
WITHOUT_STATUS = {"Condition", "AllergyIntolerance", "RelatedPerson"}
STATUSES = ("status", "lifecycleStatus")


def everywhere(change: Callable[[Resource], Resource]) -> Callable[[Any], Any]:
    """Return what makes a change in each object of a JSON value."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(one) for one in value]
        if not isinstance(value, dict):
            return value
        return change({name: changed(one) for name, one in value.items()})

    return changed


def with_lists_reversed(element: Resource) -> Resource:
    names = ("coding", "component", "extension", "identifier", "category", "hasMember")
    return {name: one[::-1] if name in names else one for name, one in element.items()}


def with_references(written: str) -> Callable[[Any], Any]:
    def changed(element: Resource) -> Resource:
        reference = element.get("reference")
        is_one = isinstance(reference, str) and not reference.startswith(("#", "http"))
        return {**element, "reference": written.format(reference)} if is_one else element

    return everywhere(changed)


def with_unknown_content(element: Resource) -> Resource:
    """An unknown part of a dose may limit it, so only what names something gets one."""
    if element.keys().isdisjoint(("resourceType", "coding", "reference")):
        return element
    sent = element.get("extension", [])
    names = [name for name, one in element.items() if isinstance(one, str) and name != "url"]
    beside = {f"_{name}": {"extension": [UNKNOWN]} for name in names}
    return {**beside, **element, "extension": [UNKNOWN, *sent], "unknownElement": "x"}


def with_meta(resource: Resource) -> Resource:
    sent = resource.get("meta", {})
    added = {"security": NORMAL, "tag": {"code": "x"}, "profile": "https://example.org/p"}
    labels = {name: [*sent.get(name, ()), one] for name, one in added.items()}
    return {**resource, "meta": {**sent, **labels}}


# Each says the same in another way.
THE_SAME: dict[str, Callable[[list[Resource]], list[Resource]]] = {
    "entries in another order": lambda entries: entries[::-1],
    "lists in another order": everywhere(with_lists_reversed),
    "members in another order": everywhere(lambda one: dict(reversed(one.items()))),
    "absolute references": with_references("https://ehr.example/r4/{}"),
    "references with a version": with_references("{}/_history/2"),
    "unknown content": everywhere(with_unknown_content),
    "labels that say nothing": lambda entries: [*map(with_meta, entries)],
}


def shown(entries: list[Resource]) -> dict[str, str]:
    """Return what each section shows of a record."""
    types = {one["resourceType"] for one in entries}
    asked = {one.name: {each.resource_type for each in one.searches} for one in SECTIONS}
    return {
        name: words_of(name, *(one for one in entries if one["resourceType"] in its))
        for name, its in asked.items()
        if its & types
    }


@cache
def record_of(person: str) -> tuple[list[Resource], dict[str, str]]:
    kept = store().by_reference.values()
    entries = [one.resource for one in kept if one.patient == person and one.type != "Patient"]
    return entries, shown(entries)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("way", THE_SAME)
def test_what_is_said_in_another_way_is_shown_alike(person: str, way: str) -> None:
    entries, before = record_of(person)
    assert shown(THE_SAME[way](entries)) == before


@cache
def of_each_type() -> dict[str, tuple[str, Resource]]:
    """Return for each resource type the section that shows it, and an entry."""
    found: dict[str, tuple[str, Resource]] = {}
    for section in SECTIONS:
        for search in section.searches:
            for record in store().by_type.get(search.resource_type, ()):
                if record.patient and section.belongs(record.resource):
                    found.setdefault(search.resource_type, (section.name, record.resource))
    return found


@pytest.mark.parametrize("resource_type", sorted(of_each_type().keys() - WITHOUT_STATUS))
def test_an_entry_without_a_status_says_so(resource_type: str) -> None:
    section, entry = of_each_type()[resource_type]
    without = {name: value for name, value in entry.items() if name not in STATUSES}
    said = "Status not recorded"
    assert said not in words_of(section, entry)
    assert said in words_of(section, without)


def performer(reference: Resource) -> Resource:
    return {"performer": [{"actor": reference}]}


# Where a resource says who told or did something, and the section that shows it.
TELLERS: dict[str, tuple[str, str, Callable[[Resource], Resource]]] = {
    "who recorded an allergy": (
        "allergies", "AllergyIntolerance", lambda whom: {"recorder": whom},
    ),
    "who took part in an allergy (R5)": (
        "allergies", "AllergyIntolerance", lambda whom: {"participant": [{"actor": whom}]},
    ),
    "who told of a problem": ("problems", "Condition", lambda whom: {"asserter": whom}),
    "who reported a medicine": (
        "medications", "MedicationStatement", lambda whom: {"informationSource": whom},
    ),
    "whose report an order is": (
        "medications", "MedicationRequest", lambda whom: {"reportedReference": whom},
    ),
    "who told of a procedure": ("procedures", "Procedure", lambda whom: {"asserter": whom}),
    "who gave a medicine": ("dispenses", "MedicationAdministration", performer),
    "who gave a vaccine": ("immunizations", "Immunization", performer),
    "whose goal it is": ("plans", "Goal", lambda whom: {"expressedBy": whom}),
    "who filled a questionnaire in": (
        "social",
        "QuestionnaireResponse",
        lambda whom: {"source": whom, "item": [{"text": "Pain", "answer": [{"valueInteger": 3}]}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("where", TELLERS)
@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"reference": f"Patient/{PATIENT}"}, "the patient"),
        ({"reference": f"https://ehr.example/r4/Patient/{PATIENT}/_history/3"}, "the patient"),
        ({"reference": "RelatedPerson/1"}, "a related person"),
        ({"type": "RelatedPerson", "identifier": {"value": "1"}}, "a related person"),
        ({"reference": f"Patient/{PATIENT}", "display": "Eleni P."}, "Eleni P."),
        ({"reference": "Patient/another"}, ""),
        ({"reference": "Practitioner/1"}, ""),
        ({"type": "Practitioner"}, ""),
    ],
)
def test_who_told_it_is_said_without_a_name(where: str, reference: Resource, said: str) -> None:
    section, resource_type, members = TELLERS[where]
    name: Any = concept("Name")
    named = {"code": name, "medicationCodeableConcept": name, "vaccineCode": name}
    shown = words_of(section, about_patient(resource_type, "1", **named, **members(reference)))
    assert said in shown
    if not said:
        assert "the patient" not in shown
        assert "a related person" not in shown
