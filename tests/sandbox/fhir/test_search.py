"""Searching: parameters, order, pages, and the answer to unknown parameters (S63, S65)."""

import time
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from django.test import override_settings

from tests.sandbox.fhir.conftest import (
    BASE,
    EHR,
    GLUCOSE_DIARY,
    RENEE,
    link,
    matches,
    parsed,
)

HBA1C = "http://loinc.org|4548-4"


class TestParameters:
    @pytest.mark.parametrize(
        "reference",
        [RENEE, f"Patient/{RENEE}", f"http://127.0.0.1:8000{BASE}/Patient/{RENEE}"],
    )
    def test_a_patient_may_be_named_in_three_ways(self, ehr: EHR, reference: str) -> None:
        for name in ("patient", "subject", "patient:Patient"):
            found = ehr.found("Condition", (name, reference))
            assert {c["subject"]["reference"] for c in found} == {f"Patient/{RENEE}"}

    @pytest.mark.parametrize(
        "reference", [f"https://other.example/Patient/{RENEE}", f"Practitioner/{RENEE}", "/", "a-1"]
    )
    def test_a_foreign_reference_finds_nothing(self, ehr: EHR, reference: str) -> None:
        assert ehr.found("Condition", ("patient", reference)) == []

    @pytest.mark.parametrize("code", ["4548-4", HBA1C, "nothing,4548-4", "http://loinc.org|,x"])
    def test_codes(self, ehr: EHR, code: str) -> None:
        found = ehr.found("Observation", ("patient", RENEE), ("code", code), ("_count", "200"))
        assert "4548-4" in {o["code"]["coding"][0]["code"] for o in found}

    def test_a_code_of_another_system_is_another_code(self, ehr: EHR) -> None:
        assert not ehr.found("Observation", ("patient", RENEE), ("code", "http://x|4548-4"))
        assert not ehr.found("Observation", ("patient", RENEE), ("code", "|4548-4"))

    def test_repeated_dates_make_a_range(self, ehr: EHR) -> None:
        found = ehr.found(
            "Observation",
            ("patient", RENEE),
            ("code", "4548-4"),
            ("date", "ge2023-01-01"),
            ("date", "lt2024-01-01"),
        )
        assert found
        assert {o["effectiveDateTime"][:4] for o in found} == {"2023"}

    @pytest.mark.parametrize(
        ("value", "years"),
        [
            ("2023", {2023}),
            ("sa2025", {2026}),
            ("eb2021-01-01", {2020}),
            ("gt2025-12-31", {2026}),
            ("le2020", {2020}),
            ("ne2023", {2020, 2021, 2022, 2024, 2025, 2026}),
        ],
    )
    def test_date_prefixes(self, ehr: EHR, value: str, years: set[int]) -> None:
        found = ehr.found("Observation", ("patient", RENEE), ("code", HBA1C), ("date", value))
        assert {int(o["effectiveDateTime"][:4]) for o in found} == years

    @pytest.mark.parametrize("key", ["_id", "_lastUpdated", "date"])
    def test_order(self, ehr: EHR, key: str) -> None:
        def ids(sort: str) -> list[str]:
            asked = [("patient", RENEE), ("code", HBA1C), ("_sort", sort), ("_count", "200")]
            response = ehr.search("Observation", *asked)
            assert "Ignored" not in response.content.decode()
            return [one["id"] for one in matches(response)]

        up, down = ids(key), ids(f"-{key}")
        assert len(up) > 5
        assert up == list(reversed(down))

    def test_patients_are_sorted_by_their_birth(self, ehr: EHR) -> None:
        found = ehr.found("Patient", ("birthdate", "gt1900"), ("_sort", "birthdate"))
        born = [one["birthDate"] for one in found]
        assert born == sorted(born) != sorted(born, reverse=True)

    @pytest.mark.parametrize("wish", ["none", "estimate", "accurate"])
    def test_total_may_be_wished_for(self, ehr: EHR, wish: str) -> None:
        response = ehr.search("Condition", ("patient", RENEE), ("_total", wish))
        assert parsed(response)["total"] == len(matches(response))
        assert "Ignored" not in response.content.decode()

    def test_an_offset_may_be_asked_for(self, ehr: EHR) -> None:
        newest = ehr.found("Observation", ("patient", RENEE), ("_sort", "-date"), ("_count", "1"))
        moment = newest[0]["effectiveDateTime"]
        assert newest[0] in ehr.found("Observation", ("patient", RENEE), ("date", f"ge{moment}"))
        unencoded = ehr.get(f"Observation?patient={RENEE}&date=ge2026-01-01T00:00:00+02:00")
        assert matches(unencoded)

    def test_an_encounters_date_is_its_period(self, ehr: EHR) -> None:
        visit = ehr.found("Encounter", ("patient", RENEE), ("_sort", "date"), ("_count", "1"))[0]
        day = visit["period"]["start"][:10]
        assert visit in ehr.found("Encounter", ("patient", RENEE), ("date", day))

    def test_an_encounters_observations(self, ehr: EHR) -> None:
        visit = ehr.found("Encounter", ("patient", RENEE), ("_count", "1"))[0]["id"]
        found = ehr.found("Observation", ("patient", RENEE), ("encounter", visit))
        assert found
        assert {o["encounter"]["reference"] for o in found} == {f"Encounter/{visit}"}

    def test_statuses(self, ehr: EHR) -> None:
        def statuses(wanted: str) -> set[str]:
            found = ehr.found("MedicationRequest", ("patient", RENEE), ("status", wanted))
            return {m["status"] for m in found}

        assert statuses("active") == {"active"}
        assert statuses("active,stopped") == {"active", "stopped"}

    def test_clinical_status(self, ehr: EHR) -> None:
        found = ehr.found("Condition", ("patient", RENEE), ("clinical-status", "resolved"))
        assert {c["clinicalStatus"]["coding"][0]["code"] for c in found} == {"resolved"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", "lefèvre"),
            ("family", "Lefèvre-Dvořák"),
            ("given", "zoë"),
            ("identifier", "1001"),
            ("identifier", "https://fhir.athena.io/sid/ah-patient|1001"),
            ("birthdate", "1962-03-14"),
            ("_id", RENEE),
        ],
    )
    def test_a_patient_is_found(self, ehr: EHR, name: str, value: str) -> None:
        assert RENEE in [p["id"] for p in ehr.found("Patient", (name, value))]

    @pytest.mark.parametrize(
        ("name", "id"), [("山田", "a-1.E-1007"), ("николай", "a-1.E-1002"), ("김", "a-1.E-1009")]
    )
    def test_names_are_found_in_their_own_script(self, ehr: EHR, name: str, id: str) -> None:
        assert [p["id"] for p in ehr.found("Patient", ("name", name))] == [id]

    def test_the_practice_is_a_parameter(self, ehr: EHR) -> None:
        """athenahealth's searches carry it, with the slash unencoded (S65)."""
        ours = "Organization/a-1.Practice-195900"
        assert ehr.found("Condition", ("patient", RENEE), ("ah-practice", ours))
        assert not ehr.found("Condition", ("patient", RENEE), ("ah-practice", ours[:-1]))

    def test_search_by_post(self, ehr: EHR) -> None:
        response = ehr.client.post(
            f"{BASE}/Condition/_search",
            f"patient={RENEE}",
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": "Bearer good"},
        )
        assert matches(response) == ehr.found("Condition", ("patient", RENEE))


class TestWhatIsNotUnderstood:
    @pytest.mark.parametrize(
        "parameter",
        [
            ("date", "yesterday"),
            ("date", "2026-13"),
            ("date", "9999-12"),
            ("date", ""),
            ("code:in", "x"),
            ("_count", "many"),
            ("_count", "-1"),
            ("_cursor", "made-up"),
        ],
    )
    def test_a_bad_value_is_400(self, ehr: EHR, parameter: tuple[str, str]) -> None:
        response = ehr.search("Observation", ("patient", RENEE), parameter)
        assert response.status_code == 400
        assert parsed(response)["resourceType"] == "OperationOutcome"

    def test_an_unknown_parameter_is_ignored_and_reported(self, ehr: EHR) -> None:
        response = ehr.search("Condition", ("patient", RENEE), ("colour", "red"))
        assert matches(response) == ehr.found("Condition", ("patient", RENEE))
        outcome = parsed(response)["entry"][-1]
        assert outcome["search"]["mode"] == "outcome"
        assert "colour" in outcome["resource"]["issue"][0]["diagnostics"]
        assert "colour" not in str(link(response, "self"))

    def test_a_client_that_wants_strictness_gets_400(self, ehr: EHR) -> None:
        response = ehr.search(
            "Condition", ("patient", RENEE), ("colour", "red"), Prefer="handling=strict"
        )
        assert response.status_code == 400

    @pytest.mark.parametrize("resource_type", ["Observation", "Patient", "Encounter"])
    def test_a_search_through_everybody_is_refused(self, ehr: EHR, resource_type: str) -> None:
        """S65."""
        response = ehr.search(resource_type)
        issue = parsed(response)["issue"][0]
        assert response.status_code == 403
        assert (issue["severity"], issue["code"]) == ("fatal", "forbidden")

    def test_a_hundred_parameters_are_too_many(self, ehr: EHR) -> None:
        response = ehr.search("Condition", *[("patient", RENEE)] * 100)
        assert response.status_code == 400


class TestPages:
    def test_every_result_comes_exactly_once(self, ehr: EHR) -> None:
        response = ehr.search("Observation", ("patient", GLUCOSE_DIARY), ("_count", "200"))
        total, ids = parsed(response)["total"], [o["id"] for o in matches(response)]
        while following := link(response, "next"):
            parts = urlsplit(following)
            assert parts.path == f"{BASE}/Observation"
            response = ehr.get(f"Observation?{parts.query}")
            ids += [o["id"] for o in matches(response)]
        assert total > 1000
        assert len(ids) == len(set(ids)) == total

    def test_links_stay_below_the_public_address(self, ehr: EHR) -> None:
        with override_settings(ALLOWED_HOSTS=["*"]):
            response = ehr.search(
                "Observation", ("patient", RENEE), ("_count", "1"), Host="evil.example"
            )
        for relation in ("self", "next"):
            assert str(link(response, relation)).startswith(f"http://127.0.0.1:8000{BASE}/Obs")
        assert b"evil.example" not in response.content

    def test_a_page_holds_fifty_unless_told_and_two_hundred_at_most(self, ehr: EHR) -> None:
        assert len(ehr.found("Observation", ("patient", GLUCOSE_DIARY))) == 50
        many = ehr.found("Observation", ("patient", GLUCOSE_DIARY), ("_count", "1000"))
        assert len(many) == 200

    def test_count_zero_gives_the_total_only(self, ehr: EHR) -> None:
        response = ehr.search("Observation", ("patient", RENEE), ("_count", "0"))
        assert parsed(response)["total"] > 100
        assert "entry" not in parsed(response)
        assert link(response, "next") is None

    def test_a_cursor_gives_no_rights(self, ehr: EHR) -> None:
        """Another client that follows the link sees only what its own token allows."""
        response = ehr.search("Observation", ("patient", GLUCOSE_DIARY))
        query = urlsplit(str(link(response, "next"))).query
        ehr.holds("patient/*.rs", patient=RENEE)
        assert matches(ehr.get(f"Observation?{query}")) == []

    def test_a_cursor_belongs_to_its_type(self, ehr: EHR) -> None:
        response = ehr.search("Observation", ("patient", GLUCOSE_DIARY))
        query = urlsplit(str(link(response, "next"))).query
        assert ehr.get(f"Condition?{query}").status_code == 400

    @pytest.mark.parametrize(("key", "reverse"), [("date", False), ("-date", True)])
    def test_sorted_by_date(self, ehr: EHR, key: str, reverse: bool) -> None:
        found = ehr.found("Observation", ("patient", RENEE), ("_sort", key), ("_count", "200"))
        times = [datetime.fromisoformat(o["effectiveDateTime"]) for o in found]
        assert times == sorted(times, reverse=reverse)

    def test_an_unknown_order_is_reported(self, ehr: EHR) -> None:
        response = ehr.search("Observation", ("patient", RENEE), ("_sort", "beauty"))
        assert "beauty" in response.content.decode()

    def test_the_bundle_is_valid_r4(self, ehr: EHR) -> None:
        from fhir.resources.R4B.bundle import Bundle

        response = ehr.search("Observation", ("patient", RENEE), ("colour", "red"))
        Bundle.model_validate(parsed(response))

    def test_more_than_is_read_is_refused_in_fhir(self, ehr: EHR) -> None:
        """And not as a web page, as elsewhere."""
        too_many = ehr.get("Condition?" + "patient=a&" * 1_500)
        too_large = ehr.client.post(
            f"{BASE}/Condition/_search",
            "a" * 2_700_000,
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": "Bearer good"},
        )
        for refused, words in ((too_many, "too many parameters"), (too_large, "too large")):
            assert refused.status_code == 400
            assert words in parsed(refused)["issue"][0]["diagnostics"]

    def test_two_hundred_of_two_thousand_take_a_few_milliseconds(self, ehr: EHR) -> None:
        """The limit allows for a busy machine; alone it takes about 5 ms."""
        parameters = (("patient", GLUCOSE_DIARY), ("category", "laboratory"), ("_count", "200"))
        ehr.holds("patient/*.rs", patient=GLUCOSE_DIARY)
        ehr.search("Observation", *parameters)
        started = time.process_time()
        ehr.search("Observation", *parameters, ("_sort", "-date"))
        assert time.process_time() - started < 0.1
