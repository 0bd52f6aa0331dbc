"""Mistakes of vendors, networks and beginners over real HTTP: the first cause is right, or it is
said that none is known and what was seen."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from smartapp.database import in_database
from smartapp.diagnosis import outcome, report
from smartapp.diagnosis.causes import causes as causes_of
from smartapp.launches.models import LaunchEvent
from smartapp.registrations.options import AuthMethod
from tests.diagnosis.answers import (
    PORTAL,
    Answer,
    cut,
    hang_up,
    in_bytes,
    json_text,
    raw,
    redirect,
)
from tests.diagnosis.test_attempts import administrator, page_of
from tests.diagnosis.test_causes import (
    Exchange,
    Start,
    asked_why,
    endpoint,
    exchanged,
    first_is,
    registration,
    timeline,
    written_by_hand,
)
from tests.diagnosis.test_words import refused_token
from tests.launches.conftest import Browser, new_browser
from tests.launches.test_callback import changed
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR, fhir_json
from tests.test_http import Server, self_signed

__all__ = ["exchanged", "written_by_hand"]

FHIR_TYPES = (
    "Patient", "Observation", "Condition", "MedicationRequest", "AllergyIntolerance",
    "Immunization", "Encounter", "Medication", "MedicationStatement", "MedicationDispense",
    "Procedure", "DiagnosticReport", "DocumentReference", "Binary", "CareTeam", "Goal",
)  # fmt: skip
TWICE = '{"token_endpoint":"https://a.example","token_endpoint":"https://b.example"}'
WEB_PAGE = "A web page answers"
NO_CONFIGURATION = "does not lead to a SMART configuration"
NO_OAUTH = "not an OAuth token endpoint"


class TestDiscovery:
    @pytest.mark.parametrize(
        ("answer", "words", "rule"),
        [
            (raw(200, f"\n\n {PORTAL}"), WEB_PAGE, "C10"),
            (raw(200, PORTAL, "application/json"), WEB_PAGE, "C10"),
            (raw(200, "<CapabilityStatement/>", "application/fhir+xml"), WEB_PAGE, "C10"),
            (raw(404), NO_CONFIGURATION, "C10"),
            (raw(403), "refuses to show", "C10"),
            (raw(407), "refuses to show", "C10"),
            (raw(200, ""), NO_CONFIGURATION, "C10"),
            (json_text(200, "[]"), NO_CONFIGURATION, "C10"),
            (json_text(200, TWICE), "configuration is broken", "C10"),
            (json_text(200, '{"issuer": "https://e'), "configuration is broken", "C10"),
            (json_text(200, '{"resourceType":"OperationOutcome"}'), NO_CONFIGURATION, "C10"),
            (raw(511), "problem of its own", "C10"),
            (raw(429, ""), "problem of its own", "C10"),
            (redirect(), "answers with a redirect", "C15"),
            (cut(b'{"issuer":'), "broke its answer off", "C15"),
            (hang_up, "broke its answer off", "C15"),
            (raw(200, "x" * 300_000), "too large", "C15"),
            (
                json_text(200, '{"token_endpoint":"https://e.example"} // ours'),
                "configuration is broken",
                "C10",
            ),
            (
                json_text(200, '{"authorization_endpoint":["https://e.example"]}'),
                "configuration is broken",
                "C10",
            ),
            (json_text(200, '[{"token_endpoint":"https://e.example"}]'), "is broken", "C10"),
            (raw(200, "{}", **{"Content-Encoding": "br"}), "not one of HTTP that can be", "C15"),
            (raw(200, "{}", **{"Content-Encoding": "gzip"}), "not one of HTTP that can be", "C15"),
        ],
    )
    async def test_what_answers_in_its_place(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start,
        answer: Answer, words: str, rule: str,
    ) -> None:  # fmt: skip
        ehr.discovery_answer = answer
        await browser.get(ehr_launch())
        await first_is(words, rule)

    @pytest.mark.parametrize(
        ("published", "words", "rule"),
        [
            ({"code_challenge_methods_supported": []}, "takes PKCE", "C12"),
            ({"code_challenge_methods_supported": ["plain"]}, "safe launch needs", "C12"),
            ({"token_endpoint": None}, "safe launch needs", "C12"),
            ({"authorization_endpoint": None}, "safe launch needs", "C12"),
            ({"authorization_endpoint": "https://evil.example/a"}, "nobody has accepted", "C14"),
            ({"token_endpoint": "ftp://x.example/t"}, "configuration is broken", "C10"),
        ],
    )
    async def test_what_it_publishes(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start,
        published: dict[str, object], words: str, rule: str,
    ) -> None:  # fmt: skip
        ehr.discovery = published
        await browser.get(ehr_launch())
        await first_is(words, rule)

    @pytest.mark.parametrize(
        ("host", "words"),
        [
            ("http://127.0.0.1:9", "could not be reached"),
            ("https://no-such-host.invalid", "not known in DNS"),
        ],
    )
    async def test_where_the_connection_fails(
        self, browser: Browser, ehr_launch: Start, host: str, words: str
    ) -> None:
        gone = f"{host}/fhir"
        await endpoint(fhir_base_url=gone, iss=gone, pinned_hosts=[host.partition("//")[2]])
        await browser.get(f"/launch?iss={gone}&launch=x")
        await first_is(words, "C15")

    async def test_certificate_that_nobody_vouches_for(
        self, browser: Browser, ehr_launch: Start, tmp_path: Path
    ) -> None:
        server = await Server().start(tls=self_signed(tmp_path))
        host = f"127.0.0.1:{server.port}"
        await endpoint(fhir_base_url=f"https://{host}/fhir", iss=f"https://{host}/fhir")
        await browser.get(f"/launch?iss=https://{host}/fhir&launch=x")
        await server.stop()
        await first_is("certificate cannot be trusted", "C15")

    async def test_http_on_a_port_of_tls(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        base = ehr.fhir_base_url.replace("http:", "https:")
        await endpoint(fhir_base_url=base, iss=base)
        await browser.get(f"/launch?iss={base}&launch=x")
        await first_is("No TLS connection", "C15")


class TestLaunchAddress:
    @pytest.mark.parametrize(
        ("query", "words", "rule", "seen"),
        [
            ("iss={base}&iss={base}&launch=x", "without what an EHR sends, or with more", "C20",
             "iss is there more than once. Its address has iss, launch."),
            ("fhirServiceUrl={base}&patientId=1", "without what an EHR sends", "C20",
             "iss is missing, or empty. Its address has fhirServiceUrl, patientId."),
            ("iss={base}", "without what an EHR sends", "C20", "launch is missing, or empty."),
            ("iss={base}&launch=" + "x" * 9000, "without what an EHR sends", "C20",
             "launch is longer than any EHR sends."),
            ("iss={base}&launch=%25LAUNCHTOKEN%25", "without what an EHR sends", "C20",
             "launch is a placeholder that the EHR did not fill in."),
            ("iss={base}%20&launch=x", "without what an EHR sends", "C20", "iss is not a URL."),
            ("iss={base}%3Ftenant=1&launch=x", "with more than a FHIR base URL has", "C20", ""),
            ("iss={base}/metadata&launch=x", "nearly that of Scripted", "C7", "/metadata"),
            ("code=c-1&state=s-1", "sent its answer to the launch URL", "C3",
             "Its address has code, state."),
        ],
    )  # fmt: skip
    async def test_what_is_wrong_with_it(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, query: str, words: str,
        rule: str, seen: str,
    ) -> None:  # fmt: skip
        await browser.get(f"/launch?{query.format(base=ehr.fhir_base_url)}")
        assert seen in (await first_is(words, rule)).seen
        assert len(await asked_why()) == 1

    async def test_old_link_of_the_start_page(self, browser: Browser) -> None:
        await browser.get("/connect/closed-last-year/")
        cause = await first_is("belongs to no EHR that is switched on", "C22")
        assert "No endpoint has ." not in cause.seen

    async def test_it_was_opened_by_post(
        self, app: str, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        form = {"iss": ehr.fhir_base_url, "launch": "l-1"}
        ehr_launch()
        response = await browser.http.post(f"{app}/launch", data=form)
        assert response.status == 400
        assert "opened this app by POST" in await response.text()
        await first_is("by POST", "C20")


class TestWayBack:
    @pytest.mark.parametrize(
        "change",
        [
            lambda state: state[:20],
            lambda state: f"{state}=",
            lambda state: "A" * 43,
        ],
    )
    async def test_state_that_the_ehr_changed_is_one_attempt(
        self, browser: Browser, ehr_launch: Start, change: Callable[[str], str]
    ) -> None:
        """And it resumes nothing: the launch that waited is still waiting."""
        callback = await browser.to_callback(ehr_launch())
        state = callback.rpartition("state=")[2].partition("&")[0]
        await browser.get(changed(callback, state=change(state)))
        cause = await first_is("The EHR changed the state", "C50")
        assert "that this browser had begun" in cause.seen
        assert (await timeline())[-1].code == "state-changed"
        assert {one.attempt for one in await timeline()} == {(await timeline())[0].attempt}
        assert await in_database(LaunchEvent.objects.values("attempt").distinct().count) == 1

    async def test_changed_state_without_cookies_is_found_by_ehr_and_time(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        async with new_browser(app) as other:
            await other.get(changed(callback, state="B" * 43))
        cause = await first_is("The EHR changed the state", "C50")
        assert "never got one" in cause.seen

    async def test_lost_answer_is_shown_on_the_page_of_the_launch_that_waited(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        async with new_browser(app) as other:
            await other.get(changed(callback, state="B" * 43))
        began = (await timeline())[0].attempt

        def look() -> str:
            path = f"/admin/launches/launchevent/attempt/{began}/"
            return page_of(administrator(), path)

        assert "The EHR changed the state" in await in_database(look)

    async def test_of_two_launches_that_waited_neither_is_guessed(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.to_callback(ehr_launch())
        async with new_browser(app) as other:
            await other.get(changed(callback, state="B" * 43))
        await first_is("did not start the launch", "C57")

    async def test_right_state_in_another_browser_is_not_called_changed(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        """Although that browser waits for an answer of its own."""
        callback = await browser.to_callback(ehr_launch())
        await timeline()
        async with new_browser(app) as other:
            await other.to_callback(ehr_launch())
            await other.get(callback)
        await first_is("did not start the launch", "C57")

    @pytest.mark.parametrize(
        ("change", "words", "rule"),
        [
            ({"state": None}, "without what belongs into it", "C53"),
            ({"code": None}, "without what belongs into it", "C53"),
            ({"code": ""}, "without what belongs into it", "C53"),
            ({"error": "access_denied"}, "breaks the rules of OAuth", "C53"),
            ({"code": None, "state": None, "error": "invalid_scope"}, "not allowed for", "C39"),
            ({"code": None, "state": None, "error": "invalid_request",
              "error_description": "Bad redirect_uri"}, "our redirect URI", "C3"),
            ({"code": None, "error": "login_required"}, "sign in, or did not ask", "C52"),
            ({"code": None, "error": "invalid_request", "error_description": "PKCE is required"},
             "misses what was sent to it: code_challenge", "C30"),
            ({"code": None, "error": "invalid_request",
              "error_description": "launch present but the launch scope was not requested"},
             "no cause that is known here", "C30"),
        ],
    )  # fmt: skip
    async def test_answer_that_is_not_whole(
        self, browser: Browser, ehr_launch: Start, change: dict[str, str | None], words: str,
        rule: str,
    ) -> None:  # fmt: skip
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, **change))
        await first_is(words, rule)
        assert await in_database(LaunchEvent.objects.values("attempt").distinct().count) == 1

    async def test_person_whose_launch_was_over_is_sent_back_to_the_chart_as_why_says(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        over = {"error": "invalid_request", "error_description": "The launch token has expired"}
        page = await (await browser.get(changed(callback, code=None, **over))).text()
        assert "open it again from the patient&#x27;s chart" in page
        assert "will not help" not in page
        await first_is("no longer knows this launch", "C24")

    @pytest.mark.parametrize("name", ["state", "code"])
    async def test_part_of_the_answer_that_is_there_twice_is_named(
        self, browser: Browser, ehr_launch: Start, name: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(f"{callback}&{name}=again")
        cause = await first_is("or with more", "C53")
        assert (
            cause.seen == f"Parameter {name} is there more than once. Its address has code, state."
        )

    @pytest.mark.parametrize("query", ["", "?x=1", "?code=a&amp;state=b", "?state={state}"])
    async def test_who_came_from_an_ehr_is_told_so_when_its_answer_cannot_be_read(
        self, browser: Browser, ehr_launch: Start, query: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        path, state = callback.partition("?")[0], callback.rpartition("state=")[2]
        page = await (await browser.get(path + query.format(state=state))).text()
        assert "The EHR&#x27;s answer cannot be read" in page
        assert "open it again from the patient" in page
        assert "Scripted Hospital" in page
        assert "start page" not in page
        cause = await first_is("without what belongs into it", "C53")
        assert ("after a #" in cause.seen) == (query == "")

    async def test_who_came_from_the_start_page_starts_again_there(self, browser: Browser) -> None:
        callback = await browser.to_callback("/connect/scripted/")
        page = await (await browser.get(callback.partition("?")[0])).text()
        assert 'href="/connect/scripted/"' in page
        assert "from the patient" not in page

    @pytest.mark.parametrize("error", ["login_required", "LOGIN_REQUIRED", "consentRequired"])
    async def test_person_whom_the_ehr_did_not_ask_is_not_told_to_allow_anything(
        self, browser: Browser, ehr_launch: Start, error: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        page = await (await browser.get(changed(callback, code=None, error=error))).text()
        assert "The EHR did not sign you in" in page
        assert "Sign in to the EHR. Close the app and open it again" in page
        assert "Allow access" not in page
        await first_is("did not let the person sign in", "C52")

    @pytest.mark.parametrize("spelled", ["ACCESS_DENIED", "accessDenied", "Access Denied"])
    async def test_error_that_is_spelled_otherwise_is_understood_and_quoted(
        self, browser: Browser, ehr_launch: Start, spelled: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        page = await (await browser.get(changed(callback, code=None, error=spelled))).text()
        assert "If you chose not to allow it, nothing else is needed" in page
        cause = await first_is("said no", "C52")
        assert cause.seen == f"The EHR answered {spelled}."

    async def test_error_that_no_standard_has_is_quoted_and_no_more(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, code=None, error="something bad happened"))
        cause = await first_is("no cause that is known here", "C30")
        assert cause.certainty.words == "Possible"
        assert "something bad happened" in cause.seen

    @pytest.mark.parametrize("has_cookies", [True, False])
    async def test_answer_by_post(
        self, app: str, browser: Browser, ehr_launch: Start, *, has_cookies: bool
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        path, _, query = callback.partition("?")
        form = dict(pair.split("=", 1) for pair in query.split("&"))
        if has_cookies:
            await browser.http.post(f"{app}{path}" if path[0] == "/" else path, data=form)
        else:
            async with new_browser(app) as other:
                await other.http.post(f"{app}{path}" if path[0] == "/" else path, data=form)
        await first_is("came by POST", "C53")

    async def test_issuer_that_came_is_shown_beside_the_expected_one(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, iss="https://other.example/oauth2"))
        cause = await first_is("another issuer", "C51")
        assert f"It names https://other.example/oauth2. Expected: {ehr.issuer}." in cause.seen

    async def test_promised_issuer_that_does_not_come(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.discovery = {"authorization_response_iss_parameter_supported": True}
        await browser.get(await browser.to_callback(ehr_launch()))
        cause = await first_is("announces iss in its answers, and this one has none", "C51")
        assert "missing" in cause.seen


class TestTokenEndpoint:
    @pytest.mark.parametrize(
        ("answer", "words", "rule"),
        [
            (raw(200), NO_OAUTH, "C80"),
            (raw(200, ""), NO_OAUTH, "C80"),
            (raw(404), NO_OAUTH, "C80"),
            (raw(403), NO_OAUTH, "C80"),
            (raw(401), NO_OAUTH, "C80"),
            (raw(400, "<error>invalid</error>", "text/xml"), NO_OAUTH, "C80"),
            (raw(502), "problem of its own", "C125"),
            (json_text(400, '{"error":"server_error"}'), "problem of its own", "C125"),
            (raw(504, "upstream timeout", "text/plain"), "problem of its own", "C125"),
            (redirect(), "answers with a redirect", "C15"),
            (cut(), "broke its answer off", "C15"),
            (hang_up, "broke its answer off", "C15"),
            (json_text(200, '{"access_token":"a","access_token":"b","token_type":"Bearer"}'),
             "breaks a rule", "C80"),
            (json_text(200, '{"error":"invalid_grant"}'), "code was over", "C69"),
            (raw(429, "", "application/json", **{"Retry-After": "5"}), "limits how often", "C128"),
            (raw(429), "limits how often", "C128"),
            (json_text(429, '{"error":"invalid_client","error_description":'
             '"Client id x has used its quota"}'), "limits how often", "C128"),
            (json_text(400, '{"error":"INVALID_GRANT"}'), "code was over", "C69"),
            (json_text(403, '{"error":"access_denied","error_description":'
             '"Application not authorized for practice 1"}'), "app is not active", "C1"),
            (raw(401, "", "text/plain", **{"WWW-Authenticate": 'Basic realm="x", '
             'error="invalid_client", error_description="JWT signature invalid"'}),
             "does not have the key", "C63"),
            (json_text(400, '{"error":"invalid_grant","error_description":"Session not active"}'),
             "code was over", "C69"),
            (json_text(400, '{"error":"invalid_grant","error_description":'
             '"The authorization code is inactive"}'), "code was over", "C69"),
            (raw(400, "", "text/plain", **{"WWW-Authenticate":
             'Bearer error="invalid_request", error_description="unusual"'}),
             "refused the token request", "C60"),
            (json_text(400, '{"error_code":"invalid_grant","error_message":"The code expired"}'),
             "code was over", "C69"),
            (json_text(400, '{"error":"unsupported_grant_type"}'), "may not use this grant", "C2"),
            (json_text(401, '{"error":"invalid_client","error_description":'
             '["JWKS could not be fetched"]}'), "could not fetch our keys", "C63"),
            (raw(403, "error code: 1020", "text/plain"), NO_OAUTH, "C80"),
            (json_text(400, '{"errorMessage":"wrong code_verifier"}'), "PKCE check", "C33"),
            (json_text(403, '{"message":"Rate limit exceeded"}'), "limits how often", "C128"),
            (json_text(200, '{"error":"<html>login</html>"}'), "refused the token", "C60"),
            (json_text(400, '{"fault":"policy"}'), "refused the token request", "C60"),
            (raw(200, "access_token=a&token_type=bearer", "application/x-www-form-urlencoded"),
             NO_OAUTH, "C80"),
            (raw(405, "", "text/plain"), NO_OAUTH, "C80"),
            (json_text(401, '{"resourceType":"OperationOutcome","issue":[]}'), NO_OAUTH, "C80"),
            (raw(204, ""), "breaks a rule", "C80"),
            (json_text(200, '{"access_token":"a","token_type":"Bearer","scope":"launch",'
             '"patient":"Patient/p-1"}'),
             "launch context cannot be used", "C101"),
            (json_text(400, '{"error":"invalid_grant","error":"invalid_client"}'), NO_OAUTH, "C80"),
            (cut(b'{"error":', 401), "broke its answer off", "C15"),
            (json_text(500, '{"error":"invalid_client","error_description":'
             '"java.net.UnknownHostException: app.example"}'), "could not fetch our keys", "C63"),
            (json_text(403, '{"message":"Missing Authentication Token"}'), NO_OAUTH, "C80"),
            (json_text(404, '{"message":"no Route matched with those values"}'), NO_OAUTH, "C80"),
            (json_text(400, '"invalid_grant"'), "code was over", "C69"),
            (in_bytes(400, '{"error":"invalid_grant","error_description":"ungültig"}', "cp1252"),
             "code was over", "C69"),
            (in_bytes(200, '{"access_token":"a"}', "utf-16"), "breaks a rule", "C80"),
            (json_text(401, '{"fault":{"faultstring":"Invalid ApiKey","detail":'
             '{"errorcode":"oauth.v2.InvalidApiKey"}}}'), "our client id", "C1"),
            (json_text(401, '{"ErrorCode":"invalid_client","Error":"ClientId is Invalid"}'),
             "our client id", "C1"),
            (json_text(401, '{"error":"invalid_client","error_description":'
             '"Client certificate required"}'), "wants a client certificate", "C61"),
            (json_text(401, '{"error":"invalid_client","error_description":"AADSTS700025: Client '
             "is public so neither 'client_assertion' nor 'client_secret' should be "
             'presented."}'), "another way to authenticate", "C61"),
            (json_text(400, '{"error":"interaction_required","error_description":"AADSTS50076: you '
             'must use multi-factor authentication"}'), "did not let the person sign in", "C52"),
            (json_text(400, '{"error":"invalid_request","error_description":'
             '"Missing parameter: client_id"}'), "client id in the body", "C61"),
            (json_text(400, '{"error":"invalid_request","error_description":'
             '"Duplicate parameter: client_id"}'), "refused the token request", "C60"),
        ],
    )  # fmt: skip
    async def test_what_answers(
        self, exchanged: Exchange, ehr: ScriptedEHR, answer: Answer, words: str, rule: str
    ) -> None:
        ehr.token_answer = answer
        await exchanged()
        await first_is(words, rule)

    async def test_words_of_a_limit_are_quoted_and_are_the_only_cause(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        said = "Unauthorized: spike arrest, 20 token requests a minute for this client id"
        ehr.token_answer = json_text(429, f'{{"fault":{{"faultstring":"{said}"}}}}')
        await exchanged()
        causes = await asked_why()
        assert [cause.title for cause in causes] == ["The EHR limits how often we may ask"]
        assert f"The EHR answered 429. It said: “{said}”" in causes[0].seen

    async def test_answer_whose_words_are_of_oauth_is_not_called_a_strangers(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        """As Medplum answers, and API management in front of others."""
        details = '{"severity":"error","code":"login","details":{"text":"Client not found"}}'
        ehr.token_answer = json_text(
            401, f'{{"resourceType":"OperationOutcome","issue":[{details}]}}'
        )
        await exchanged()
        await first_is("does not know our client id", "C1")
        assert all(NO_OAUTH not in one.title for one in await asked_why())

    async def test_words_beside_no_token_are_quoted(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = json_text(200, '{"status":"error","message":"Code was not found"}')
        await exchanged()
        cause = await first_is("breaks a rule", "C80")
        assert cause.seen == (
            "No access_token. It said: “Code was not found” Members that came: message, status."
        )

    async def test_words_in_another_language_are_quoted_and_not_called_none(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = json_text(
            401, '{"error":"invalid_client","error_description":"clé inconnue"}'
        )
        await exchanged()
        cause = next(one for one in await asked_why() if "client id is not known" in one.title)
        assert cause.certainty.words == "Possible"
        assert "clé inconnue" in cause.seen
        assert "did not say" not in cause.seen

    @pytest.mark.parametrize("status", [400, 401])
    async def test_sentences_of_the_standard_name_nothing(
        self, exchanged: Exchange, ehr: ScriptedEHR, status: int
    ) -> None:
        said = (
            "Client authentication failed (e.g., unknown client, no client authentication "
            "included, or unsupported authentication method)."
        )
        ehr.token_answer = json_text(
            status, f'{{"error":"invalid_client","error_description":"{said}"}}'
        )
        await exchanged()
        found = await in_database(report.AttemptPage, await timeline())
        assert all(one.certainty.words != "The EHR says so" for one, _ in found.causes)

    async def test_grant_in_the_words_of_the_standard(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        said = (
            "The provided authorization grant is invalid, expired, revoked, does not match the "
            "redirection URI used in the authorization request, or was issued to another client."
        )
        ehr.token_answer = json_text(
            400, f'{{"error":"invalid_grant","error_description":"{said}"}}'
        )
        await exchanged()
        cause = await first_is("code was over", "C69")
        assert cause.certainty.words == "Likely"

    async def test_wrong_credentials_under_the_name_of_another_error(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        """As Keycloak says it: no grant is at fault."""
        ehr.token_answer = json_text(
            401, '{"error":"unauthorized_client","error_description":'
            '"Invalid client or Invalid client credentials"}',
        )  # fmt: skip
        await exchanged()
        titles = [cause.title for cause in await asked_why()]
        assert any("client id is not known" in title for title in titles)
        assert not any("may not use this grant" in title for title in titles)

    async def test_what_is_said_of_a_web_page_is_not_quoted_as_the_ehrs_words(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = raw(403)
        await exchanged()
        page = await in_database(report.AttemptPage, await timeline())
        assert page.said == ""
        assert "It said" not in page.text


class TestWhoSignedIn:
    @pytest.mark.parametrize(
        ("claims", "words", "rule"),
        [
            ({"iss": "https://other.example"}, "another issuer", "C93"),
            ({"aud": "somebody-else"}, "another client", "C90"),
            ({"aud": None}, "which client it is for", "C90"),
            ({"nonce": None}, "another sign-in", "C90"),
            ({"exp": 1}, "is over already", "C90"),
            ({"iat": 9_999_999_999}, "times are wrong", "C90"),
            ({"sub": None}, "does not say who signed in", "C90"),
            ({"iss": None}, "does not say who issued it", "C90"),
            ({"exp": None}, "is missing, or is not in seconds", "C90"),
            ({"exp": 1_900_000_000_000}, "is missing, or is not in seconds", "C90"),
            ({"aud": [CLIENT_ID, "x"]}, "is for several clients", "C90"),
            ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "another access token", "C90"),
            ({"fhirUser": None}, "did not say who signed in", "C95"),
        ],
    )
    async def test_claims(
        self, exchanged: Exchange, ehr: ScriptedEHR, claims: dict[str, object], words: str,
        rule: str,
    ) -> None:  # fmt: skip
        ehr.id_token_claims = claims
        await exchanged()
        await first_is(words, rule)

    async def test_issuer_that_came_is_shown_beside_the_expected_one(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.id_token_claims = {"iss": f"{ehr.issuer}/"}
        await exchanged()
        cause = await first_is("another issuer", "C93")
        assert f"It names {ehr.issuer}/. Expected: {ehr.issuer}." in cause.seen
        assert "“/” on one side, nothing on the other" in cause.seen

    @pytest.mark.parametrize(
        ("claims", "words", "seen"),
        [
            ({"aud": "client-of-production"}, "another client",
             f"It names client-of-production. Expected: {CLIENT_ID}. They differ from"),
            ({"aud": ["a", "b"]}, "another client", f"It names a, b. Expected: {CLIENT_ID}."),
            ({"aud": [CLIENT_ID], "azp": f"{CLIENT_ID}-2"}, "issued to another client",
             f"It names {CLIENT_ID}-2. Expected: {CLIENT_ID}."),
            ({"aud": f"eyJhbGciOiJub25lIn0.e30.{'x' * 900}"}, "another client", "It names […]."),
        ],
    )  # fmt: skip
    async def test_client_that_came_is_shown_beside_ours(
        self, exchanged: Exchange, ehr: ScriptedEHR, claims: dict[str, object], words: str,
        seen: str,
    ) -> None:  # fmt: skip
        ehr.id_token_claims = claims
        await exchanged()
        assert seen in (await first_is(words, "C90")).seen

    async def test_kid_that_nobody_publishes(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        ehr.id_token_header = {"alg": "RS256", "kid": "ehr-2"}
        await exchanged()
        cause = await first_is("is not among the issuer", "C92")
        assert "kid ehr-2 and alg RS256; usable keys: ehr-1 for RS256." in cause.seen

    async def test_key_without_kid_is_taken(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        """One key fits, and neither it nor the token has a kid."""
        ehr.id_token_header = {"alg": "RS256"}
        ehr.keys_answer = keys({"kid": None})
        await exchanged()
        assert all(not one.code for one in await timeline())

    async def test_two_keys_without_kid(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        ehr.id_token_header = {"alg": "RS256"}
        ehr.keys_answer = keys({"kid": "a"}, {"kid": "b", "n": None})
        await exchanged()
        await first_is("Several of the issuer", "C92")

    @pytest.mark.parametrize(
        ("answer", "words", "rule"),
        [
            (raw(200), "keys could not be used", "C91"),
            (json_text(200, '{"keys":{}}'), "keys could not be used", "C91"),
            (raw(503), "has a problem of its own", "C10"),
            (json_text(200, '{"keys":[]}'), "is not among the issuer", "C92"),
            (redirect(), "redirect", "C15"),
            (cut(b'{"keys":'), "broke its answer off", "C15"),
        ],
    )
    async def test_keys_of_the_issuer(
        self, exchanged: Exchange, ehr: ScriptedEHR, answer: Answer, words: str, rule: str
    ) -> None:
        ehr.keys_answer = answer
        await exchanged()
        await first_is(words, rule)

    @pytest.mark.parametrize(
        "answer", [raw(404), raw(200), json_text(200, '{"issuer":"https://other.example"}')]
    )
    async def test_configuration_of_the_issuer(
        self, exchanged: Exchange, ehr: ScriptedEHR, answer: Answer
    ) -> None:
        ehr.openid_answer = answer
        ehr.discovery = {"jwks_uri": None}
        await exchanged()
        await first_is("keys could not be used", "C91")

    @pytest.mark.parametrize(
        ("status", "words"), [(404, "proves its"), (503, "problem of its own")]
    )
    async def test_person_who_was_at_the_ehr_is_not_told_that_they_were_not_sent_there(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, status: int, words: str
    ) -> None:
        ehr.openid_answer = raw(status)
        ehr.discovery = {"jwks_uri": None}
        response = await browser.get(await browser.to_callback(ehr_launch()))
        page = await response.text()
        assert words in page
        assert "sent there" not in page
        assert "Trying again" not in page


def keys(*changes: dict[str, object]) -> Answer:
    from joserfc.jwk import RSAKey

    async def answer(_: web.Request) -> web.StreamResponse:
        own = ScriptedEHR.key.as_dict(private=False)
        other = RSAKey.generate_key(2048).as_dict(private=False)
        listed = [
            {name: value for name, value in ((other if "n" in one else own) | one).items() if value}
            | ({"n": other["n"]} if "n" in one else {})
            for one in changes
        ]
        return web.json_response({"keys": listed})

    return answer


class TestEvidence:
    """What a cause is shown by has to hold against a second look."""

    @pytest.mark.parametrize(
        ("seconds_from_now", "seen"),
        [
            ({"iat": 3600, "exp": 7200}, r"iat: 3[56]\d\d s in the future\."),
            ({"iat": -7200, "exp": -3600}, r"exp: over for 3[56]\d\d s\."),
            ({"nbf": 3600}, r"nbf: valid in 3[56]\d\d s only\."),
        ],
    )
    async def test_times_of_an_id_token_stand_beside_the_ehrs_clock(
        self, exchanged: Exchange, ehr: ScriptedEHR, seconds_from_now: dict[str, int], seen: str
    ) -> None:
        now = int(time.time())
        ehr.id_token_claims = {name: now + seconds for name, seconds in seconds_from_now.items()}
        await exchanged()
        cause = (await asked_why())[0]
        assert re.match(seen, cause.seen, re.IGNORECASE), cause.seen
        assert "By its Date header, the EHR's clock agrees with ours." in cause.seen

    @pytest.mark.parametrize(
        ("status", "error", "said", "words", "rule"),
        [
            (400, "invalid_token", "Token is not active", "refresh token any more", "C125"),
            (401, "invalid_request", "Refresh token expired", "refresh token any more", "C125"),
            (400, "invalid_request", "Unknown refresh token", "refresh token any more", "C125"),
            (400, "invalid_client", "Client assertion: invalid token", "client assertion", "C63"),
            (401, "unauthorized_client", "refresh token grant not allowed", "this grant", "C2"),
            (400, "invalid_request", "Invalid token request: no scope", "wants scope", "C121"),
            (400, "invalid_request", "Token endpoint not found", "refused the token", "C60"),
            (400, "invalid_request", "Invalid refresh_token", "refresh token any more", "C125"),
            (400, "invalid_request", "Refresh token was used", "refresh token any more", "C125"),
            (403, "access_denied", "User consent was withdrawn", "token any more", "C125"),
            (403, "access_denied", "Patient consent has been revoked", "any more", "C125"),
            (403, "access_denied", "Patient revoked access", "any more", "C125"),
            (400, "invalid_request", "refresh_token is invalid", "any more", "C125"),
            (404, "not_found", "Grant not found", "refresh token any more", "C125"),
            (403, "forbidden", "User has no active session", "refresh token any more", "C125"),
            (400, "invalid_scope", "Scope exceeds what was granted", "not give these", "C121"),
        ],
    )
    def test_refresh_that_is_refused_in_other_words(
        self, status: int, error: str, said: str, words: str, rule: str
    ) -> None:
        case = refused_token(AuthMethod.PRIVATE_KEY_JWT, error, said, step="refresh", status=status)
        first, *_ = causes_of(case.timeline, case.facts)
        assert words in first.title
        assert first.rule == rule

    async def test_words_of_the_fhir_server_about_a_refused_token_are_quoted(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        challenge = 'Bearer error="invalid_token", error_description="The audience is invalid"'
        ehr.fhir_answer = raw(401, "", "text/plain", **{"WWW-Authenticate": challenge})
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("refuses tokens that the EHR has just given", "C141")
        assert "It said: “invalid_token The audience is invalid”" in cause.seen

    async def test_token_that_is_refused_before_it_is_over_and_cannot_be_renewed(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.refresh_token = None
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = raw(401, "", "text/plain")
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        assert "does not accept the access that it gave" in page
        cause = await first_is("refuses a token before its time is over", "C141")
        assert "If it was taken before" in cause.fix

    async def test_refresh_without_scope(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.expires_in = 0
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = json_text(
            400, '{"error":"invalid_scope","error_description":"scope is missing in a refresh"}'
        )
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("wants scope in a refresh", "C121")
        assert "Send scope on refresh" in cause.fix
        assert cause.certainty.words == "The EHR says so"

    async def test_web_page_in_place_of_tokens_is_named(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = raw(200)
        await exchanged()
        assert "It is a web page" in (await first_is(NO_OAUTH, "C80")).seen

    async def test_error_page_of_the_ehr_is_thought_of_although_others_came_back(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """Since then the redirect URI may have been changed at the vendor."""
        await browser.launch(ehr_launch())
        await browser.get(ehr_launch())
        causes = await asked_why()
        assert [cause.title for cause in causes] == [
            "The person may still be signing in",
            "The EHR does not know our redirect URI",
            "The EHR does not know our client id",
            "The EHR does not accept aud",
        ]
        assert "1 other launch of this endpoint came back" in causes[1].seen

    async def test_what_the_ehr_names_is_not_followed_by_a_guess(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = json_text(
            401, '{"error":"invalid_client","error_description":"aud must be the token URL"}'
        )
        await exchanged()
        await first_is("wants another audience", "C65")
        assert all("client id is not known" not in one.title for one in await asked_why())

    async def test_long_lists_of_scopes_are_compared_whole(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        types = [f"patient/{name}.rs" for name in FHIR_TYPES]
        await registration(scope=" ".join(["launch", *types]))
        ehr.discovery = {"scopes_supported": ["launch", "patient/*.rs"]}
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, code=None, error="invalid_scope"))
        cause = await first_is("is not allowed for this app", "C39")
        assert cause.seen.endswith(f"{types[-1]}.")

    async def test_page_that_says_trying_again_does_not_help_offers_no_such_button(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.discovery = {"token_endpoint": None}
        page = await (await browser.get(ehr_launch())).text()
        assert "Trying again will not help" in page
        assert ">Try again<" not in page

    async def test_refresh_that_was_cut_off_is_told_in_a_sentence(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.expires_in = 0
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = cut()
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("answer to a refresh was lost", "C124")
        assert cause.seen.startswith("The connection to 127.0.0.1:")

    @pytest.mark.parametrize(
        ("answer", "words", "rule", "seen"),
        [
            (raw(200), "answer to a refresh could not be used", "C124", "It is a web page"),
            (json_text(200, '{"access_token":"new","token_type":"Bearer","patient":"p-2"}'),
             "answered for another patient", "C126", "came with another patient or encounter"),
        ],
    )  # fmt: skip
    async def test_refresh_that_brings_something_else(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, answer: Answer, words: str,
        rule: str, seen: str,
    ) -> None:  # fmt: skip
        ehr.expires_in = 0
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = answer
        await browser.get(f"/launches/{uuid}/")
        assert seen in (await first_is(words, rule)).seen

    async def test_answer_that_was_opened_before(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        async with new_browser(app) as other:
            other.http.cookie_jar.update_cookies(
                {cookie.key: cookie.value for cookie in browser.http.cookie_jar}
            )
            await browser.get(callback)
            await other.get(callback)
        cause = await first_is("opened a second time", "C50")
        assert cause.seen == "Its state was used up before."


class TestRecord:
    @pytest.mark.parametrize(
        ("status", "words", "rule"),
        [
            (400, "another parameter", "C142"),
            (403, "does not let this app", "C141"),
            (429, "limits how often", "C144"),
            (500, "has a problem of its own", "C142"),
            (404, "does not have a part of the record", "C142"),
            (405, "does not have a part of the record", "C142"),
            (409, "refused or broke off", "C142"),
            (501, "does not have a part of the record", "C142"),
            (507, "has a problem of its own", "C142"),
        ],
    )
    async def test_search_that_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, status: int, words: str,
        rule: str,
    ) -> None:  # fmt: skip
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path.startswith("Patient/"):
                return fhir_json(ehr.resource(path))
            return fhir_json({"resourceType": "OperationOutcome", "issue": []}, status)

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        await first_is(words, rule)

    @pytest.mark.parametrize(
        ("status", "words", "rule"),
        [
            (403, "does not let this app", "C141"),
            (500, "has a problem of its own", "C142"),
        ],
    )
    async def test_one_search_of_several_that_is_refused_is_no_alarm(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, status: int, words: str,
        rule: str,
    ) -> None:  # fmt: skip
        """Medications are read by several searches. One that fails leaves the list incomplete;
        nobody says because of it that an EHR sent another patient's entries."""

        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path == "MedicationRequest":
                return fhir_json({"resourceType": "OperationOutcome", "issue": []}, status)
            return fhir_json(ehr.resource(path))

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is(words, rule)
        assert cause.seen.count("MedicationRequest") == 1
        seen = await timeline()
        assert "medications" in outcome.of(seen)
        assert all(one.code != outcome.LEFT_OUT for one in seen)
        assert "It stopped at" not in report.summary(seen)
        home = await in_database(lambda: page_of(administrator(), "/admin/"))
        assert "An EHR sent another patient" not in home

    @pytest.mark.parametrize(
        ("answer", "words", "seen"),
        [
            (raw(200), "in place of the record", "/Patient: 200 text/html"),
            (raw(200, "<Patient/>", "application/fhir+xml"), "in place of the record",
             "/Patient: 200 application/fhir+xml"),
            (redirect(), "in place of the record", "/Patient: 302"),
            (raw(400, '{"message":"unknown tenant"}', "application/json"), "refused or broke off",
             "/Patient: 400"),
            (raw(410, "", "application/fhir+json"), "patient was deleted",
             "/Patient: 410"),
        ],
    )  # fmt: skip
    async def test_what_answers_every_read(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, answer: Answer, words: str,
        seen: str,
    ) -> None:  # fmt: skip
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        causes = await asked_why()
        assert words in causes[0].title
        assert seen in causes[0].seen

    async def test_entries_that_refer_to_the_patient_at_an_internal_host(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path != "Condition":
                return fhir_json(ehr.resource(path))
            subject = {"reference": "https://fhir.internal.example/r4/Patient/p-1"}
            entry = {"resource": {"resourceType": "Condition", "id": "c-1", "subject": subject}}
            return fhir_json({"resourceType": "Bundle", "type": "searchset", "entry": [entry]})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("do not say whose they are, or name another server", "C143")
        assert cause.seen == "They were left out: problems."
        seen = await timeline()
        assert "problems incomplete" in outcome.of(seen)
        assert "It stopped at" not in report.summary(seen)
        home = await in_database(lambda: page_of(administrator(), "/admin/"))
        assert "An EHR sent another patient" not in home

    @pytest.mark.parametrize(
        ("came", "seen"),
        [
            ({"resourceType": "OperationOutcome", "issue": [
                {"severity": "error", "code": "processing", "diagnostics": "Jane Roe is locked"}]},
             "patient: OperationOutcome (error, processing) came in place of Patient; "),
            ({"resourceType": "OperationOutcome", "issue": [{"severity": "Jane", "code": "Roe"}]},
             "patient: OperationOutcome came in place of Patient; "),
            ({"resourceType": "OperationOutcome"},
             "patient: OperationOutcome came in place of Patient; "),
            ({"resourceType": "Bundle", "type": "searchset", "entry": []},
             "patient: Bundle came in place of Patient."),
            ({"resourceType": "Jane Roe"}, "patient: something without a type came in place of "),
            ({"message": "Jane Roe"}, "patient: something without a type came in place of Patient"),
        ],
    )  # fmt: skip
    async def test_another_resource_in_place_of_what_was_asked_for(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, came: dict[str, object],
        seen: str,
    ) -> None:  # fmt: skip
        """Type, severity and code are told, as far as FHIR has them; never the server's text."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return fhir_json(came)

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("something else than was asked for", "C142")
        assert cause.seen.startswith(seen)
        kept = [[one.detail, one.verdicts] for one in await timeline()]
        assert "Jane" not in str(kept)
        assert "Roe" not in str(kept)

    @pytest.mark.parametrize(
        ("url", "seen"),
        [
            ("https://fhir.internal.example:8443/r4/Patient/p-1/x?page=2",
             "problems: at https://fhir.internal.example:8443."),
            ("/other/Condition?page=2",
             "problems: on the same server, with a path outside the FHIR base."),
            ("https://user@elsewhere.example/", "problems: at no usable address."),
        ],
    )  # fmt: skip
    async def test_next_page_that_is_not_below_the_base(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, url: str, seen: str
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path != "Condition":
                return fhir_json(ehr.resource(path))
            link = [{"relation": "next", "url": url}]
            return fhir_json({"resourceType": "Bundle", "type": "searchset", "link": link})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("next page of a list is outside the FHIR base", "C140")
        assert cause.seen == f"{seen} The base is {ehr.fhir_base_url}."
        found = await timeline()
        assert "problems incomplete" in outcome.of(found)
        assert "p-1" not in (await in_database(report.AttemptPage, found)).text

    async def test_later_page_that_fails_has_a_cause(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path != "Condition":
                return fhir_json(ehr.resource(path))
            if "page" in request.query:
                return fhir_json({"resourceType": "OperationOutcome", "issue": []}, 500)
            link = [{"relation": "next", "url": f"{ehr.fhir_base_url}/Condition?page=2"}]
            return fhir_json({"resourceType": "Bundle", "type": "searchset", "link": link})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("has a problem of its own", "C142")
        assert cause.seen.endswith("/fhir/Condition: 500.")
        assert "problems incomplete" in outcome.of(await timeline())

    @pytest.mark.parametrize(
        ("subject", "words"),
        [
            ({"subject": {"reference": "Patient/p-2"}}, "launch's encounter is not the patient's"),
            ({}, "launch's encounter does not say whose it is"),
        ],
    )
    async def test_encounter_that_is_another_patients_or_nobodys(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start,
        subject: dict[str, object], words: str,
    ) -> None:  # fmt: skip
        await registration(scope="launch patient/Patient.rs patient/Encounter.rs")

        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            return fhir_json({**ehr.resource(path), **(subject if "Encounter/" in path else {})})

        ehr.context = {"encounter": "e-1", "need_patient_banner": True}
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        await first_is(words, "C102")

    async def test_read_that_was_cut_off_says_so(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = cut(b'{"resourceType":')
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("broke its answer off", "C142")
        assert ": the connection to 127.0.0.1:" in cause.seen

    async def test_patient_that_the_fhir_server_does_not_have(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = raw(404)
        await browser.get(f"/launches/{uuid}/")
        await first_is("does not have the launch's patient", "C101")

    async def test_launch_without_a_patient(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.context = {"patient": None, "patientId": "p-1", "need_patient_banner": True}
        await browser.launch(ehr_launch())
        cause = await first_is("gave no patient", "C110")
        assert "Beside them came need_patient_banner, patient, patientId." in cause.seen

    @pytest.mark.parametrize("scope", ["PATIENT/PATIENT.RS", '"launch openid"', "launch%20openid"])
    async def test_scopes_that_are_only_spelled_otherwise_are_not_called_fewer(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, scope: str
    ) -> None:
        ehr.scope = scope
        uuid = await browser.launch(ehr_launch())
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("Nothing that the EHR says it granted is a scope", "C82")
        assert cause.seen.endswith(f"Granted: {scope}.")
        assert all("granted less" not in one.title for one in await asked_why())

    async def test_less_than_was_asked(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.scope = "launch;openid fhirUser"
        uuid = await browser.launch(ehr_launch())
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("granted less", "C82")
        assert cause.seen.endswith(" Granted: launch;openid fhirUser.")
        assert "No scope lets" not in " ".join(one.title for one in await asked_why())


class TestWhatIsSaid:
    async def test_cause_that_is_not_known_says_what_was_seen(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        await browser.get(ehr_launch())
        seen = await timeline()
        seen[-1].code, seen[-1].detail = "a-code-of-tomorrow", {"failure": "the moon was full"}
        page = await in_database(report.AttemptPage, seen)
        assert page.causes[0][0].title == "The cause is not one that is known here"
        assert page.causes[0][0].seen == "The moon was full."

    async def test_the_report_quotes_the_vendors_words_to_the_vendor(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        said = "Client 4711234 of Jane Roe is not active in tenant A"
        ehr.token_answer = json_text(
            401, f'{{"error":"invalid_client","error_description":"{said}"}}'
        )
        await exchanged()
        text = (await in_database(report.AttemptPage, await timeline())).text
        assert "(the EHR says so)" in text
        quoted = "Your server's words: “invalid_client: Client […] of […] is not"
        assert quoted in text
        assert "Jane" not in text
        assert "4711234" not in text

    async def test_a_registration_that_is_public_where_a_secret_is_wanted(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        await registration(preset="generic")
        ehr.token_answer = json_text(401, '{"error":"invalid_client"}')
        await exchanged()
        seen = await timeline()
        for event in seen:
            if "auth_method" in event.detail:
                event.detail["auth_method"] = "none"
        page = await in_database(report.AttemptPage, seen)
        assert "expects a client that authenticates" in page.causes[0][0].title
