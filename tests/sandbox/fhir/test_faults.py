"""Faults that a test puts into the API, for one client at a time (S66)."""

import time

import pytest

from smartapp.sandbox.fhir import faults
from tests.sandbox.fhir.conftest import EHR, GLUCOSE_DIARY, RENEE, link, matches, parsed

pytestmark = pytest.mark.urls("tests.sandbox.fhir.urlconf")

SEARCH = ("patient", RENEE)


class TestFaults:
    def test_one_type_is_forbidden_and_the_others_are_not(self, ehr: EHR) -> None:
        faults.inject("tests", ["forbid:MedicationRequest"])
        response = ehr.search("MedicationRequest", SEARCH)
        assert response.status_code == 403
        assert "insufficient_scope" in response["WWW-Authenticate"]
        assert ehr.found("Condition", SEARCH)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_an_error_of_any_status(self, ehr: EHR, status: int) -> None:
        faults.inject("tests", [f"error:AllergyIntolerance:{status}"])
        response = ehr.search("AllergyIntolerance", SEARCH)
        assert response.status_code == status
        assert parsed(response)["resourceType"] == "OperationOutcome"
        assert response.get("Retry-After") == ("1" if status == 429 else None)

    def test_a_page_of_html(self, ehr: EHR) -> None:
        faults.inject("tests", ["html:Immunization"])
        response = ehr.search("Immunization", SEARCH)
        assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")

    def test_a_slow_answer_is_the_right_one(self, ehr: EHR) -> None:
        expected = ehr.found("Condition", SEARCH)
        faults.inject("tests", ["slow:Condition:0.2"])
        started = time.monotonic()
        assert ehr.found("Condition", SEARCH) == expected
        assert time.monotonic() - started >= 0.2

    def test_records_of_another_patient(self, ehr: EHR) -> None:
        faults.inject("tests", ["wrong-patient:Condition"])
        found = ehr.found("Condition", SEARCH)
        assert {c["subject"]["reference"] for c in found} == {f"Patient/{faults.ANOTHER_PATIENT}"}

    def test_another_patient_than_asked_for(self, ehr: EHR) -> None:
        faults.inject("tests", ["wrong-patient:Patient"])
        assert parsed(ehr.get(f"Patient/{RENEE}"))["id"] == faults.ANOTHER_PATIENT

    def test_a_reference_to_another_host(self, ehr: EHR) -> None:
        faults.inject("tests", ["foreign-reference:Observation"])
        found = ehr.found("Observation", SEARCH)
        assert {o["subject"]["reference"] for o in found} == {
            f"{faults.FOREIGN_BASE_URL}/Patient/{RENEE}"
        }

    def test_shared_resources_have_no_patient_to_get_wrong(self, ehr: EHR) -> None:
        faults.inject("tests", ["wrong-patient:Practitioner"])
        assert ehr.get("Practitioner/a-1.Provider-1").status_code == 200

    def test_a_next_link_to_another_host(self, ehr: EHR) -> None:
        faults.inject("tests", ["foreign-next"])
        response = ehr.search("Observation", ("patient", GLUCOSE_DIARY))
        assert str(link(response, "next")).startswith(f"{faults.FOREIGN_BASE_URL}/Observation?")
        assert matches(response)

    def test_another_client_meets_none(self, ehr: EHR) -> None:
        faults.inject("somebody-else", ["forbid:Condition"])
        assert ehr.found("Condition", SEARCH)
