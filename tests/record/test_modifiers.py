"""The table of modifier elements against the StructureDefinitions that HL7 publishes for R4."""

from typing import Any

import pytest

from smartapp.chart.sections import SECTIONS
from smartapp.record.elements import Resource
from smartapp.record.modifiers import BACKBONES, DATATYPES, MODIFIERS, in_r4, reason_to_leave_out
from tests.record.published import structure_definitions

# Of every resource: these two are looked at wherever one is read.
EVERYWHERE = ("modifierExtension", "implicitRules")


def read_types() -> set[str]:
    """The resource types that say something of the patient."""
    searched = {search.resource_type for section in SECTIONS for search in section.searches}
    return searched | {"Patient", "Encounter", "Medication"}


def elements(resource_type: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = structure_definitions()[resource_type]["snapshot"]["element"]
    return found


def types_of(element: dict[str, Any]) -> list[str]:
    return [one["code"] for one in element.get("type", [])]


def below(resource_type: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (path, element) of all elements, with those of the datatypes that have some that
    modify, and of the elements that are defined elsewhere."""
    found = []
    for element in elements(resource_type):
        found.append((element["path"], element))
        if again := element.get("contentReference"):
            found += _moved(resource_type, again.removeprefix("#"), element["path"])
        for datatype in {"Dosage", "Timing"} & set(types_of(element)):
            path = element["path"].replace("[x]", datatype)
            found += [(path + inner.removeprefix(datatype), one) for inner, one in below(datatype)]
    return found


def _moved(resource_type: str, where: str, to: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (one["path"].replace(where, to, 1), one)
        for one in elements(resource_type)
        if one["path"].startswith(f"{where}.")
    ]


@pytest.mark.parametrize("resource_type", sorted(read_types() | set(MODIFIERS)))
def test_every_modifier_element_is_handled(resource_type: str) -> None:
    published = {
        path.partition(".")[2]
        for path, element in below(resource_type)
        if element.get("isModifier") and not path.endswith(EVERYWHERE)
    }
    assert published == set(MODIFIERS[resource_type])


@pytest.mark.parametrize("resource_type", sorted(read_types() | set(MODIFIERS)))
def test_every_modifier_extension_within_is_looked_for(resource_type: str) -> None:
    published = {
        tuple(path.split(".")[1:-1])
        for path, _ in below(resource_type)
        if path.endswith(".modifierExtension") and path.count(".") > 1
    }
    # Those of a questionnaire nest to any depth, and are looked for at every depth.
    published = {path for path in published if path[0] != "item"}
    assert published == set(BACKBONES.get(resource_type, ()))


def test_every_modifier_element_of_a_datatype_is_handled() -> None:
    used = {
        datatype
        for resource_type in read_types()
        for _, element in below(resource_type)
        for datatype in types_of(element)
        if datatype in structure_definitions() and datatype[0].isupper()
    }
    published = {
        element["path"]
        for datatype in used - read_types()
        for element in elements(datatype)
        if element.get("isModifier") and not element["path"].endswith(EVERYWHERE)
    }
    assert published <= set(DATATYPES)


@pytest.mark.parametrize("resource_type", sorted(MODIFIERS))
def test_each_handles_its_codes_in_one_way(resource_type: str) -> None:
    for modifier in MODIFIERS[resource_type].values():
        assert bool(modifier.words) != bool(modifier.reader)
        assert not modifier.words.keys() & modifier.leaves_out.keys()


def test_what_is_ruled_out_says_so() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "verificationStatus": "refuted"}
    assert reason_to_leave_out(allergy) == "ruled out"
    assert reason_to_leave_out({"resourceType": "Observation", "status": "final"}) == ""


STU3, R5 = (f"http://hl7.org/fhir/{release}.0/StructureDefinition/extension-" for release in (3, 5))


@pytest.mark.parametrize(
    ("resource_type", "extension", "status"),
    [
        (
            "MedicationStatement",
            {"url": f"{STU3}MedicationStatement.taken", "valueCode": "n"},
            "not-taken",
        ),
        (
            "MedicationStatement",
            {
                "url": f"{R5}MedicationStatement.adherence",
                "extension": [
                    {"url": "code", "valueCodeableConcept": {"coding": [{"code": "not-taking"}]}}
                ],
            },
            "not-taken",
        ),
        ("Immunization", {"url": f"{STU3}Immunization.notGiven", "valueBoolean": True}, "not-done"),
        ("Procedure", {"url": f"{STU3}Procedure.notDone", "valueBoolean": True}, "not-done"),
        ("Procedure", {"url": f"{STU3}Immunization.notGiven", "valueBoolean": True}, "active"),
        ("Procedure", {"url": f"{STU3}Procedure.notDone", "valueBoolean": False}, "active"),
    ],
)
def test_negations_of_other_releases_are_read_where_they_are_extensions(
    resource_type: str, extension: Resource, status: str
) -> None:
    sent = {"resourceType": resource_type, "status": "active", "extension": [extension]}
    assert in_r4(sent)["status"] == status


def test_an_element_of_the_resource_itself_counts_more_than_its_extension() -> None:
    taken = {"url": f"{STU3}MedicationStatement.taken", "valueCode": "n"}
    sent = {"resourceType": "MedicationStatement", "status": "active", "taken": "y"}
    assert in_r4({**sent, "extension": [taken]})["status"] == "active"
