"""Hostile input over real HTTP, in every place where a stranger's words come in (T15, T25).

Whatever comes: a page of ours with a status that was meant, no markup of the stranger's in it, no
line of theirs in a header, and, by the folder's fixtures, no secret in a log or in the database.
"""

import asyncio
from collections.abc import Iterator
from html import escape
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from aiohttp import web
from django.contrib.auth import get_user_model
from django.test import Client
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from smartapp import http
from smartapp.launches import events
from smartapp.launches.models import Launch, LaunchEvent
from smartapp.registrations import discovery
from smartapp.registrations.models import Endpoint
from tests.chart.test_hostile import MEMBERS
from tests.hostile import (
    ATTRIBUTE,
    ELEMENT,
    MARK,
    as_body,
    assert_no_markup,
    broken,
    everywhere,
    json_values,
    mutated,
    with_words,
    words,
)  # fmt: skip
from tests.launches.conftest import query
from tests.scripted_ehr import ScriptedEHR

OWN_FAULT = "unexpected-error"
CONTEXT: dict[str, Any] = {
    "patient": "p-1",
    "encounter": "e-1",
    "need_patient_banner": False,
    "smart_style_url": "https://ehr.example/style.json",
    "intent": "summary",
    "tenant": "t",
    "fhirContext": [{"reference": "List/1", "role": "r", "type": "List", "canonical": "c"}],
    "vendor": {"a": ["b"]},
}
CLAIMS: dict[str, Any] = {"fhirUser": "Practitioner/d-1", "sub": "somebody", "name": "Name"}
TEXT = {
    "text": "Name",
    "coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "D"}],
}
RECORD: dict[str, Any] = {
    "id": "1",
    "status": "active",
    "subject": {"reference": "Patient/p-1"},
    "patient": {"reference": "Patient/p-1"},
    "name": [{"family": "Family", "given": ["Given"], "text": "Text", "prefix": ["Dr."]}],
    "gender": "female",
    "birthDate": "1980-04-05",
    "identifier": [{"type": TEXT, "system": "urn:x", "value": "123"}],
    "code": TEXT,
    "category": [TEXT],
    "class": {"display": "inpatient"},
    "clinicalStatus": TEXT,
    "medicationCodeableConcept": TEXT,
    "vaccineCode": TEXT,
    "dosageInstruction": [{"text": "daily"}],
    "reaction": [{"manifestation": [TEXT], "description": "itch"}],
    "valueQuantity": {"value": 120, "unit": "mmHg"},
    "referenceRange": [{"text": "normal", "low": {"value": 1, "unit": "u"}}],
    "interpretation": [TEXT],
    "effectiveDateTime": "2026-10-05T08:15:00+02:00",
    "occurrenceDateTime": "2026-10-05",
    "recordedDate": "2026-10-05",
    "note": [{"text": "note"}],
    "requester": {"display": "Dr. No"},
    "location": [{"location": {"display": "Ward"}}],
}
DISCOVERY: dict[str, Any] = {
    "issuer": "https://ehr.example",
    "authorization_endpoint": "https://ehr.example/authorize",
    "token_endpoint": "https://ehr.example/token",
    "jwks_uri": "https://ehr.example/keys",
    "revocation_endpoint": "https://ehr.example/revoke",
    "capabilities": ["launch-ehr"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}

hostile = settings(max_examples=settings().max_examples // 4)  # each is a page visited


class Visitor:
    """A browser without scripts that looks at every answer; each has cookies of its own."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> tuple[int, str, str]:
        """Return status, Location and page, having looked at all three."""
        connection = HTTPConnection(urlsplit(self.app).netloc, timeout=30)
        try:
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request("GET", path, headers={"Cookie": cookies} if cookies else {})
            response = connection.getresponse()
            page = response.read().decode()
        finally:
            connection.close()
        for name, value in response.getheaders():
            assert MARK not in name.lower()
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
                assert MARK not in key
        assert response.status != 500, page
        assert OWN_FAULT not in page
        if "html" in response.headers.get("Content-Type", ""):
            assert_no_markup(page)
        return response.status, response.headers.get("Location", ""), page

    def started(self, ehr: ScriptedEHR) -> dict[str, str]:
        """Start a launch and return what the EHR was asked."""
        status, location, _ = self.get(f"/launch?iss={ehr.fhir_base_url}&launch=x")
        assert status == 302
        return {name: values[0] for name, values in query(location).items()}

    def launched(self, ehr: ScriptedEHR) -> tuple[int, str]:
        """Launch, and return the status of the callback and where it leads."""
        asked = self.started(ehr)
        code = ehr.issue_code(
            nonce=asked["nonce"], code_challenge=asked["code_challenge"], scope=asked["scope"]
        )
        query = urlencode({"code": code, "state": asked["state"]})
        status, location, _ = self.get(f"/callback/scripted/?{query}")
        return status, location


@pytest.fixture
def visitor(app: str) -> Visitor:
    return Visitor(app)


@pytest.fixture(autouse=True)
def what_administrators_see(app: str) -> Iterator[None]:
    """After each test: the timeline and the causes of the launches that there were."""
    yield
    asyncio.run(events.flush())
    administrator = Client(headers={"Host": "127.0.0.1"})
    administrator.force_login(get_user_model().objects.create_superuser("admin"))
    noted = LaunchEvent.objects.order_by("-pk").values_list("attempt", flat=True)
    attempts = [f"launchevent/attempt/{attempt}/" for attempt in dict.fromkeys(noted[:300])]
    launches = [f"launch/{launch.pk}/change/" for launch in Launch.objects.all()[:5]]
    for path in ("launchevent/", "launch/", *attempts[:15], *launches):
        response = administrator.get(f"/admin/launches/{path}")
        assert response.status_code == 200, path
        assert_no_markup(response.content.decode())


query_values = words | st.sampled_from(["", "access_denied", "server_error", "x", "%ff", "+"])
query_names = st.sampled_from(
    ["iss", "launch", "code", "state", "error", "error_description", "error_uri", "next", MARK]
)
query_strings = st.lists(st.tuples(query_names, query_values), max_size=5).flatmap(
    lambda pairs: st.sampled_from([
        urlencode(pairs, errors="replace"),
        "&".join(f"{name}={quote(value, safe='=&+', errors='replace')}" for name, value in pairs),
    ])
)  # fmt: skip


class TestAddresses:
    @hostile
    @given(query_strings, words)
    def test_query_of_any_shape(self, visitor: Visitor, asked: str, slug: str) -> None:
        """C20, C53."""
        segment = quote(slug[:200], safe="", errors="replace")
        for path in ("/launch", "/callback/scripted/", "/", f"/callback/{segment}/",
                     f"/connect/{segment}/", f"/launches/{segment}/"):  # fmt: skip
            status, location, _ = visitor.get(f"{path}?{asked}")
            assert status in {200, 301, 302, 400, 404}, path
            assert MARK not in urlsplit(location).netloc

    @hostile
    @given(words, words, words)
    @example(ELEMENT, ELEMENT, ELEMENT)
    @example("access_denied", ATTRIBUTE, ATTRIBUTE)
    def test_error_of_the_ehr(
        self, visitor: Visitor, ehr: ScriptedEHR, error: str, description: str, uri: str
    ) -> None:
        """C52: in a launch that this browser did start, so that the words are shown."""
        state = visitor.started(ehr)["state"]
        fields = {
            "state": state,
            "error": error or "access_denied",
            "error_description": description,
            "error_uri": uri,
        }
        status, _, _ = visitor.get(f"/callback/scripted/?{urlencode(fields, errors='replace')}")
        assert status in {400, 403, 502, 503}

    @hostile
    @given(words, words)
    def test_code_of_any_shape(
        self, visitor: Visitor, ehr: ScriptedEHR, code: str, iss: str
    ) -> None:
        assume(not (code and code in iss))  # administrators are shown the issuer
        state = visitor.started(ehr)["state"]
        fields = {"state": state, "code": code, "iss": iss}
        status, _, _ = visitor.get(f"/callback/scripted/?{urlencode(fields, errors='replace')}")
        assert status in {400, 502}


class TestTokenResponse:
    @hostile
    @given(st.data(), st.sampled_from([200, 200, 200, 400, 401, 500]))
    def test_of_any_shape(
        self, visitor: Visitor, ehr: ScriptedEHR, data: st.DataObject, status: int
    ) -> None:
        good = ehr.token_response("launch patient/Patient.rs") | {"patient": "p-1"}
        body = data.draw(
            mutated(good).map(as_body)
            | mutated({"error": "invalid_grant", "error_description": "d"}).map(as_body)
            | with_words({"error": "invalid_grant", "error_description": "d"}).map(as_body)
            | json_values.map(as_body)
            | broken(as_body(good))
            | st.binary(max_size=100)
        )

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=body, status=status, content_type="application/json")

        ehr.token_answer = answer
        met, location = visitor.launched(ehr)
        assert met in {303, 409, 502}
        if met == 303:
            assert visitor.get(location)[0] in {200, 409, 410}

    @hostile
    @given(mutated(CONTEXT) | with_words(CONTEXT))
    @example(everywhere(CONTEXT, ELEMENT) | {"patient": "p-1", "encounter": "e-1"})
    @example(everywhere(CONTEXT, ATTRIBUTE) | {"patient": "p-1", "encounter": "e-1"})
    def test_launch_context_of_any_shape(
        self, visitor: Visitor, ehr: ScriptedEHR, context: Any
    ) -> None:
        """C86, C100 to C109."""
        ehr.context = context if isinstance(context, dict) else {}
        met, location = visitor.launched(ehr)
        assert met in {303, 409, 502}
        if met == 303:
            for path in (location, f"{location}context.json", f"{location}style.css"):
                assert visitor.get(path)[0] in {200, 404, 409, 410}

    @hostile
    @given(with_words(CLAIMS) | mutated(CLAIMS))
    @example(everywhere(CLAIMS, ELEMENT))
    @example(everywhere(CLAIMS, ATTRIBUTE))
    def test_claims_of_any_shape(self, visitor: Visitor, ehr: ScriptedEHR, claims: Any) -> None:
        """C90 to C96: of an issuer whose signature is right."""
        ehr.id_token_claims = claims if isinstance(claims, dict) else {}
        met, location = visitor.launched(ehr)
        assert met in {303, 502}
        if met == 303:
            assert visitor.get(location)[0] == 200


# What does not say that it is this patient's is not shown at all.
THIS_PATIENTS = {"subject": RECORD["subject"], "patient": RECORD["patient"]}
RESOURCES = (
    with_words(RECORD).map(lambda record: record | THIS_PATIENTS)
    | st.dictionaries(st.sampled_from(MEMBERS), words).map(lambda record: record | THIS_PATIENTS)
    | mutated(RECORD)
)


class TestFHIR:
    @hostile
    @given(RESOURCES, words)
    @example(everywhere(RECORD, ELEMENT) | THIS_PATIENTS, ELEMENT)
    @example(everywhere(RECORD, ATTRIBUTE) | THIS_PATIENTS, ATTRIBUTE)
    def test_record_of_any_shape(
        self, visitor: Visitor, ehr: ScriptedEHR, drawn: Any, diagnostics: str
    ) -> None:
        """C101, C142, C143: whatever is in the record, it is text."""
        remark = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": diagnostics}]}

        async def answer(request: web.Request) -> web.Response:
            kind, _, id_ = request.match_info["path"].partition("/")
            resource = {**(drawn if isinstance(drawn, dict) else {}), "resourceType": kind}
            if id_:
                return web.Response(body=as_body({**resource, "id": id_}))
            entries = [{"resource": resource}, {"resource": remark}]
            return web.Response(body=as_body({"resourceType": "Bundle", "entry": entries}))

        ehr.fhir_answer = answer
        met, location = visitor.launched(ehr)
        assert met == 303
        assert visitor.get(location)[0] in {200, 409}
        assert visitor.get(f"{location}context.json")[0] in {200, 409}

    @hostile
    @given(st.data(), st.sampled_from([200, 200, 400, 403, 404, 429, 500]))
    def test_answer_of_any_shape(
        self, visitor: Visitor, ehr: ScriptedEHR, data: st.DataObject, status: int
    ) -> None:
        bundle = {"resourceType": "Bundle", "entry": [{"resource": RECORD}], "link": []}
        body = data.draw(
            mutated(bundle).map(as_body) | broken(as_body(bundle)) | words.map(as_body)
            | words.map(lambda text: text.encode(errors="replace"))
        )  # fmt: skip
        kind = data.draw(st.sampled_from(["application/fhir+json", "text/html", "text/plain"]))

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=body, status=status, content_type=kind)

        ehr.fhir_answer = answer
        met, location = visitor.launched(ehr)
        assert met == 303
        assert visitor.get(location)[0] in {200, 409}


async def whole(response: Any) -> str:
    """Return a page, also one that comes piece by piece."""
    if not response.streaming:
        return str(response.content.decode())
    return "".join([part.decode() async for part in response])


class TestDiscovery:
    @hostile
    @given(st.data())
    def test_document_of_any_shape(
        self, visitor: Visitor, ehr: ScriptedEHR, data: st.DataObject
    ) -> None:
        """C10 to C15: a launch goes to a host that is pinned, or nowhere."""
        here = {name: value.replace("https://ehr.example", ehr.base)
                for name, value in DISCOVERY.items() if isinstance(value, str)}  # fmt: skip
        document = data.draw(mutated(DISCOVERY | here) | with_words(DISCOVERY | here))
        ehr.discovery = document if isinstance(document, dict) else {}
        discovery.forget()
        status, location, _ = visitor.get(f"/launch?iss={ehr.fhir_base_url}&launch=x")
        assert status in {302, 502, 503}
        if status == 302:
            assert urlsplit(location).netloc == urlsplit(ehr.base).netloc

    def test_what_changed_is_shown_as_text(self, registered: Endpoint, ehr: ScriptedEHR) -> None:
        """It is shown at all, which the test below does not ask for: most documents there are of no
        use, and nothing is compared with them."""
        ehr.discovery = {**ehr.discovery, "management_endpoint": ELEMENT, "note": ELEMENT}
        administrator = Client(headers={"Host": "127.0.0.1"})
        administrator.force_login(
            get_user_model().objects.create_user("d", is_superuser=True, is_staff=True)
        )
        page = f"/admin/registrations/registration/endpoint/{registered.pk}/discovery/"
        administrator.post(page, {"read": "yes"})
        shown = administrator.get(page).content.decode()
        assert escape(ELEMENT) in shown
        assert ELEMENT not in shown

    @hostile
    @given(mutated(DISCOVERY) | with_words(DISCOVERY))
    @example(everywhere(DISCOVERY, ELEMENT))
    @example(everywhere(DISCOVERY, ATTRIBUTE))
    def test_administrator_is_shown_it_as_text(
        self, registered: Endpoint, ehr: ScriptedEHR, document: Any
    ) -> None:
        """Looked at before it is added, read again, compared with what it was, and examined."""
        ehr.discovery = document if isinstance(document, dict) else {}
        administrator = Client(headers={"Host": "127.0.0.1"})
        users = get_user_model().objects
        administrator.force_login(
            users.get_or_create(username="r", is_superuser=True, is_staff=True)[0]
        )
        at = "/admin/registrations/registration"
        look = {"fhir_base_url": f"{ehr.fhir_base_url}/", "scope": "system/*.rs", "look": "yes"}
        for path, form in (
            (f"{at}/add/", look),
            (f"{at}/endpoint/{registered.pk}/discovery/", {"read": "yes"}),
            (f"{at}/{registered.registration_id}/doctor/", {"run": "yes"}),
        ):
            response = administrator.post(path, form)
            assert response.status_code == 200, path
            assert_no_markup(http.run(whole(response)))
        shown = administrator.get(f"{at}/endpoint/{registered.pk}/discovery/")
        assert_no_markup(shown.content.decode())
