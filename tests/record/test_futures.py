"""What is dated in the future says so, and is never the newest of what has happened."""

from collections.abc import Callable
from typing import Any

import pytest

from smartapp.record.conditions import read_problems
from smartapp.record.dispenses import read_dispenses
from smartapp.record.documents import read_documents
from smartapp.record.encounters import read_encounters
from smartapp.record.immunizations import read_immunizations
from smartapp.record.marks import FUTURE
from smartapp.record.medications import read_medications
from smartapp.record.orders import read_orders
from smartapp.record.procedures import read_procedures
from smartapp.record.reading import Given, Read
from tests.chart.samples import about_patient, concept
from tests.record.samples import given

READERS: dict[str, tuple[Callable[[Given], Read[Any]], str]] = {
    "Condition": (read_problems, "onsetDateTime"),
    "MedicationRequest": (read_medications, "authoredOn"),
    "Immunization": (read_immunizations, "occurrenceDateTime"),
    "Procedure": (read_procedures, "performedDateTime"),
    "MedicationDispense": (read_dispenses, "whenHandedOver"),
    "MedicationAdministration": (read_dispenses, "effectiveDateTime"),
    "DiagnosticReport": (read_documents, "effectiveDateTime"),
    "ServiceRequest": (read_orders, "authoredOn"),
}


@pytest.mark.parametrize("resource_type", READERS)
def test_is_marked_and_last(resource_type: str) -> None:
    read, member = READERS[resource_type]
    named = {"code": concept("x" if resource_type == "Condition" else "same")}
    if resource_type == "MedicationRequest":
        named = {"medicationCodeableConcept": concept("same")}
    future, past = (
        about_patient(resource_type, when, status="active", **named, **{member: when})
        for when in ("2099-07-07", "2020-01-01")
    )
    entries = read(given(future, past)).entries
    marks = [one.marks for one in entries]
    if resource_type == "MedicationRequest":
        marks = [order.marks for order in (entries[0].latest, *entries[0].earlier)]
    assert [(one.source[-10:], one.doubt) for one in marks] == [
        ("2020-01-01", ""),
        ("2099-07-07", FUTURE),
    ]


def test_tomorrow_in_another_zone_is_no_future() -> None:
    resource = about_patient("Procedure", "p", status="completed", performedDateTime="2026-11-24")
    (found,) = read_procedures(given(resource)).entries
    assert found.marks.doubt == ""


def test_a_visit_may_be_planned() -> None:
    visit = about_patient("Encounter", "e", status="planned", period={"start": "2027-01-01"})
    (found,) = read_encounters(given(visit)).entries
    assert (found.marks.status, found.marks.doubt) == ("Planned", "")
