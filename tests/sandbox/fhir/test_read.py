"""Reading one resource, and the API's answers without a usable token (S60, S61, S64, E14)."""

import re

import pytest
from django.db import OperationalError
from django.test import Client, override_settings

from smartapp.sandbox import request_log
from smartapp.sandbox.fhir.store import TYPES, store
from smartapp.sandbox.models import RequestRecord
from tests.counting import counted
from tests.sandbox.fhir.conftest import BASE, EHR, JUST_ARRIVED, RENEE, parsed

WANTED_BY_US_CORE = {
    "AllergyIntolerance": {"clinicalStatus", "code", "patient"},
    "CarePlan": {"status", "intent", "category", "subject"},
    "CareTeam": {"subject", "participant"},
    "Condition": {"category", "code", "subject"},
    "Coverage": {"status", "relationship", "beneficiary", "payor"},
    "Device": {"type", "patient"},
    "DiagnosticReport": {"status", "category", "code", "subject", "effectiveDateTime"},
    "DocumentReference": {"status", "type", "category", "subject", "content"},
    "Encounter": {"status", "class", "type", "subject"},
    "Goal": {"lifecycleStatus", "description", "subject"},
    "Immunization": {"status", "vaccineCode", "patient", "occurrenceDateTime", "primarySource"},
    "Location": {"name"},
    "MedicationDispense": {"status", "medicationCodeableConcept", "subject", "whenHandedOver"},
    "MedicationRequest": {"status", "intent", "medicationCodeableConcept", "subject", "requester"},
    "Observation": {"status", "category", "code", "subject", "effectiveDateTime"},
    "Organization": {"active", "name"},
    "Patient": {"identifier", "name", "gender"},
    "Practitioner": {"identifier", "name"},
    "Procedure": {"status", "code", "subject", "performedDateTime"},
    "RelatedPerson": {"active", "patient", "relationship"},
    "ServiceRequest": {"status", "intent", "code", "subject"},
}


class TestMetadata:
    def test_metadata_needs_no_token(self, client: Client) -> None:
        """S60."""
        response = client.get(f"{BASE}/metadata")
        assert response.status_code == 200
        assert parsed(response)["fhirVersion"] == "4.0.1"

    def test_metadata_names_the_oauth_endpoints(self, client: Client) -> None:
        security = parsed(client.get(f"{BASE}/metadata"))["rest"][0]["security"]
        uris = {item["url"]: item["valueUri"] for item in security["extension"][0]["extension"]}
        assert uris["token"] == "http://127.0.0.1:8000/sandbox/oauth2/v1/token"
        assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"

    def test_metadata_never_repeats_the_host_header(self, client: Client) -> None:
        with override_settings(ALLOWED_HOSTS=["*"]):
            response = client.get(f"{BASE}/metadata", headers={"Host": "evil.example"})
        assert b"evil.example" not in response.content

    def test_metadata_is_valid_r4(self, client: Client) -> None:
        from fhir.resources.R4B.capabilitystatement import CapabilityStatement

        CapabilityStatement.model_validate(parsed(client.get(f"{BASE}/metadata")))

    def test_metadata_names_its_version_and_its_profiles(self, client: Client) -> None:
        statement = parsed(client.get(f"{BASE}/metadata"))
        assert statement["software"]["version"]
        resources = statement["rest"][0]["resource"]
        # What the sandbox keeps and US Core has no profile of.
        assert {one["type"] for one in resources if "supportedProfile" not in one} == {
            "Appointment", "DeviceUseStatement", "FamilyMemberHistory", "MedicationAdministration",
            "MedicationStatement",
        }  # fmt: skip

    @pytest.mark.parametrize("resource_type", sorted(WANTED_BY_US_CORE))
    def test_records_have_what_their_profile_wants(self, resource_type: str) -> None:
        """The elements that US Core 6.1 requires of every resource; the empty chart has too few."""
        for record in store().by_type[resource_type]:
            if record.id != JUST_ARRIVED:
                assert record.resource.keys() >= WANTED_BY_US_CORE[resource_type], record.reference


class TestToken:
    @pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer bad", "Basic good", "good"])
    def test_no_usable_token_is_401(self, ehr: EHR, authorization: str) -> None:
        """No error code if no token was sent (RFC 6750 §3.1; S61, E14)."""
        response = ehr.get(f"Patient/{RENEE}", Authorization=authorization)
        assert response.status_code == 401
        code = ' error="invalid_token"' if authorization == "Bearer bad" else ""
        assert response["WWW-Authenticate"] == f"Bearer{code}"
        assert parsed(response)["issue"][0]["diagnostics"] == "Developer Inactive"

    @pytest.mark.parametrize(
        ("authorization", "words"),
        [
            ("", "Send a bearer access token."),
            ("Bearer bad", "The access token is not valid here."),
        ],
    )
    @pytest.mark.parametrize("world", ["strict", "bcp"])
    def test_is_plain_where_no_gateway_stands(
        self, client: Client, world: str, authorization: str, words: str
    ) -> None:
        """athenahealth's own words appear only in its own worlds (S61, E14)."""
        headers = {"Authorization": authorization} if authorization else {}
        response = client.get(f"/sandbox/{world}/fhir/r4/Patient/{RENEE}", headers=headers)
        assert response.status_code == 401
        assert parsed(response)["issue"][0]["diagnostics"] == words

    @pytest.mark.parametrize("resource_type", sorted(TYPES))
    def test_every_type_needs_one(self, client: Client, resource_type: str) -> None:
        """S60."""
        form = "application/x-www-form-urlencoded"
        path = f"{BASE}/{resource_type}"
        record = store().by_type[resource_type][0]
        answers = (
            client.get(f"{path}/{record.id}"),
            client.get(f"{path}?patient={RENEE}"),
            client.post(f"{path}/_search", f"patient={RENEE}", content_type=form),
        )
        assert {answer.status_code for answer in answers} == {401}

    def test_a_token_in_the_address_does_not_count(self, ehr: EHR) -> None:
        response = ehr.client.get(f"{BASE}/Patient/{RENEE}?access_token=good")
        assert response.status_code == 401


class TestFormat:
    @pytest.mark.parametrize(
        ("accept", "query", "status"),
        [
            ("", "", 200),
            ("application/fhir+json", "", 200),
            ("text/html,application/xml;q=0.9,*/*;q=0.8", "", 200),
            ("Application/JSON; charset=utf-8", "", 200),
            ("application/fhir+xml", "", 406),
            ("text/html", "", 406),
            ("text/html, */*;q=0.0", "", 406),
            ("application/fhir+xml", "?_format=json", 200),
            ("application/fhir+xml", "?_format=application/fhir+json", 200),
            ("application/json", "?_format=xml", 406),
        ],
    )
    def test_there_is_json_and_nothing_else(
        self, ehr: EHR, accept: str, query: str, status: int
    ) -> None:
        """S60: https://hl7.org/fhir/R4/http.html#mime-type."""
        response = ehr.get(f"Patient/{RENEE}{query}", Accept=accept)
        assert response.status_code == status
        if status == 406:
            assert parsed(response)["issue"][0]["code"] == "not-supported"


class TestRead:
    def test_a_resource_is_sent_as_it_is_stored(self, ehr: EHR) -> None:
        response = ehr.get(f"Patient/{RENEE}")
        record = store().find("Patient", RENEE)
        assert record is not None
        assert response.content == record.body
        assert response["Cache-Control"] == "no-store"

    def test_what_does_not_exist_is_404(self, ehr: EHR) -> None:
        response = ehr.get("Patient/a-1.E-1")
        assert response.status_code == 404
        assert parsed(response)["issue"][0]["code"] == "not-found"

    def test_a_type_that_is_not_kept_is_404(self, ehr: EHR) -> None:
        assert ehr.get("Device/1").status_code == 404

    def test_nothing_can_be_written(self, ehr: EHR) -> None:
        headers = {"Authorization": "Bearer good"}
        response = ehr.client.delete(f"{BASE}/Patient/{RENEE}", headers=headers)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"

    @pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "/Patient/1/$everything",
            "/Patient/1/_history",
            "/$export",
            "/a/b/c/d",
            "/Patient/",
        ],
    )
    def test_unknown_address_is_told_in_fhirs_words(self, ehr: EHR, method: str, path: str) -> None:
        """Batches, operations and histories too, also for pages of other origins (E12)."""
        response = getattr(ehr.client, method)(f"{BASE}{path}")
        assert response.status_code == 404
        (issue,) = parsed(response)["issue"]
        assert issue["code"] == "not-supported"
        assert response["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    @pytest.mark.parametrize("path", ["Patient", "metadata", f"Patient/{RENEE}"])
    def test_writing_is_told_in_fhirs_words(self, ehr: EHR, method: str, path: str) -> None:
        response = getattr(ehr.client, method)(f"{BASE}/{path}", "{}", "application/fhir+json")
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
        assert "read-only" in parsed(response)["issue"][0]["diagnostics"]
        assert RequestRecord.objects.latest("pk").error == "405"

    def test_pages_of_other_origins_may_read(self, ehr: EHR) -> None:
        response = ehr.client.options(f"{BASE}/Patient/{RENEE}")
        assert response.status_code == 204
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in response["Access-Control-Allow-Headers"]
        assert ehr.get(f"Patient/{RENEE}")["Access-Control-Allow-Origin"] == "*"

    def test_the_practice_is_named_on_every_resource(self) -> None:
        """S64."""
        named = {
            "url": "https://fhir.athena.io/StructureDefinition/ah-practice",
            "valueReference": {"reference": "Organization/a-1.Practice-195900"},
        }
        for record in store().by_reference.values():
            assert named in record.resource["extension"], record.reference

    def test_every_id_has_athenas_form(self) -> None:
        """S64."""
        for record in store().by_reference.values():
            assert re.fullmatch(r"a-1\.[A-Z][A-Za-z]*-\d+", record.id), record.reference

    def test_a_database_that_is_away_is_said_in_fhir(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def locked(*_: object, **_named: object) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr(request_log, "record_read", locked)
        answer = ehr.get(f"Patient/{RENEE}")
        assert answer.status_code == 503
        assert parsed(answer)["issue"][0]["code"] == "transient"
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "FHIR API has no database: OperationalError" in caplog.text


class TestCost:
    def test_a_warm_read_looks_the_token_up_once_and_opens_nothing(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A page makes twenty of these."""
        monkeypatch.setattr(request_log, "FORGET_EVERY", 1_000_000)
        sent = {"Authorization": "Bearer nobody-was-given-this"}

        def read() -> None:
            assert client.get(f"{BASE}/Patient/{RENEE}", headers=sent).status_code == 401

        for _ in range(8):  # each database thread has its connection then
            read()
        with counted() as costs:
            read()
        assert [words.split()[0] for words in costs.statements] == ["SELECT", "INSERT"]
        assert (costs.connections, costs.threads) == (0, 0)
