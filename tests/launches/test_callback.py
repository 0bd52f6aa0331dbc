"""The callback: the EHR's answer is accepted once, in the browser that asked."""

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
from aiohttp import web
from django.test import AsyncClient
from django.utils import timezone
from pytest_django import Settings

from smartapp.database import in_database
from smartapp.launches import events, pending
from smartapp.launches.models import Launch, LaunchEvent
from smartapp.registrations import discovery, registry, trust
from smartapp.registrations.models import Endpoint, Registration
from tests.launches.conftest import Browser, new_browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


def changed(url: str, **members: str | None) -> str:
    """Return the URL with query members replaced, or removed for None."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    query = {name: value for name, value in {**query, **members}.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(query)))


async def refused(browser: Browser, url: str, status: int, words: str) -> str:
    """Go there, expect that page, and return its text."""
    response = await browser.get(url)
    page = await response.text()
    assert response.status == status, page
    assert words in page
    assert "no-store" in response.headers["Cache-Control"]
    return page


async def launches() -> int:
    return await in_database(Launch.objects.filter(ended_at=None).count)


class TestAuthorizationRequest:
    async def test_every_member_that_smart_asks_for_is_sent(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C30-C36, C42: PKCE S256, aud = iss, launch echoed, nonce, and nothing in state."""
        response = await browser.get(ehr_launch())
        asked = parse_qs(urlsplit(response.headers["Location"]).query)
        assert asked["response_type"] == ["code"]
        assert asked["client_id"] == ["scripted-client"]
        assert asked["redirect_uri"] == [f"{browser.app}/callback/scripted/"]
        assert asked["aud"] == [ehr.fhir_base_url]
        assert asked["launch"] == ["CANARY-launch"]
        assert asked["code_challenge_method"] == ["S256"]
        assert len(asked["state"][0]) == len(asked["nonce"][0]) == 43
        assert response.status == 302
        assert response.headers["Referrer-Policy"] == "no-referrer"

    async def test_each_visit_starts_anew(self, browser: Browser, ehr_launch: Start) -> None:
        """C23: no state, nonce or challenge is used twice."""
        seen = [
            parse_qs(urlsplit((await browser.get(ehr_launch())).headers["Location"]).query)
            for _ in range(2)
        ]
        for member in ("state", "nonce", "code_challenge"):
            assert seen[0][member] != seen[1][member]

    async def test_standalone_sends_no_launch(self, browser: Browser) -> None:
        """C22."""
        response = await browser.get("/connect/scripted/")
        asked = parse_qs(urlsplit(response.headers["Location"]).query)
        assert "launch" not in asked
        assert "launch/patient" in asked["scope"][0].split()

    @pytest.mark.parametrize("framed_by", ["", "https://ehr.example"])
    async def test_that_is_too_long_for_an_address_is_a_form(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, framed_by: str
    ) -> None:
        """C41, C44: where the EHR takes one; it is filled in with the same members. C150: in the
        EHR's frame too."""
        ancestors = [framed_by] if framed_by else []
        await in_database(Registration.objects.update, frame_ancestors=ancestors)
        ehr.discovery["capabilities"] = ["launch-ehr", "authorize-post"]
        launch = "x" * 2000
        response = await browser.get(f"/launch?iss={ehr.fhir_base_url}&launch={launch}")
        page = await response.text()
        assert response.status == 200
        assert response.headers["Cache-Control"].count("no-store") == 1
        policy = response.headers["Content-Security-Policy"]
        assert "form-action https:" in policy
        assert "frame-ancestors " + (framed_by or "'none'") in policy
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        assert fields["launch"] == launch
        assert set(fields) == {
            "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "nonce",
            "code_challenge", "code_challenge_method", "launch",
        }  # fmt: skip
        assert f'action="{ehr.base}/authorize"' in page
        posted = await browser.http.post(
            f"{ehr.base}/authorize", data=fields, allow_redirects=False
        )
        finished = await browser.get(posted.headers["Location"])
        assert finished.status == 303, await finished.text()

    @pytest.mark.parametrize(
        ("preset", "capabilities", "start"),
        [
            ("", [], "/launch?iss={iss}&launch=" + "x" * 2000),
            ("epic", ["authorize-post"], "/connect/scripted/"),
        ],
        ids=["not announced", "Epic, standalone"],
    )
    async def test_that_is_too_long_stays_an_address_where_no_form_is_taken(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        registered: Endpoint,
        preset: str,
        capabilities: list[str],
        start: str,
    ) -> None:
        """C41, C44: Epic takes a form from its own launches only."""
        ehr.discovery["capabilities"] = capabilities
        many = " ".join(f"patient/Observation.rs?category=c{number}" for number in range(80))
        registration = registered.registration
        registration.preset, registration.standalone_scope = preset, f"launch/patient openid {many}"
        await in_database(registration.save)
        response = await browser.get(start.format(iss=ehr.fhir_base_url))
        assert response.status == 302
        assert len(response.headers["Location"]) > 2000

    async def test_visit_writes_nothing(self, browser: Browser, ehr_launch: Start) -> None:
        await browser.get(ehr_launch())
        assert await in_database(Launch.objects.count) == 0


class TestBadLaunchRequests:
    """C20, C7, T1: each is one change of a good request."""

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("launch=x", 400),
            ("iss={iss}", 400),
            ("iss={iss}&launch=", 400),
            ("iss={iss}&iss={iss}&launch=x", 400),
            ("iss={iss}&launch=x&launch=y", 400),
            ("iss={iss}&launch=" + "x" * 5000, 400),
            ("iss=https://unknown.example/fhir&launch=x", 404),
            ("iss={iss}x&launch=x", 404),
            ("iss=http://169.254.169.254/fhir&launch=x", 404),
        ],
    )
    async def test_is_refused_without_asking_anybody(
        self, browser: Browser, ehr: ScriptedEHR, query: str, status: int
    ) -> None:
        response = await browser.get("/launch?" + query.format(iss=ehr.fhir_base_url))
        assert response.status == status
        assert ehr.requests == []
        assert "Reference" in await response.text()

    @pytest.mark.parametrize(
        "path",
        ["/launch/", "/", "/LAUNCH", "/Launch/", "//launch", "/launch//", "/app/launch.html",
         "/callback/scripted/", "/callback/another/"],
    )  # fmt: skip
    async def test_a_launch_url_that_was_typed_differently_launches_all_the_same(
        self, browser: Browser, ehr: ScriptedEHR, path: str
    ) -> None:
        """C20: with a slash, in other letters, the address of the app alone, the redirect URI."""
        query = f"?iss={ehr.fhir_base_url}&launch=x"
        response = await browser.get(path + query)
        if path != "/launch/":
            assert response.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
            assert response.headers["Location"] == f"/launch{query}"
            response = await browser.get(response.headers["Location"])
        assert response.headers["Location"].startswith(f"{ehr.base}/authorize?")

    @pytest.mark.parametrize("path", ["/", "/LAUNCH"])
    async def test_a_launch_that_is_too_long_is_judged_by_the_launch_url(
        self, settings: Settings, path: str
    ) -> None:
        """Longer than Django redirects to."""
        settings.ALLOW_LOOPBACK_EHRS = False
        client, query = AsyncClient(), f"?iss=https://ehr.example&launch={'x' * 17_000}"
        response = await client.get(path + query)
        assert response.headers["Location"] == f"/launch{query}"
        judged = await client.get(response.headers["Location"])
        assert "parameter-too-long" in judged.content.decode()

    async def test_an_answer_that_repeats_the_launch_is_an_answer(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        finished = await browser.get(f"{callback}&iss={ehr.issuer}&launch=x")
        assert finished.headers["Location"].startswith("/launches/")

    @pytest.mark.parametrize("query", ["", "?iss=x", "?launch=x", "?iss&launches=x"])
    async def test_an_unknown_address_alone_launches_nothing(
        self, browser: Browser, query: str
    ) -> None:
        assert (await browser.get(f"/LAUNCH{query}")).status == 404

    @pytest.mark.parametrize("spelling", ["{}/", "{}", "HTTP{}"])
    async def test_aud_is_the_iss_as_it_came(
        self, browser: Browser, ehr: ScriptedEHR, spelling: str
    ) -> None:
        """C8: some servers compare the two to the letter."""
        base = ehr.fhir_base_url
        iss = spelling.format(base.removeprefix("http") if "HTTP" in spelling else base)
        response = await browser.get(f"/launch?iss={iss}&launch=x")
        asked = parse_qs(urlsplit(response.headers["Location"]).query)
        assert asked["aud"] == [iss]

    async def test_aud_of_a_patients_launch_is_as_published(
        self, browser: Browser, registered: Endpoint
    ) -> None:
        published = f"{registered.fhir_base_url}/"
        await in_database(lambda: Endpoint.objects.update(fhir_base_url=published))
        response = await browser.get("/connect/scripted/")
        asked = parse_qs(urlsplit(response.headers["Location"]).query)
        assert asked["aud"] == [published]


class TestState:
    async def test_a_head_request_uses_nothing_up(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """Software that looks at links before people do sends one."""
        callback = await browser.to_callback(ehr_launch())
        async with browser.http.head(callback, allow_redirects=False) as looked:
            assert looked.status == 405
        assert ehr.token_requests == []
        assert (await browser.get(callback)).status == 303

    async def test_is_accepted_once(self, browser: Browser, ehr_launch: Start) -> None:
        """C54; C50, T2: of two callbacks at the same moment, one exchange."""
        callback = await browser.to_callback(ehr_launch())
        responses = await asyncio.gather(*(browser.get(callback) for _ in range(5)))
        assert sorted(response.status for response in responses)[0] == 303
        assert await launches() == 1

    async def test_two_callbacks_make_one_exchange(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C50, T2: the state is used up before the code is sent."""
        ehr.token_delay = 0.2
        callback = await browser.to_callback(ehr_launch())
        await asyncio.gather(*(browser.get(callback) for _ in range(5)))
        assert len(ehr.token_requests) == 1

    async def test_reloaded_callback_lands_on_the_finished_launch(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        first = await browser.get(callback)
        again = await browser.get(callback)
        assert again.status == 303
        assert again.headers["Location"] == first.headers["Location"]
        assert len(ehr.token_requests) == 1

    async def test_of_another_browser_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T2: login CSRF. The attacker's code and state do nothing in the victim's browser."""
        callback = await browser.to_callback(ehr_launch())
        async with new_browser(browser.app) as victim:
            await refused(victim, callback, 400, "did not start this sign-in")
        assert ehr.token_requests == []

    async def test_already_used_is_refused_in_another_browser(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(callback)
        async with new_browser(browser.app) as other:
            await refused(other, callback, 400, "already used")

    @pytest.mark.parametrize("is_written", [False, True])
    async def test_page_of_a_refusal_that_is_loaded_again_does_not_speak_of_another_browser(
        self, browser: Browser, ehr_launch: Start, *, is_written: bool
    ) -> None:
        """Whether its first answer is in the timeline's table already, or not yet."""
        callback = await browser.to_callback(ehr_launch())
        url = changed(callback, code=None, error="access_denied")
        await refused(browser, url, 403, "Access was not given")
        if is_written:
            await events.flush()
        await refused(browser, url, 400, "already used once")

    async def test_nobody_gave_out_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """By a browser that waits for another one, and by a stranger's; neither is answered for."""
        callback = changed(await browser.to_callback(ehr_launch()), state="made-up")
        await refused(browser, callback, 400, "another sign-in number")
        async with new_browser(browser.app) as stranger:
            await refused(stranger, callback, 400, "never gives out")
        assert ehr.token_requests == []

    async def test_expires_after_ten_minutes(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C43."""
        callback = await browser.to_callback(ehr_launch())
        late = timezone.now() + timedelta(minutes=10, seconds=1)
        monkeypatch.setattr(
            pending.PendingLaunch,
            "expired",
            lambda self, _now, expired=pending.PendingLaunch.expired: expired(self, late),
        )
        await refused(browser, callback, 400, "longer than ten minutes")
        assert ehr.token_requests == []

    async def test_of_another_registration_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C4, T3: an answer for A that comes back on B's address is not used."""
        callback = await browser.to_callback(ehr_launch())
        elsewhere = callback.replace("/callback/scripted/", "/callback/other/")
        await refused(browser, elsewhere, 400, "another EHR")
        assert ehr.token_requests == []

    async def test_planted_cookie_does_not_open(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T2: a pending launch sealed for one state does not open under another."""
        one = await browser.to_callback(ehr_launch())
        two = await browser.to_callback(ehr_launch())
        jar = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}
        names = sorted(jar)
        swapped = {names[0]: jar[names[1]], names[1]: jar[names[0]]}
        browser.http.cookie_jar.clear()
        for callback in (one, two):
            response = await browser.get(callback, cookies=swapped)
            assert response.status == 400
        assert ehr.token_requests == []


class TestChangedMeanwhile:
    """What is remembered may be half a second old: the state is used up by what is registered."""

    @pytest.fixture(autouse=True)
    def nobody_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "BELIEVED_SECONDS", 3600)
        monkeypatch.setattr(registry, "SECONDS_BETWEEN_LOOKS", 3600)

    async def test_ehr_that_was_switched_off_gets_no_code(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await in_database(Registration.objects.update, enabled=False)
        page = await refused(browser, callback, 404, "This EHR was switched off in this app")
        assert "nobody has registered" not in page
        assert ehr.token_requests == []
        assert await launches() == 0

    async def test_launch_goes_on_as_it_is_registered_now(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await in_database(Registration.objects.update, send_client_id=True)
        assert (await browser.get(callback)).status == 303
        assert ehr.token_requests[0]["client_id"] == "scripted-client"

    async def test_issuer_that_is_no_longer_expected_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C51: the check that came before is made again."""
        callback = await browser.to_callback(ehr_launch())
        await in_database(Endpoint.objects.update, issuers=["https://other.example"])
        await refused(browser, changed(callback, iss=ehr.issuer), 400, "could not be trusted")
        assert ehr.token_requests == []


class TestBadAnswers:
    @pytest.mark.parametrize(
        "change",
        [
            {"code": None},
            {"code": ""},
            {"state": None},
            {"error": "access_denied"},
            {"iss": "https://other.example"},
        ],
    )
    async def test_is_refused(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        change: dict[str, str | None],
    ) -> None:
        """C51, C53: one change of a good answer; no code is sent."""
        callback = await browser.to_callback(ehr_launch())
        response = await browser.get(changed(callback, **change))
        assert response.status == 400
        assert ehr.token_requests == []

    async def test_repeated_code_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C53, T25."""
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(callback + "&code=other")).status == 400
        assert ehr.token_requests == []

    async def test_error_of_the_ehr_is_explained_in_our_words_and_quoted_escaped(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """C52, T15."""
        callback = await browser.to_callback(ehr_launch())
        evil = "<script>alert(1)</script>" + "x" * 5000
        url = changed(callback, code=None, error="access_denied", error_description=evil)
        page = await refused(browser, url, 403, "Access was not given")
        assert "<script>alert" not in page
        assert "x" * 400 not in page

    @pytest.mark.parametrize("state", [None, ""])
    async def test_error_without_state_is_recorded_with_its_ehr_and_words(
        self,
        browser: Browser,
        registered: Endpoint,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        state: str | None,
    ) -> None:
        """C52: some EHRs drop the state. The page quotes nothing: anybody can make this address."""
        monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)
        said = {"error": "invalid_scope", "error_description": "Scope x/y is not allowed"}
        query = urlencode(said | ({} if state is None else {"state": state}))
        with caplog.at_level(logging.WARNING):
            url = f"/callback/scripted/?{query}"
            page = await refused(browser, url, 400, "did not say which sign-in")
        assert "x/y" not in page
        assert "invalid_scope" not in page
        assert "answered with error invalid_scope and without state" in caplog.text
        assert "Scope x/y" not in caplog.text
        await events.flush()
        (event,) = await in_database(lambda: list(LaunchEvent.objects.all()))
        assert (event.step, event.endpoint_id) == ("callback", registered.pk)
        assert event.detail["ehr_error"] == "invalid_scope"
        assert event.detail["said"].startswith("Scope x/y is not allowed")
        assert event.reference in page

    async def test_error_without_state_does_not_push_out_peoples_launches(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T30: anybody can send it, as often as they like."""
        monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)
        monkeypatch.setattr(events, "MAX_STRANGERS", 2)
        for _ in range(4):
            await browser.get("/callback/scripted/?error=invalid_scope")
        await events.flush()
        steps = await in_database(lambda: [one.step for one in LaunchEvent.objects.all()])
        assert steps == ["callback", "callback", "flood"]

    async def test_missing_iss_is_refused_where_the_ehr_promised_it(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C51: RFC 9207 §2.4."""
        ehr.discovery["authorization_response_iss_parameter_supported"] = True
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(callback)).status == 400
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(changed(callback, iss=ehr.issuer))).status == 303


async def answers(status: int, text: str, content_type: str = "application/json") -> web.Response:
    return web.Response(status=status, text=text, content_type=content_type)


class TestTokenEndpoint:
    """Each way in which a token endpoint can fail has its page, a reference, and no launch."""

    @pytest.mark.parametrize(
        ("status", "text", "page_status", "words"),
        [
            (400, '{"error":"invalid_grant"}', 502, "no longer valid"),
            (401, '{"error":"invalid_client"}', 502, "own credentials"),
            (500, "oops", 502, "EHR"),
            (200, "<html>hello</html>", 502, "could not be understood"),
            (
                200,
                '{"access_token":"a","access_token":"b","token_type":"Bearer"}',
                502,
                "understood",
            ),
            (200, '{"token_type":"Bearer"}', 502, "understood"),
            (200, "[]", 502, "understood"),
            (302, "", 502, "redirect"),
            (200, "x" * 10_000_000, 502, "larger"),
        ],
    )
    async def test_bad_answer(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        caplog: pytest.LogCaptureFixture,
        status: int,
        text: str,
        page_status: int,
        words: str,
    ) -> None:
        ehr.token_answer = lambda _request: answers(status, text)
        callback = await browser.to_callback(ehr_launch())
        with caplog.at_level(logging.WARNING):
            page = await refused(browser, callback, page_status, words)
        reference = next(
            record.args[0]
            for record in caplog.records
            if record.name == "smartapp.middleware" and isinstance(record.args, tuple)
        )
        assert str(reference) in page
        assert await launches() == 0

    async def test_that_is_slow_is_given_up(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C69: and the code is not sent again."""
        monkeypatch.setattr("smartapp.exchange.pipeline.TIMEOUT_SECONDS", 0.3)
        ehr.token_delay = 2
        callback = await browser.to_callback(ehr_launch())
        await refused(browser, callback, 504, "took too long")
        assert len(ehr.token_requests) == 1

    async def test_failure_leaves_other_launches_alone(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = lambda _request: answers(500, "oops")
        await browser.get(await browser.to_callback(ehr_launch()))
        ehr.token_answer = None
        assert (await browser.get(f"/launches/{uuid}/context.json")).status == 200


class TestIDToken:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://other.example"},
            {"aud": "another-client"},
            {"nonce": "another"},
            {"exp": 1},
            {"at_hash": "AAAA"},
            {"sub": ""},
        ],
    )
    async def test_that_fails_a_check_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, claims: dict[str, object]
    ) -> None:
        """C90, T9: one claim of a good id_token changed."""
        ehr.id_token_claims = claims
        callback = await browser.to_callback(ehr_launch())
        await refused(browser, callback, 502, "did not pass every check")
        assert await launches() == 0

    async def test_that_is_missing_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C97, T28: nobody is believed by an access token alone."""

        async def without(_: web.Request) -> web.Response:
            return web.json_response(ehr.token_response("openid patient/*.rs") | {"patient": "p"})

        ehr.token_answer = without
        callback = await browser.to_callback(ehr_launch())
        await refused(browser, callback, 502, "did not pass every check")


HOSTILE = (
    "//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example",
    "%2F%2Fevil.example", "\t//evil.example", "javascript:alert(1)",
)  # fmt: skip


class TestOpenRedirects:
    """T13, C54: no address of ours sends a browser where a parameter says."""

    @pytest.mark.parametrize("target", HOSTILE)
    @pytest.mark.parametrize("name", ["next", "redirect", "redirect_uri", "return_to", "target"])
    async def test_a_parameter_leads_nowhere(
        self, browser: Browser, ehr_launch: Start, name: str, target: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        finished = await browser.get(changed(callback, **{name: target}))
        assert finished.headers["Location"].startswith("/launches/")
        for path in ("/", "/launch", "/connect/scripted/", "/callback/scripted/", "/readyz"):
            response = await browser.get(f"{path}?{urlencode({name: target})}")
            assert "evil.example" not in urlsplit(response.headers.get("Location", "")).netloc
            if response.content_type == "text/html":
                assert f'href="{target}' not in await response.text()

    @pytest.mark.parametrize("target", HOSTILE)
    async def test_error_uri_of_the_ehr_is_no_link(
        self, browser: Browser, ehr_launch: Start, target: str
    ) -> None:
        """C52: shown, if at all, as text."""
        callback = await browser.to_callback(ehr_launch())
        url = changed(callback, code=None, error="access_denied", error_uri=target)
        page = await refused(browser, url, 403, "Access was not given")
        links = re.findall(r'(?:href|action|src)="([^"]*)"', page)
        assert not [link for link in links if "evil" in link or link.startswith("javascript")]

    @pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "/@evil.example/"])
    async def test_a_path_that_looks_like_a_host_stays_here(self, app: str, path: str) -> None:
        """A loopback visit under its other name is sent to PUBLIC_URL with its path."""
        async with new_browser(app.replace("127.0.0.1", "localhost")) as other:
            response = await other.get(path)
        location = response.headers.get("Location", "/")
        assert urlsplit(location).netloc in ("", urlsplit(app).netloc)


class TestSeveralIssuers:
    """C93: expected issuers are a list, of which the id_token names one."""

    async def test_second_of_the_expected_issuers_signs_in(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint, ehr_launch: Start
    ) -> None:
        registered.issuers = ["https://old.example/oauth2", ehr.issuer]
        await in_database(registered.save)
        await browser.launch(ehr_launch())
        assert await launches() == 1

    async def test_an_issuer_outside_the_list_does_not(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint, ehr_launch: Start
    ) -> None:
        registered.issuers = ["https://old.example/oauth2", f"{ehr.issuer}/"]
        await in_database(registered.save)
        callback = await browser.to_callback(ehr_launch())
        assert (await browser.get(callback)).status == 502
        assert await launches() == 0


class TestChangedHost:
    """C14: a new host in discovery stops new launches until an administrator accepts it."""

    async def test_nobody_is_sent_there_until_it_is_accepted(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint, ehr_launch: Start
    ) -> None:
        ehr.discovery["authorization_endpoint"] = "https://new.example/authorize"
        discovery.forget()
        page = await refused(browser, ehr_launch(), 503, "names another server for signing in")
        assert "Tell your administrator" in page
        assert "Reference" in page

        hosts = [*registered.pinned_hosts, "new.example"]
        await in_database(trust.accept, registered.pk, hosts, now=timezone.now(), actor="ann")
        registry.forget()  # the server is in this process, and what it remembers lasts 5 s
        response = await browser.get(ehr_launch())
        assert response.headers["Location"].startswith("https://new.example/authorize?")

    async def test_a_launch_under_way_goes_on_where_it_began(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        ehr.discovery["token_endpoint"] = "https://new.example/token"
        discovery.forget()
        assert (await browser.get(callback)).status == 303
        assert [path for _, path in ehr.requests if path == "/token"] == ["/token"]


class TestAnswerByPost:
    async def test_it_is_called_by_its_name_and_recorded(
        self, browser: Browser, registered: Endpoint, settings: Settings
    ) -> None:
        """C53: some EHRs answer with response_mode=form_post, which nobody asked for."""
        settings.HELP_DESK = "IT service desk, 555 0100"
        response = await browser.http.post(
            f"{browser.app}/callback/scripted/", data={"code": "c", "state": "s"}
        )
        page = await response.text()
        assert response.status == 400
        assert "sent its answer by POST" in page
        assert "IT service desk, 555 0100" in page
        await events.flush()
        event = await in_database(LaunchEvent.objects.get)
        assert (event.step, event.code) == ("callback", "answer-by-post")
        assert event.endpoint_id == registered.pk
