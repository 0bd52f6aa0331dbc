"""What a page shows does not change with the way in which a record says it, and changes with what
it says: of the sandbox's people, whose records have every kind of entry."""

from collections.abc import Callable
from typing import Any

import pytest

from smartapp.chart.sections import SECTIONS
from smartapp.sandbox.fhir.store import store
from tests.chart.samples import PATIENT, Resource, about_patient, concept
from tests.pages.sections import words_of

# Those that may have none (FHIR R4).
WITHOUT_STATUS = {"Condition", "AllergyIntolerance", "RelatedPerson"}
STATUSES = ("status", "lifecycleStatus")


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
