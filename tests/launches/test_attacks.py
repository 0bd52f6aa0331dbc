"""Attacks on a launch from outside, over real HTTP (docs/security.md): one test for each that no
other file has. The folder's fixtures search logs and database for secrets after each of them."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from aiohttp import web
from django.test import RequestFactory
from django.utils import timezone
from django.views.debug import get_exception_reporter_class

from smartapp import http
from smartapp.database import in_database
from smartapp.launches.models import Launch
from smartapp.registrations import discovery
from smartapp.registrations.models import Endpoint
from tests.launches.conftest import Browser, new_browser, query
from tests.scripted_ehr import CANARY, ScriptedEHR, fhir_json

Start = Callable[[], str]
EVIL = "https://evil.example/"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that the app asks, from now on."""
    addresses: list[str] = []
    send = http._send

    async def recorded(method: str, url: Any, *rest: Any) -> http.Response:
        addresses.append(str(url))
        return await send(method, url, *rest)

    monkeypatch.setattr(http, "_send", recorded)
    return addresses


@pytest.fixture
def stranger() -> Iterator[ScriptedEHR]:
    """Another host, which notes who asks it for what."""
    with ScriptedEHR() as other:
        yield other


async def launches() -> int:
    return await in_database(Launch.objects.filter(ended_at=None).count)


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example/fhir",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/fhir",
        "file:///etc/passwd",
        "{base}@evil.example/fhir",
        "http://user:password@{host}/fhir",
        "http://{host}./fhir",
        "http://{host}/fhir/../evil",
        "http://{host}/FHIR",
        "http://{host}\uff0ffhir",
        "https://\u0435hr.example/fhir",
        "{base}%00",
        "{base}#",
        "{base}?",
    ],
)
async def test_iss_of_a_stranger_opens_no_socket(
    browser: Browser, ehr: ScriptedEHR, sent: list[str], iss: str
) -> None:
    """T1: whatever it looks like, it is only looked up."""
    host = urlsplit(ehr.base).netloc
    given = quote(iss.format(base=ehr.fhir_base_url, host=host), safe="")
    response = await browser.get(f"/launch?iss={given}&launch=x")
    assert response.status in {400, 404}
    assert "Location" not in response.headers
    assert sent == []


class TestStolenCode:
    """T4: a code that was given out in another browser."""

    async def test_is_worth_nothing_without_its_verifier(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """The EHR compares the verifier with the code's challenge (RFC 7636)."""
        stolen = query(await browser.to_callback(ehr_launch()))["code"][0]
        async with new_browser(browser.app) as thief:
            own = query(await thief.to_callback(ehr_launch()))
            url = f"/callback/scripted/?code={stolen}&state={own['state'][0]}"
            response = await thief.get(url)
            assert response.status == 502
            assert "no longer valid" in await response.text()
        assert await launches() == 0

    async def test_is_found_out_by_the_nonce_where_the_ehr_compares_nothing(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """OpenID Connect Core 3.1.3.7: the id_token is that of the other browser's request."""
        ehr.checks_code_verifier = False
        stolen = query(await browser.to_callback(ehr_launch()))["code"][0]
        async with new_browser(browser.app) as thief:
            own = query(await thief.to_callback(ehr_launch()))
            url = f"/callback/scripted/?code={stolen}&state={own['state'][0]}"
            response = await thief.get(url)
            assert response.status == 502
            assert "did not pass every check" in await response.text()
        assert await launches() == 0

    async def test_verifier_is_never_used_for_two_codes(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        await asyncio.gather(*(browser.launch(ehr_launch()) for _ in range(3)))
        assert len({one["code_verifier"] for one in ehr.token_requests}) == 3


class TestPoisonedMetadata:
    """T6: what the EHR publishes changes after an administrator has looked at it."""

    async def test_token_endpoint_elsewhere_stops_the_next_launch(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        stranger: ScriptedEHR,
    ) -> None:
        """C14, C65: and a launch under way ends where it was begun, with the audience of then."""
        callback = await browser.to_callback(ehr_launch())
        ehr.discovery["token_endpoint"] = f"{stranger.base}/token"
        discovery.forget()
        assert (await browser.get(callback)).status == 303
        assert ehr.assertions[0]["aud"] == f"{ehr.base}/token"
        response = await browser.get(ehr_launch())
        assert response.status == 503
        assert "Location" not in response.headers
        assert stranger.requests == []

    async def test_audience_of_the_registration_is_nobody_elses_to_say(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, registered: Endpoint
    ) -> None:
        """C65: one string, whatever the EHR calls its token endpoint."""
        registration = registered.registration
        registration.assertion_audience = "https://aud.example/token"
        await in_database(registration.save)
        ehr.discovery["token_endpoint"] = f"{ehr.base}/token?tenant=evil"
        await browser.launch(ehr_launch())
        assert ehr.assertions[0]["aud"] == "https://aud.example/token"


class TestTokensLeave:
    """T10: by no address, no page, no header and no report."""

    async def test_the_way_back_leaves_nothing_in_the_address(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """C42, C55: the callback answers with a redirect to an address without code or state."""
        started = await browser.get(ehr_launch())
        answered = await browser.get(started.headers["Location"])
        finished = await browser.get(answered.headers["Location"])
        assert finished.status == 303
        assert re.fullmatch(r"/launches/[0-9a-f-]{36}/", finished.headers["Location"])
        for response in (started, finished, await browser.get(finished.headers["Location"])):
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "no-store" in response.headers["Cache-Control"]

    async def test_no_page_shows_one(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C111: neither the page, nor context.json, nor the cookies hold a token."""
        uuid = await browser.launch(ehr_launch())
        for path in ("", "context.json"):
            response = await browser.get(f"/launches/{uuid}/{path}")
            shown = f"{response.headers} {await response.text()}"
            # The subject of the id_token is no secret to whoever signed in.
            assert CANARY not in shown.replace(f"{CANARY}-subject", "")
        cookies = " ".join(cookie.value for cookie in browser.http.cookie_jar)
        assert CANARY not in cookies
        assert ehr.token_requests[0]["code_verifier"] not in cookies

    def test_report_of_an_exception_holds_no_value(self) -> None:
        """C70: not even where DEBUG was left on: no variable of any frame, no query, no form."""
        request = RequestFactory().post(
            f"/callback/scripted/?code={CANARY}-in-query", {"secret": f"{CANARY}-in-form"},
            headers={"Authorization": f"Bearer {CANARY}-in-header", "Cookie": f"a={CANARY}-cookie"},
        )  # fmt: skip

        def exchange(code: str) -> None:
            fields = {"code": code}
            raise RuntimeError(f"{len(fields)} fields")

        try:
            exchange(f"{CANARY}-in-frame")
        except RuntimeError as error:
            kind: Any = get_exception_reporter_class(request)
            reporter = kind(request, type(error), error, error.__traceback__)
        for text in (reporter.get_traceback_html(), reporter.get_traceback_text()):
            assert "exchange" in text
            assert f"{CANARY}-in" not in text.replace('f"{CANARY}-in', "")
            assert f"{CANARY}-cookie" not in text


class TestForeignHosts:
    """T11, C140: whatever the EHR names, the token goes to its own FHIR base and nowhere else."""

    async def test_links_references_and_pictures_are_not_followed(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, stranger: ScriptedEHR
    ) -> None:
        elsewhere = stranger.fhir_base_url
        ehr.id_token_claims = {"fhirUser": f"{elsewhere}/Practitioner/d-1"}

        async def answer(request: web.Request) -> web.StreamResponse:
            resource = ehr.resource(request.match_info["path"])
            if resource["resourceType"] == "Patient":
                resource["photo"] = [{"url": f"{elsewhere}/Binary/1"}]
                resource["generalPractitioner"] = [{"reference": f"{elsewhere}/Practitioner/2"}]
            if resource["resourceType"] == "Bundle":
                next_page = {"relation": "next", "url": f"{elsewhere}/Observation?page=2"}
                resource["link"] = [next_page]
                resource["entry"] = [{"fullUrl": f"{elsewhere}/x", "resource": _order(elsewhere)}]
            return fhir_json(resource)

        ehr.fhir_answer = answer
        uuid = await browser.launch(ehr_launch())
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 200
        assert f'src="{stranger.base}' not in await response.text()
        assert stranger.requests == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirect_is_not_followed(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        stranger: ScriptedEHR,
        status: int,
    ) -> None:
        """C60 and C140: of the token endpoint, and of the FHIR server."""

        async def away(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": stranger.base + request.path})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = away
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        ehr.token_answer = away
        assert (await browser.get(await browser.to_callback(ehr_launch()))).status == 502
        assert stranger.requests == []


def _order(elsewhere: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": "m-1",
        "subject": {"reference": "Patient/p-1"},
        "medicationReference": {"reference": f"{elsewhere}/Medication/1"},
    }


class TestOpenRedirect:
    """T13, C54: nobody who makes up an address of ours decides where it leads."""

    @pytest.mark.parametrize("evil", ["//evil.example", "/\\evil.example", EVIL, "https:evil"])
    async def test_after_sign_in(self, browser: Browser, ehr_launch: Start, evil: str) -> None:
        """The way on is the launch that was stored, whatever the address says."""
        more = "".join(
            f"&{name}={quote(evil, safe='')}"
            for name in ("next", "return_to", "redirect_uri", "target_link_uri", "url")
        )
        started = await browser.get(ehr_launch() + more)
        assert query(started.headers["Location"])["redirect_uri"] == [
            f"{browser.app}/callback/scripted/"
        ]
        answered = await browser.get(started.headers["Location"])
        finished = await browser.get(answered.headers["Location"] + more)
        assert re.fullmatch(r"/launches/[0-9a-f-]{36}/", finished.headers["Location"])

    @pytest.mark.parametrize("uri", [EVIL, "//evil.example", "javascript:alert(1)", "urn:x"])
    async def test_error_uri_is_no_link(
        self, browser: Browser, ehr_launch: Start, uri: str
    ) -> None:
        """C52."""
        callback = await browser.to_callback(ehr_launch())
        state = query(callback)["state"][0]
        answer = f"/callback/scripted/?state={state}&error=access_denied&error_uri={quote(uri)}"
        page = await (await browser.get(answer)).text()
        links = re.findall(r'(?:href|src|action)="([^"]*)"', page)
        assert links
        for link in links:
            assert urlsplit(urljoin(browser.app, link)).netloc == urlsplit(browser.app).netloc

    @pytest.mark.parametrize(
        "path",
        ["//evil.example/", "//evil.example/launch", "/%5Cevil.example", "/%2F%2Fevil.example/",
         "/admin/login/?next=//evil.example", "/admin/logout/?next=//evil.example",
         "/launches//evil.example", "/callback//evil.example/%2e%2e"],
    )  # fmt: skip
    async def test_path_never_becomes_a_host(self, browser: Browser, path: str) -> None:
        """What comes back is a page, or a redirect within this host."""
        response = await browser.get(browser.app + path)
        target = urljoin(browser.app + path, response.headers.get("Location", ""))
        assert response.status < 500
        assert urlsplit(target).netloc == urlsplit(browser.app).netloc


class TestMoreThanWasAskedFor:
    """T27: an EHR that gives too much, at first or in a refresh, and what the app makes of it."""

    async def test_is_said_on_the_page_and_never_asked_for_in_a_refresh(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, registered: Endpoint
    ) -> None:
        """C121: the refresh names what was asked for and granted, although more was given."""
        registration = registered.registration
        registration.send_scope_on_refresh = True
        await in_database(registration.save)
        ehr.scope = "openid patient/Patient.rs user/Claim.cruds"
        uuid = await browser.launch(ehr_launch())
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        assert "given unasked" in page
        past = timezone.now()
        await in_database(Launch.objects.filter(uuid=uuid).update, access_token_expires_at=past)
        await browser.get(f"/launches/{uuid}/")
        sent = ehr.token_requests[-1]
        assert (sent["grant_type"], sent["scope"]) == ("refresh_token", "openid patient/Patient.rs")


async def test_nobody_is_signed_in_where_no_id_token_came(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """T28, C97: neither the access token nor `patient` beside it says who is looking."""

    async def without(_: web.Request) -> web.Response:
        members = {"patient": "p-1", "fhirUser": f"{ehr.fhir_base_url}/Practitioner/d-1"}
        return web.json_response(ehr.token_response("launch patient/Patient.rs") | members)

    ehr.token_answer = without
    uuid = await browser.launch(ehr_launch())
    response = await browser.get(f"/launches/{uuid}/context.json")
    context = await response.json()
    assert context["fhirUser"] is None
    assert context["id_token"] in (None, {"iss": None, "sub": None})
    assert ("GET", "/fhir/Practitioner/d-1") not in ehr.requests


@pytest.mark.parametrize("name", ["state", "code", "iss"])
async def test_parameter_that_comes_twice_is_refused(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, name: str
) -> None:
    """T25, C53: also when both are the same; a proxy and this app might read two different ones."""
    callback = await browser.to_callback(ehr_launch()) + f"&iss={ehr.issuer}"
    response = await browser.get(f"{callback}&{name}={query(callback)[name][0]}")
    assert response.status == 400
    assert ehr.token_requests == []


@pytest.mark.parametrize(
    "body",
    [
        '{"token_type":"Bearer","access_token":"CANARY-a","x":' + "[" * 100 + "]" * 100 + "}",
        '{"token_type":"Bearer","access_token":"CANARY-a","access_token":"CANARY-b"}',
        '{"token_type":"Bearer","access_token":"CANARY-a","expires_in":' + "9" * 5000 + "}",
    ],
    ids=["deep", "twice", "long"],
)
async def test_token_response_that_two_readers_could_read_differently(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, body: str
) -> None:
    """T25, C87."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    ehr.token_answer = answer
    response = await browser.get(await browser.to_callback(ehr_launch()))
    assert response.status == 502
    assert "could not be understood" in await response.text()
    assert await launches() == 0
