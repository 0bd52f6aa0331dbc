"""What the faults of a launch do to the FHIR API (S66)."""

import time

import pytest

from smartapp.sandbox.fhir import fault_effects
from tests.sandbox.fhir.conftest import EHR, GLUCOSE_DIARY, RENEE, link, matches, parsed

SEARCH = ("patient", RENEE)


class TestFaults:
    def test_one_type_is_forbidden_and_the_others_are_not(self, ehr: EHR) -> None:
        ehr.meets("fhir-forbidden:MedicationRequest")
        response = ehr.search("MedicationRequest", SEARCH)
        assert response.status_code == 403
        assert "insufficient_scope" in response["WWW-Authenticate"]
        assert ehr.found("Condition", SEARCH)

    @pytest.mark.parametrize("status", [429, 500])
    def test_an_error_for_one_type_or_all(self, ehr: EHR, status: int) -> None:
        ehr.meets(f"fhir-{status}:AllergyIntolerance")
        response = ehr.search("AllergyIntolerance", SEARCH)
        assert response.status_code == status
        assert parsed(response)["resourceType"] == "OperationOutcome"
        assert response.get("Retry-After") == ("1" if status == 429 else None)
        assert ehr.found("Condition", SEARCH)
        ehr.meets(f"fhir-{status}")
        assert ehr.search("Condition", SEARCH).status_code == status

    def test_a_page_of_html(self, ehr: EHR) -> None:
        ehr.meets("fhir-html:Immunization")
        response = ehr.search("Immunization", SEARCH)
        assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")

    def test_a_slow_answer_is_the_right_one(self, ehr: EHR) -> None:
        expected = ehr.found("Condition", SEARCH)
        ehr.meets("fhir-slow:1")
        started = time.monotonic()
        assert ehr.found("Condition", SEARCH) == expected
        assert time.monotonic() - started >= 1

    def test_records_of_another_patient(self, ehr: EHR) -> None:
        ehr.meets("fhir-wrong-patient:Condition")
        found = ehr.found("Condition", SEARCH)
        assert {c["subject"]["reference"] for c in found} == {
            f"Patient/{fault_effects.ANOTHER_PATIENT}"
        }

    def test_another_patient_than_asked_for(self, ehr: EHR) -> None:
        ehr.meets("fhir-wrong-patient:Patient")
        assert parsed(ehr.get(f"Patient/{RENEE}"))["id"] == fault_effects.ANOTHER_PATIENT

    def test_an_encounter_of_another_patient(self, ehr: EHR) -> None:
        ehr.meets("fhir-wrong-patient:Encounter")
        encounter = ehr.found("Encounter", SEARCH)[0]
        assert encounter["subject"]["reference"] == f"Patient/{fault_effects.ANOTHER_PATIENT}"

    def test_a_reference_to_another_host(self, ehr: EHR) -> None:
        ehr.meets("fhir-foreign-reference:Observation")
        found = ehr.found("Observation", SEARCH)
        assert {o["subject"]["reference"] for o in found} == {
            f"{fault_effects.FOREIGN_BASE_URL}/Patient/{RENEE}"
        }

    def test_shared_resources_have_no_patient_to_get_wrong(self, ehr: EHR) -> None:
        ehr.meets("fhir-wrong-patient")
        assert ehr.get("Practitioner/a-1.Provider-1").status_code == 200

    def test_a_next_link_to_another_host(self, ehr: EHR) -> None:
        ehr.meets("fhir-foreign-next")
        response = ehr.search("Observation", ("patient", GLUCOSE_DIARY))
        assert str(link(response, "next")).startswith(
            f"{fault_effects.FOREIGN_BASE_URL}/Observation?"
        )
        assert matches(response)


class TestAthenasSearches:
    """athenahealth's search rules, for clients of its profile (S65, E10)."""

    def test_a_search_names_its_practice(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", asks_as_athena=True)
        response = ehr.search("Condition", SEARCH)
        assert (response.status_code, response.json()) == (
            400, {"details": "ah-practice is missing."},
        )  # fmt: skip
        ours = ("ah-practice", "Organization/a-1.Practice-195900")
        assert ehr.found("Condition", SEARCH, ours)

    def test_the_next_page_needs_no_second_naming(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", asks_as_athena=True)
        ours = ("ah-practice", "Organization/a-1.Practice-195900")
        response = ehr.search("Observation", ("patient", GLUCOSE_DIARY), ours)
        _, _, query = str(link(response, "next")).partition("/fhir/r4/")
        assert ehr.get(query).status_code == 200

    def test_another_practice_is_no_contract_of_this_client(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", asks_as_athena=True)
        response = ehr.search("Condition", SEARCH, ("ah-practice", "Organization/a-1.Practice-2"))
        assert (response.status_code, response.content) == (403, b"Invalid Client")

    @pytest.mark.parametrize(
        ("searched", "status"),
        [
            ([SEARCH], 400),
            ([SEARCH, ("intent", "order,plan")], 200),
            ([SEARCH, ("_id", "a-1.MedicationRequest-1")], 200),
        ],
    )
    def test_medication_orders_are_asked_for_by_their_intent(
        self, ehr: EHR, searched: list[tuple[str, str]], status: int
    ) -> None:
        """US Core's pair `patient+intent`; the refusal names the missing parameter (S65, Q38)."""
        ehr.holds("user/*.rs", asks_as_athena=True)
        ours = ("ah-practice", "Organization/a-1.Practice-195900")
        response = ehr.search("MedicationRequest", ours, *searched)
        assert response.status_code == status
        if status == 400:
            (issue,) = response.json()["issue"]
            assert issue["code"] == "required"
            assert "intent=order,plan" in issue["diagnostics"]

    def test_elsewhere_no_intent_is_asked_for(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs")
        assert ehr.search("MedicationRequest", SEARCH).status_code == 200
