"""Records that say the same in another way than HL7's examples do: kinds of what public bug reports
and real answers of EHRs had. Each has more than one spelling here."""

from typing import Any

import pytest

from smartapp.record.allergies import read_allergies
from smartapp.record.conditions import read_problems
from smartapp.record.elements import Resource
from smartapp.record.immunizations import read_immunizations
from smartapp.record.laboratory import read_laboratory
from smartapp.record.medications import read_medications
from tests.record.samples import given, named

ENTERED_IN_ERROR = [
    "entered-in-error",
    "Entered in Error",
    {"text": "Entered in error"},
    {"coding": [{"system": "urn:local", "code": "EIE", "display": "Entered in Error"}]},
    [{"coding": [{"code": "ENTERED-IN-ERROR"}]}],
]


@pytest.mark.parametrize("status", ENTERED_IN_ERROR)
@pytest.mark.parametrize(
    ("read", "resource_type"),
    [(read_allergies, "AllergyIntolerance"), (read_problems, "Condition")],
)
def test_what_is_entered_in_error_is_left_out_however_it_is_written(
    read: Any, resource_type: str, status: Any
) -> None:
    found = read(given(named(resource_type, "Penicillin", verificationStatus=status)))
    assert not found.entries
    assert [one.reason for one in found.left_out] == ["entered in error"]


@pytest.mark.parametrize(
    "status",
    [
        "inactive",
        "Inactive",
        {"text": "Inactive"},
        {"coding": [{"code": "I", "display": "Inactive"}]},
    ],
)
def test_what_is_inactive_is_no_current_allergy_however_it_is_written(status: Any) -> None:
    (found,) = read_allergies(
        given(named("AllergyIntolerance", "Milk", clinicalStatus=status))
    ).entries
    assert (found.is_active, found.marks.status) == (False, "Inactive")


def test_a_status_that_nobody_knows_is_shown_as_it_was_sent() -> None:
    (found,) = read_allergies(
        given(named("AllergyIntolerance", "Milk", clinicalStatus={"text": "Outgrown"}))
    ).entries
    assert (found.is_active, found.marks.status) == (True, "Status “outgrown”")


@pytest.mark.parametrize("status", ["not-done", "Not-Done", "Not Done", "NOT_DONE"])
def test_a_vaccine_that_was_not_given_is_none_however_it_is_written(status: str) -> None:
    vaccine: Resource = named("Immunization", "Measles", "vaccineCode", status=status)
    (found,) = read_immunizations(given(vaccine)).entries
    assert found.marks.status == "Not given"
    assert not found.is_counted


@pytest.mark.parametrize("status", ["stopped", "Stopped", "STOPPED", " stopped "])
def test_a_stopped_order_is_no_current_medicine_however_it_is_written(status: str) -> None:
    order: Resource = named(
        "MedicationRequest", "Warfarin", "medicationCodeableConcept", status=status, intent="order"
    )
    (found,) = read_medications(given(order)).entries
    assert found.group == "past"


@pytest.mark.parametrize("words", ["NA", "N/A", "-", "Not available"])
def test_a_range_that_is_none_is_not_shown(words: str) -> None:
    result: Resource = named(
        "Observation", "Ratio", valueInteger=4, referenceRange=[{"text": words}], status="final"
    )
    (found,) = read_laboratory(given(result)).entries
    assert not found.newest.range_text
