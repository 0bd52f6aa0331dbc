"""The owner of a resource, and where the token may be sent (C95, C101, C140, C142, C143, T11,
T17)."""

import json
from typing import Any

import pytest

from smartapp.protocol import fhir
from smartapp.protocol.errors import FHIRResponseInvalid, IDTokenError, WrongPatient
from smartapp.protocol.fhir import Bundle, FHIRUser

BASE = "https://api.platform.example/fhir/r4"
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "fatal", "code": "forbidden", "diagnostics": "A patient is required"},
        {"severity": "error", "code": "invalid", "details": {"text": "No practice"}},
        {"severity": "error", "code": "throttled", "details": "x", "diagnostics": ""},
        {"severity": "error"},
        "nothing",
    ],
}


def as_body(value: object) -> bytes:
    return json.dumps(value).encode()


class TestFHIRUser:
    """C95; smart-app-launch_2.2.0@202."""

    @pytest.mark.parametrize(
        "resource_type",
        ["Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"],
    )
    @pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
    def test_absolute_and_relative_mean_the_same(self, resource_type: str, base: str) -> None:
        url = f"{BASE}/{resource_type}/a-1.b-2"
        expected = FHIRUser(resource_type, "a-1.b-2", url, readable=True)
        assert fhir.parse_fhir_user(url, fhir_base_url=base) == expected
        relative = f"{resource_type}/a-1.b-2"
        assert fhir.parse_fhir_user(relative, fhir_base_url=base) == expected

    @pytest.mark.parametrize(
        "url",
        [
            "https://other.example/fhir/r4/Practitioner/1",
            "http://api.platform.example/fhir/r4/Practitioner/1",
            "https://api.platform.example/fhir/r5/Practitioner/1",
            f"{BASE}/proxy/Practitioner/1",
            "https://api.platform.example/Practitioner/1",
            f"{BASE}/../Practitioner/1",
        ],
    )
    def test_a_person_elsewhere_is_shown_but_not_read(self, url: str) -> None:
        """T11: the token goes to the registered base only."""
        user = fhir.parse_fhir_user(url, fhir_base_url=BASE)
        assert user == FHIRUser("Practitioner", "1", url, readable=False)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "Practitioner",
            "Practitioner/",
            "/Practitioner/1",
            "Device/1",
            "Organization/1",
            "practitioner/1",
            "Practitioner/1/_history/2",
            "Practitioner/.",
            "Practitioner/..",
            f"Practitioner/{'x' * 65}",
            "Practitioner/ü",
            "Practitioner/1\n",
            f"{BASE}/Practitioner/1?x=y",
            f"{BASE}/Practitioner/1#x",
            f"{BASE}?x=/Practitioner/1",
            "javascript://x.example/%0aalert(1)/Practitioner/1",
            "urn:uuid:1/Practitioner/1",
            "https://user@api.platform.example/fhir/r4/Practitioner/1",
            "jane@example.org",
        ],
    )
    def test_what_is_no_reference_to_a_person_is_refused(self, value: str) -> None:
        with pytest.raises(IDTokenError) as caught:
            fhir.parse_fhir_user(value, fhir_base_url=BASE)
        assert caught.value.rule == "fhirUser"


def test_the_token_goes_below_the_base_only() -> None:
    """C140; tests/protocol/test_urls.py has the cases."""
    assert fhir.is_below_base(f"{BASE}/Patient/1", BASE) is True
    assert fhir.is_below_base("https://evil.example/fhir/r4/Patient/1", BASE) is False


class TestResource:
    PATIENT = {"resourceType": "Patient", "id": "a-1.E-2"}

    def test_the_resource_that_was_asked_for_is_returned(self) -> None:
        body = as_body(self.PATIENT)
        assert fhir.parse_resource(body, resource_type="Patient") == self.PATIENT
        assert fhir.parse_resource(body, resource_type="Patient", id="a-1.E-2") == self.PATIENT

    @pytest.mark.parametrize("changed", ["a-1.E-3", "A-1.E-2", None, 5])
    def test_another_id_is_another_person(self, changed: object) -> None:
        """C101, T17."""
        body = as_body({**self.PATIENT, "id": changed})
        with pytest.raises(WrongPatient):
            fhir.parse_resource(body, resource_type="Patient", id="a-1.E-2")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"<html>",
            b"{}",
            b'{"resourceType": ["Patient"]}',
            b'{"resourceType": "Patient", "id": "1", "id": "2"}',
            as_body(OUTCOME),
        ],
    )
    def test_anything_else_is_refused(self, body: bytes) -> None:
        with pytest.raises(FHIRResponseInvalid):
            fhir.parse_resource(body, resource_type="Patient")


class TestBundle:
    OBSERVATION = {"resourceType": "Observation", "id": "1"}

    ASKED = f"{BASE}/Observation?patient=1&_count=200"

    def parse(self, **members: Any) -> Bundle:
        bundle = {"resourceType": "Bundle", "type": "searchset", **members}
        return fhir.parse_bundle(as_body(bundle), fhir_base_url=BASE, url=self.ASKED)

    def test_the_resources_come_in_order(self) -> None:
        second = {**self.OBSERVATION, "id": "2"}
        entries = [{"resource": self.OBSERVATION}, {"resource": second, "search": {"mode": "x"}}]
        assert self.parse(entry=entries) == Bundle((self.OBSERVATION, second), None, ())

    @pytest.mark.parametrize("entry", [None, [], {}])
    def test_an_empty_search_is_empty(self, entry: object) -> None:
        assert self.parse(entry=entry) == Bundle((), None, ())

    def test_a_single_entry_needs_no_list(self) -> None:
        """Converters from XML write it so."""
        one = {"resource": self.OBSERVATION}
        assert self.parse(entry=one) == self.parse(entry=[one])

    def test_entries_that_are_no_list_are_not_an_empty_search(self) -> None:
        with pytest.raises(FHIRResponseInvalid):
            self.parse(entry="x")

    def test_what_was_included_is_told_apart(self) -> None:
        entries = [{"resource": self.OBSERVATION, "search": {"mode": "include"}}]
        assert self.parse(entry=entries) == Bundle((), None, (), (self.OBSERVATION,))

    @pytest.mark.parametrize(
        ("url", "followed"),
        [
            (f"{BASE}/Observation?page=2", f"{BASE}/Observation?page=2"),
            (f"{BASE}?_getpages=x", f"{BASE}?_getpages=x"),
            ("Observation?page=2", f"{BASE}/Observation?page=2"),
            ("?page=2", f"{BASE}/Observation?page=2"),
            ("/fhir/r4/Observation?page=2", f"{BASE}/Observation?page=2"),
            (f"http{BASE.removeprefix('https')}/Observation?page=2", f"{BASE}/Observation?page=2"),
        ],
    )
    def test_the_next_page_below_the_base_is_followed(self, url: str, followed: str) -> None:
        links = [{"relation": "self", "url": BASE}, "x", {"relation": "next", "url": url}]
        assert self.parse(link=links).next_url == followed

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/fhir/r4/Observation?page=2",
            "http://api.platform.example:80/fhir/r4/Observation?page=2",
            "http://evil.example/fhir/r4/Observation?page=2",
            "//evil.example/fhir/r4",
            "/admin",
            f"{BASE}/../../admin",
            "https://[",
            "",
            None,
            5,
        ],
    )
    def test_the_next_page_elsewhere_is_not_and_that_is_noted(self, url: object) -> None:
        """C140, T11."""
        bundle = self.parse(link=[{"relation": "next", "url": url}])
        assert bundle.next_url is None
        assert len(bundle.notes) == 1

    def test_a_single_link_needs_no_list(self) -> None:
        following = {"relation": "next", "url": f"{BASE}/Observation?page=2"}
        assert self.parse(link=following).next_url == following["url"]

    def test_the_relation_of_a_link_is_read_in_any_case(self) -> None:
        following = {"relation": "Next", "url": f"{BASE}/Observation?page=2"}
        assert self.parse(link=[following]).next_url == following["url"]

    @pytest.mark.parametrize("link", [None, {}, "next", [{"relation": "self", "url": BASE}]])
    def test_no_next_link_is_the_last_page(self, link: object) -> None:
        assert self.parse(link=link) == Bundle((), None, ())

    def test_an_operation_outcome_is_a_remark_and_no_resource(self) -> None:
        bundle = self.parse(entry=[{"resource": OUTCOME}, {"resource": self.OBSERVATION}])
        assert bundle.resources == (self.OBSERVATION,)
        assert "A patient is required" in bundle.notes[0]

    @pytest.mark.parametrize(
        ("issues", "is_remark"),
        [
            ([("warning", "Resource request returns no results.")], False),
            ([("information", "No matching records were found")], False),
            ([("error", "No results")], True),
            ([("warning", "No results from the archive")], True),
            ([("warning", "No results found"), ("warning", "It may not be all.")], True),
            ([], True),
        ],
    )
    def test_that_nothing_was_found_is_no_remark_on_an_empty_search(
        self, issues: list[tuple[str, str]], is_remark: bool
    ) -> None:
        """Epic says so with every empty result."""
        listed = [{"severity": one, "details": {"text": text}} for one, text in issues]
        said = {"resource": {"resourceType": "OperationOutcome", "issue": listed}}
        assert bool(self.parse(entry=[said]).notes) is is_remark
        assert self.parse(entry=[said, {"resource": self.OBSERVATION}]).notes

    @pytest.mark.parametrize(
        "entry", ["x", None, {}, {"resource": 5}, {"resource": {}}, {"resource": {"id": "1"}}]
    )
    def test_an_entry_without_a_resource_is_left_out(self, entry: object) -> None:
        bundle = self.parse(entry=[entry, {"resource": self.OBSERVATION}])
        assert bundle.resources == (self.OBSERVATION,)
        assert len(bundle.notes) == 1

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", as_body(OUTCOME), b"<html>"])
    def test_what_is_no_bundle_is_refused(self, body: bytes) -> None:
        with pytest.raises(FHIRResponseInvalid):
            fhir.parse_bundle(body, fhir_base_url=BASE, url=BASE)

    @pytest.mark.parametrize(
        ("sent", "total"), [("12", 12), ("9" * 5_000, None), ("many", None), (True, None)]
    )
    def test_a_number_of_matches_in_quotes(self, sent: object, total: int | None) -> None:
        body = as_body({"resourceType": "Bundle", "total": sent})
        assert fhir.parse_bundle(body, fhir_base_url=BASE, url=BASE).total == total


def patient_of(resource: dict[str, Any]) -> str | None:
    return fhir.patient_of(resource, fhir_base_url=BASE)


class TestPatientOf:
    """C143, T17."""

    @pytest.mark.parametrize("member", ["subject", "patient", "beneficiary", "for", "individual"])
    @pytest.mark.parametrize(
        "reference",
        [
            "Patient/a-1.E-2",
            f"{BASE}/Patient/a-1.E-2",
            f"{BASE.replace('https', 'HTTPS')}/Patient/a-1.E-2",
            "Patient/a-1.E-2/_history/3",
        ],
    )
    def test_the_patient_a_resource_is_about(self, member: str, reference: str) -> None:
        resource = {"resourceType": "X", member: {"reference": reference}}
        assert patient_of(resource) == "a-1.E-2"

    def test_an_appointment_is_about_the_patient_among_its_participants(self) -> None:
        actors = [{"reference": "Practitioner/1"}, {"reference": "Patient/2"}, None]
        participants = [{"actor": one} for one in actors]
        appointment = {"resourceType": "Appointment", "participant": [None, *participants]}
        assert patient_of(appointment) == "2"

    def test_a_patient_is_about_itself(self) -> None:
        assert patient_of({"resourceType": "Patient", "id": "1"}) == "1"
        assert patient_of({"resourceType": "Patient", "id": 1}) is None

    @pytest.mark.parametrize(
        "subject",
        [
            None,
            [],
            "Patient/1",
            {},
            {"reference": None},
            {"reference": "Group/1"},
            {"reference": "#p1"},
            {"reference": "urn:uuid:1"},
            {"reference": "NotPatient/1"},
            {"reference": "Patient/1?x"},
            {"reference": "Patient/1\n"},
            {"display": "Somebody"},
            {"identifier": {"value": "F-1001"}},
            {"reference": "https://other.example/fhir/Patient/1"},
            {"reference": f"{BASE}/deeper/Patient/1"},
            {"reference": "Patient/."},
            {"reference": "Patient/.."},
        ],
    )
    def test_a_resource_that_names_no_patient(self, subject: object) -> None:
        assert patient_of({"resourceType": "Observation", "subject": subject}) is None

    def test_a_group_as_subject_does_not_hide_the_patient(self) -> None:
        resource = {"subject": {"reference": "Group/1"}, "patient": {"reference": "Patient/1"}}
        assert patient_of(resource) == "1"

    def test_a_resource_that_names_two_patients_is_about_neither(self) -> None:
        one, two = {"reference": "Patient/1"}, {"reference": "Patient/2"}
        assert patient_of({"resourceType": "X", "subject": one, "patient": two}) is None
        assert patient_of({"resourceType": "X", "subject": one, "patient": one}) == "1"


class TestErrorText:
    """C142: every known format becomes one safe line."""

    @pytest.mark.parametrize(
        ("content_type", "body", "text"),
        [
            (None, as_body(OUTCOME), "A patient is required; No practice; throttled"),
            (None, b'{"resourceType":"OperationOutcome"}', ""),
            (None, b'{"error":"invalid_token","error_description":"Old"}', "invalid_token Old"),
            (None, b'{"detailedmessage":"policy","error":"access_denied"}', "access_denied policy"),
            (None, b'{"details":"ah-practice is missing"}', "ah-practice is missing"),
            (None, b'{"errorSummary":"Okta says no","errorCauses":[]}', "Okta says no"),
            (None, b'{"message":"Forbidden"}', "Forbidden"),
            (None, b'{"title":"Problem","status":403}', "Problem"),
            (None, b'{"error":{"code":7,"message":"nested"}}', "nested"),
            (None, b'{"errors":[{"status":"400","detail":"a list"}]}', "a list"),
            (None, b'{"errors":[]}', ""),
            (None, b'{"fault":{"faultstring":"Invalid ApiKey","detail":{}}}', "Invalid ApiKey"),
            (None, b'{"fault":{"faultstring":7}}', ""),
            (
                None,
                b'{"ErrorCode":"invalid_client","Error":"ClientId is Invalid"}',
                "ClientId is Invalid",
            ),
            (None, b'"just a string"', "just a string"),
            (None, b"[1, 2]", ""),
            ("text/plain", b"Developer Inactive", "Developer Inactive"),
            ("text/html", b"Sign in", ""),
            (None, b"  <!doctype html><p>x", ""),
            (None, b"", ""),
            (None, b"\xff\xfe", ""),
            (None, '"Größe"'.encode("latin-1"), "Größe"),
            (None, '{"error":"e"}'.encode("utf-16"), "e"),
            (None, b"<" + b"x" * 5_000_000, ""),
            (None, b'{"access_token":"short-1","token_type', ""),
            (None, b'oken":"short-1"}', ""),
            (
                None,
                b'{"error":"e","message":["Bad code",{"access_token":"short-1"}]}',
                "e Bad code",
            ),
            (None, b'[{"error":"e"}]', "e"),
            (
                None,
                b'{"error":"e","error_description":"Malformed.","hint":"Check the `code`"}',
                "e Malformed. Check the `code`",
            ),
            (
                None,
                b'{"detail":[{"loc":["body","client_id"],"msg":"field required"}]}',
                "field required body client_id",
            ),
            (None, b'{"statusmessage":"e","description":"Invalid id"}', "Invalid id"),
            (
                None,
                b'{"error":"e","gematik_error_text":"Not known","gematik_code":"1"}',
                "e Not known",
            ),
            (None, b'{"ok":false,"data":{"error":"e","message":"inside"}}', "e inside"),
            (None, b'{"data":{"access_token":"short-1","context":"short-2"}}', ""),
        ],
        ids=range(34),
    )
    def test_one_line_is_told(self, content_type: str | None, body: bytes, text: str) -> None:
        assert fhir.error_words(content_type, body) == text

    def test_it_is_short_plain_and_without_tokens(self) -> None:
        """T10, T15."""
        canary = "N09411aa6CiXmdNnkp6l7V6lk5UH"
        text = fhir.error_words(None, f"Bad\r\ntoken\x07 {canary} {'x ' * 999}".encode())
        assert canary not in text
        assert text.startswith("Bad token […] x")
        assert len(text) < 320


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ('Bearer realm="x", error="invalid_token", error_description="It is over"',
         "invalid_token It is over"),
        ("Basic error=invalid_client", "invalid_client"),
        ('Bearer error_description = "eyJhbGciOi.secret"', "[…]"),
        ('Bearer realm="error"', ""),
        ('Bearer error_uri="https://x.example"', ""),
        ("", ""),
        (None, ""),
    ],
)  # fmt: skip
def test_what_a_challenge_says_of_an_error(header: str | None, words: str) -> None:
    """RFC 6750 §3."""
    assert fhir.challenge_words(header) == words
