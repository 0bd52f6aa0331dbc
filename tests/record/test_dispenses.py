from typing import Any

import pytest

from smartapp.record.dispenses import dispenses_to_follow, read_dispenses
from smartapp.record.facts import Fact
from smartapp.record.medication_names import TWO_NAMES
from tests.chart.samples import Resource, about_patient, concept
from tests.record.samples import given


def fact(resource_type: str, **members: Any) -> Fact:
    base = {"status": "completed", "medicationCodeableConcept": concept("Warfarin 5 mg")}
    resource = about_patient(resource_type, "m", **{**base, **members})
    (only,) = read_dispenses(given(resource)).entries
    return only


def test_what_was_handed_out() -> None:
    found = fact(
        "MedicationDispense",
        whenHandedOver="2026-05-02",
        quantity={"value": 30, "unit": "tablets"},
        daysSupply={"value": 30, "unit": "days"},
        type=concept("Refill"),
        dosageInstruction=[{"text": "1 at night", "patientInstruction": "with water", "x": 1}],
        performer=[{"actor": {"display": "Corner Pharmacy"}}],
        note=[{"text": "left with neighbour"}],
    )
    assert found.began is not None
    assert found.lines == (
        "1 at night",
        "to the patient: with water",
        "there is more on this dose in the EHR",
    )
    assert found.details == (
        "dispensed",
        "30 tablets",
        "for 30 days",
        "Refill",
        "Corner Pharmacy",
    )
    assert found.marks.notes == ("left with neighbour",)


def test_what_was_not_handed_out_does_not_look_as_if_it_was() -> None:
    found = fact(
        "MedicationDispense",
        status="declined",
        statusReasonCodeableConcept=concept("Interaction"),
    )
    assert found.marks.status == "Not dispensed (declined)"
    assert found.lines == ("why not: Interaction",)
    assert "dispensed" not in found.details


def test_what_was_given_by_whom_and_how() -> None:
    found = fact(
        "MedicationAdministration",
        effectivePeriod={"start": "2026-05-02T08:00:00Z", "end": "2026-05-02T09:00:00Z"},
        dosage={
            "dose": {"value": 5, "unit": "mg"},
            "route": concept("IV"),
            "rateQuantity": {"value": 25, "unit": "mL/h"},
        },
        performer=[{"actor": {"display": "Nurse Li"}}],
        reasonCode=[concept("Thrombosis")],
    )
    assert found.lines == ("5 mg, at 25 mL/h, IV", "for: Thrombosis")
    assert found.details == ("given", "Nurse Li")


def test_what_was_not_given_says_so() -> None:
    found = fact("MedicationAdministration", status="not-done", statusReason=[concept("Vomiting")])
    assert found.marks.status == "Not given (not done)"
    assert found.lines == ("why not: Vomiting",)
    assert "given" not in found.details


def test_medications_without_a_name_are_asked_for() -> None:
    found = dispenses_to_follow([{"medicationReference": {"reference": "Medication/7"}}])
    assert found == ("Medication/7",)


@pytest.mark.parametrize(
    ("supply", "words"),
    [
        ({"value": 30}, "for 30 days"),
        ({"value": 4, "unit": "Week"}, "for 4 weeks"),
        ({"value": 2, "unit": "boxes"}, "for 2 boxes"),
    ],
)
def test_supply_for_days(supply: Resource, words: str) -> None:
    assert words in fact("MedicationDispense", daysSupply=supply).details


def test_rate_without_a_unit_says_so() -> None:
    dosage = {"dose": {"value": 5, "unit": "mg"}, "rateQuantity": {"value": 25}}
    found = fact("MedicationAdministration", dosage=dosage)
    assert found.lines == ("5 mg, at 25 (no unit given)",)


@pytest.mark.parametrize("resource_type", ["MedicationDispense", "MedicationAdministration"])
def test_two_medicines_in_one_entry_are_said(resource_type: str) -> None:
    code = {"text": "Insulin lispro", "coding": [{"code": "1", "display": "Insulin glargine"}]}
    found = fact(resource_type, medicationCodeableConcept=code)
    assert found.name == "Insulin lispro (Insulin glargine)"
    assert TWO_NAMES in found.lines


@pytest.mark.parametrize(("name", "is_shown"), [("infuse-over-time", True), ("another", False)])
def test_how_long_an_infusion_took(name: str, is_shown: bool) -> None:
    url = f"https://fhir-ehr.cerner.com/r4/StructureDefinition/{name}"
    time = {"url": url, "valueQuantity": {"value": 120, "unit": "minutes"}}
    dosage = {"dose": {"value": 20, "unit": "mmol"}}
    found = fact("MedicationAdministration", dosage=dosage, extension=[time])
    assert ("infused over 120 minutes" in found.lines) is is_shown
    assert "20 mmol" in found.lines
