"""Mistakes of somebody who connects an EHR for the first time, each with the cause that has to
stand first. They were all made before anything was mended for them."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.test import override_settings
from django.utils import timezone
from joserfc.jwk import RSAKey

from smartapp import vault
from smartapp.database import in_database
from smartapp.diagnosis import outcome, report
from smartapp.diagnosis.causes import causes as causes_of
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.finding import problem
from smartapp.launches.models import LaunchEvent
from tests.diagnosis.answers import PORTAL, Answer, json_text, raw
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
from tests.diagnosis.test_mistakes import NO_CONFIGURATION, NO_OAUTH
from tests.launches.conftest import Browser, new_browser
from tests.launches.test_callback import changed
from tests.scripted_ehr import ScriptedEHR, fhir_json

__all__ = ["exchanged", "written_by_hand"]

NO_CAUSE = "never asked for our keys"  # what is likely where the EHR does not say a word


def refusal(status: int, error: object, said: str = "") -> Answer:
    """Answer as RFC 6749 §5.2 has it, and with an `error` of another form."""
    return json_text(status, json.dumps({"error": error, "error_description": said}))


def tokens(**members: object) -> Answer:
    answer = {"access_token": "a", "token_type": "Bearer", "scope": "launch", "patient": "p-1"}
    sent = {name: value for name, value in {**answer, **members}.items() if value is not None}
    return json_text(200, json.dumps(sent))


class TestLaunchURL:
    @pytest.mark.parametrize(
        ("query", "words", "rule", "seen"),
        [
            ("iss={quoted}&launch=x", "not the address of an EHR", "C20", "iss was http%3A%2F%2F"),
            ("iss=%7BFHIR_URL%7D&launch=x", "not the address of an EHR", "C20", "was {FHIR_URL}."),
            ("iss={host}/fhir&launch=x", "not the address of an EHR", "C20", "iss was 127.0.0.1:"),
            ("iss={base}&Launch=x", "without what an EHR sends", "C20", "launch is missing, or"),
            ("iss={base}&amp;launch=x", "without what an EHR sends", "C20", "launch is missing"),
            ("iss={base}/.well-known/smart-configuration&launch=x", "nearly that of", "C7",
             "/.well-known"),
            ("iss={base}?tenant=5&launch=x", "more than a FHIR base URL", "C20", "?[…]; it has"),
        ],
    )  # fmt: skip
    async def test_what_is_wrong_with_it(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, query: str, words: str,
        rule: str, seen: str,
    ) -> None:  # fmt: skip
        ehr_launch()
        base = ehr.fhir_base_url
        quoted = base.replace(":", "%253A").replace("/", "%252F")
        host = ehr.base.partition("//")[2]
        await browser.get(f"/launch?{query.format(base=base, quoted=quoted, host=host)}")
        assert seen in (await first_is(words, rule)).seen

    @pytest.mark.parametrize("iss", ["%7BFHIR_URL%7D", "javascript:alert(1)", "https://[x"])
    async def test_what_is_no_address_is_not_offered_to_be_added(
        self, browser: Browser, iss: str
    ) -> None:
        await browser.get(f"/launch?iss={iss}&launch=x")
        page = await in_database(report.AttemptPage, await timeline())
        assert not page.iss_to_add

    async def test_frame_of_an_origin_that_nobody_allowed(
        self, app: str, ehr_launch: Start
    ) -> None:
        async with new_browser(app, **{"Sec-Fetch-Dest": "iframe"}) as framed:
            await framed.get(ehr_launch())
        await first_is("shows the app in a frame", "C150")


class TestAuthorizationEndpoint:
    @pytest.mark.parametrize(
        ("error", "said", "words"),
        [
            ("invalid_scope", "The scope fhirUser is unknown", "these scopes: fhirUser"),
            ("invalid_request", "Missing parameter: launch", "misses what was sent to it: launch"),
            ("invalid_request", "nonce is required", "misses what was sent to it: nonce"),
        ],
    )
    async def test_what_it_answers(
        self, browser: Browser, ehr_launch: Start, error: str, said: str, words: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        answer = changed(callback, code=None, error=error, error_description=said or None)
        await browser.get(answer)
        cause = await first_is_any(words)
        assert said in cause.seen

    @pytest.mark.parametrize(
        ("error", "said", "words"),
        [
            ("invalid_request", "Missing parameter: launch", "for launches from inside the EHR"),
            ("invalid_scope", "launch/patient is not allowed", "these scopes: launch/patient"),
            ("access_denied", "", "said no"),
        ],
    )
    async def test_what_it_answers_a_patient(
        self, browser: Browser, ehr_launch: Start, error: str, said: str, words: str
    ) -> None:
        callback = await browser.to_callback("/connect/scripted/")
        answer = changed(callback, code=None, error=error, error_description=said or None)
        await browser.get(answer)
        await first_is_any(words)


async def first_is_any(words: str) -> Any:
    """Return the first cause, whichever requirement it is about."""
    return await first_is(words, (await asked_why())[0].rule)


class TestWayBack:
    @pytest.mark.parametrize(
        ("part", "seen"),
        [
            (lambda url: url.replace("&", "&amp;"), "Its address has code, amp;state."),
            (lambda url: url.partition("?")[0], "What stands after a # does not reach the app."),
        ],
    )
    async def test_answer_that_lost_its_members(
        self, browser: Browser, ehr_launch: Start, part: Any, seen: str
    ) -> None:
        """Escaped twice, or behind a # as for another response_mode."""
        await browser.get(part(await browser.to_callback(ehr_launch())))
        cause = await first_is("without what belongs into it", "C53")
        assert cause.seen.startswith("state is missing, or empty. Its address has ")
        assert cause.seen.endswith(seen)

    async def test_code_that_no_ehr_sends(self, browser: Browser, ehr_launch: Start) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, code="x" * 20_000))
        await first_is("without what belongs into it, or with more", "C53")

    @pytest.mark.parametrize("path", ["/callback/scripted-old/", "/callback/"])
    async def test_redirect_uri_of_a_registration_that_was_renamed_or_cut_short(
        self, browser: Browser, ehr_launch: Start, path: str
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(callback.replace("/callback/scripted/", path))
        await first_is("another registration's redirect URI", "C4")

    @pytest.mark.parametrize("times", [1, 2])
    async def test_redirect_uri_without_its_slash_and_a_second_click_are_no_failure(
        self, browser: Browser, ehr_launch: Start, times: int
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        without = await browser.get(callback.replace("/scripted/", "/scripted"))
        for _ in range(times):
            await browser.get(without.headers["Location"])
        assert await asked_why() == []

    async def test_other_name_of_the_same_machine(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(callback.replace("127.0.0.1", "localhost", 1))
        cause = await first_is("did not start the launch", "C57")
        assert "under the address in PUBLIC_URL" in cause.fix

    async def test_cookie_that_another_process_sealed_with_other_keys(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        with override_settings(ENCRYPTION_KEYS=vault.new_key()):
            callback = await browser.to_callback(ehr_launch())
        await browser.get(callback)
        cause = await first_is("this process could not open it", "C57")
        assert cause.seen.startswith("The launch's cookie does not open: ")
        assert len(await asked_why()) == 1

    async def test_ehr_that_was_switched_off_meanwhile(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await endpoint(enabled=False)
        await browser.get(callback)
        await first_is("switched off in this app meanwhile", "C1")

    async def test_issuer_with_a_slash(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, iss=f"{ehr.issuer}/"))
        assert "“/” on one side" in (await first_is("another issuer", "C51")).seen


class TestTokenEndpoint:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            # The form or a header did not arrive.
            (refusal(400, "invalid_request", "grant_type is required"), "misses what was sent"),
            (refusal(400, "invalid_request", "Missing parameter: redirect_uri"), "sent to it: red"),
            (refusal(400, "invalid_request", "Missing client_assertion"), "sent to it: client_ass"),
            (json_text(400, '{"ErrorCode":"invalid_request","Error":"Required : redirect_uri"}'),
             "sent to it: redirect_uri"),
            # Our assertion, under the names of other errors.
            (refusal(400, {"code": "invalid_client", "message": "Unknown client"}),
             "does not know our client id"),
            (json_text(400, '{"errors":[{"status":"400","detail":"Unknown client"}]}'),
             "does not know our client id"),
            (refusal(500, "server_error", "Read timed out fetching jwks.json"), "fetch our keys"),
            (json_text(400, '{"error":"invalid_client","error_uri":"https://a.example/errors/urn%3A'
             'vendor%3Aoauth2%3Atoken%3Aunknown-client"}'), "does not know our client id"),
            (raw(401, "", "text/plain"), NO_CAUSE),
            (json_text(401, "{}"), NO_CAUSE),
            # What this app does not do.
            (refusal(400, "invalid_dpop_proof"), "wants DPoP"),
            # The code.
            (refusal(422, "invalid_request", "scope must not be sent"), "refused the token req"),
            (refusal(403, "access_denied", "Outside of office hours"), "refused the token request"),
            # Something else answers.
            (refusal(404, "not_found", "Not Found"), NO_OAUTH),
            (json_text(401, '{"message":"No API key found in request"}'), NO_OAUTH),
            (refusal(403, "forbidden", "Request blocked by WAF"), NO_OAUTH),
            (raw(400, "Bad Request", "text/plain"), NO_OAUTH),
            (json_text(200, "null"), NO_OAUTH),
            (json_text(200, '{"resourceType":"OperationOutcome"}'), NO_OAUTH),
            (refusal(503, "temporarily_unavailable"), "problem of its own"),
            # The tokens.
            (tokens(scope="launch openid"), "no id_token came"),
            (tokens(scope="launch openid", id_token="abc"), "not a signed JWT"),
            (tokens(scope="launch openid", id_token="a.b.c.d.e"), "not a signed JWT"),
        ],
    )  # fmt: skip
    async def test_what_it_answers(
        self, exchanged: Exchange, ehr: ScriptedEHR, answer: Answer, words: str
    ) -> None:
        ehr.asks_for_keys = False
        ehr.token_answer = answer
        await exchanged()
        await first_is_any(words)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (refusal(401, "invalid_client"), NO_CAUSE),
            (refusal(400, "invalid_request", "refresh_token is missing"), "sent to it: refresh_to"),
            (refusal(400, "invalid_request", "Missing parameter: client_id"), "id in the body"),
            (refusal(400, "unauthorized_client", "refresh not allowed"), "may not use this grant"),
            (refusal(400, "unsupported_grant_type"), "may not use this grant"),
            (refusal(400, "invalid_grant", "Refresh token was used"), "the refresh token any more"),
            (raw(404), NO_OAUTH),
            (raw(503), "problem of its own"),
            (raw(429, "", "application/json"), "limits how often"),
            (tokens(access_token=None), "answer to a refresh could not be used"),
            (tokens(expires_in="soon"), "answer to a refresh could not be used"),
        ],
    )
    async def test_what_it_answers_to_a_refresh(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, answer: Answer, words: str
    ) -> None:
        ehr.expires_in = 0
        ehr.asks_for_keys = False
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = answer
        await browser.get(f"/launches/{uuid}/")
        await first_is_any(words)

    async def test_what_to_use_instead_is_not_hidden(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        said = "RS384 is not supported. Use RS256."
        ehr.token_answer = refusal(401, "invalid_client", said)
        await exchanged()
        assert said in (await first_is("does not take our algorithm", "C64")).seen

    async def test_what_ended_a_launch_stands_before_what_was_not_read(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = raw(500, "", "text/plain")
        await browser.get(f"/launches/{uuid}/")
        ehr.fhir_answer = raw(401, "", "text/plain")
        ehr.token_answer = refusal(400, "invalid_grant")
        await browser.get(f"/launches/{uuid}/")
        await first_is("does not accept the refresh token", "C125")


class TestWhoSignedIn:
    @pytest.mark.parametrize(
        ("claims", "words"),
        [
            ({"fhirUser": "Organization/1"}, "did not say who signed in"),
            ({"fhirUser": "jdoe"}, "did not say who signed in"),
        ],
    )
    async def test_claims(
        self, exchanged: Exchange, ehr: ScriptedEHR, claims: dict[str, object], words: str
    ) -> None:
        ehr.id_token_claims = claims
        await exchanged()
        await first_is_any(words)

    @pytest.mark.parametrize(
        ("header", "words", "seen"),
        [
            ({"alg": "HS256"}, "algorithm is not accepted", "It names HS256."),
            ({"alg": "none"}, "algorithm is not accepted", "It names none."),
            ({"alg": "RS256", "kid": "ehr-1", "crit": ["exp"]}, "did not pass every check",
             "critical header"),
        ],
    )  # fmt: skip
    async def test_header(
        self, exchanged: Exchange, ehr: ScriptedEHR, monkeypatch: pytest.MonkeyPatch,
        header: dict[str, object], words: str, seen: str,
    ) -> None:  # fmt: skip
        signed = ehr.id_token

        def forged(access_token: str, nonce: str) -> str:
            head = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
            ehr.id_tokens.append(f"{head}.{signed(access_token, nonce).partition('.')[2]}")
            return ehr.id_tokens[-1]

        monkeypatch.setattr(ehr, "id_token", forged)
        await exchanged()
        assert seen in (await first_is(words, "C90")).seen

    @pytest.mark.parametrize(
        ("change", "seen"),
        [
            ({"use": "enc"}, "usable keys: none; others: 1"),
            ({"kid": "EHR-1"}, "usable keys: EHR-1"),
        ],
    )
    async def test_key_that_the_issuer_publishes(
        self, exchanged: Exchange, ehr: ScriptedEHR, change: dict[str, str], seen: str
    ) -> None:
        own = ScriptedEHR.key.as_dict(private=False) | change
        ehr.keys_answer = json_text(200, json.dumps({"keys": [own]}))
        await exchanged()
        assert seen in (await first_is("is not among the issuer's keys", "C92")).seen

    async def test_keys_of_which_several_fit(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        other = RSAKey.generate_key(2048, parameters={"kid": "ehr-1"}).as_dict(private=False)
        keys = [ScriptedEHR.key.as_dict(private=False), other]
        ehr.keys_answer = json_text(200, json.dumps({"keys": keys}))
        await exchanged()
        cause = await first_is("Several of the issuer's keys", "C92")
        assert "usable keys: ehr-1 for RS256, ehr-1." in cause.seen

    async def test_another_key_under_the_same_kid(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        other = RSAKey.generate_key(2048, parameters={"kid": "ehr-1"}).as_dict(private=False)
        ehr.keys_answer = json_text(200, json.dumps({"keys": [other]}))
        await exchanged()
        await first_is("signature does not verify", "C92")

    @pytest.mark.parametrize("answer", [raw(404), json_text(200, '{"kty":"RSA"}')])
    async def test_keys_that_cannot_be_read(
        self, exchanged: Exchange, ehr: ScriptedEHR, answer: Answer
    ) -> None:
        ehr.keys_answer = answer
        await exchanged()
        await first_is("keys could not be used", "C91")

    async def test_nobody_entered_an_issuer(self, exchanged: Exchange) -> None:
        await endpoint(issuers=[])
        await exchanged()
        assert "Expected: none." in (await first_is("another issuer", "C93")).seen

    async def test_fhir_user_is_asked_for_without_openid(self, exchanged: Exchange) -> None:
        await registration(scope="launch fhirUser patient/Patient.rs")
        await exchanged()
        await first_is("did not say who signed in", "C95")


class TestDiscovery:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (raw(400, ""), NO_CONFIGURATION),
            (json_text(200, '{"issuer":"https://e.example","x":NaN}'), "configuration is broken"),
            (json_text(200, '{"issuer":"https://e.example"}'), "safe launch needs"),
        ],
    )
    async def test_what_answers(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, answer: Answer, words: str
    ) -> None:
        ehr.discovery_answer = answer
        await browser.get(ehr_launch())
        await first_is_any(words)

    @pytest.mark.parametrize(
        ("published", "words"),
        [
            ({"authorization_endpoint": "https://e.example/authorize#top"}, "is broken"),
            ({"token_endpoint": "https://10.0.0.5/token"}, "nobody has accepted"),
            ({"token_endpoint": ""}, "safe launch needs"),
            ({"code_challenge_methods_supported": ["s256"]}, "takes PKCE"),
        ],
    )
    async def test_what_it_publishes(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, published: dict[str, object],
        words: str,
    ) -> None:  # fmt: skip
        ehr.discovery = published
        await browser.get(ehr_launch())
        await first_is_any(words)

    @pytest.mark.parametrize(
        ("base", "words"),
        [
            ("https://10.0.0.5/fhir", "is private, or not https"),
            ("http://ehr.example/fhir", "is private, or not https"),
            ("https://localhost:9/fhir", "could not be reached"),
        ],
    )
    async def test_address(
        self, browser: Browser, ehr_launch: Start, base: str, words: str
    ) -> None:
        await endpoint(fhir_base_url=base, iss=base)
        await browser.get(f"/launch?iss={base}&launch=x")
        await first_is(words, "C15")


class TestRegistration:
    async def test_no_key_for_the_algorithm(self, exchanged: Exchange) -> None:
        await registration(alg="ES256")
        await exchanged()
        await first_is("no key to sign with", "C64")

    async def test_no_secret(self, browser: Browser, ehr_launch: Start) -> None:
        await registration(auth_method="client_secret_basic")
        await browser.get(ehr_launch())
        await first_is("or no secret that opens", "C64")

    async def test_it_is_switched_off(self, browser: Browser, ehr_launch: Start) -> None:
        await registration(enabled=False)
        await browser.get(ehr_launch())
        await first_is("is switched off", "C7")

    async def test_no_scope_reads_a_record(self, browser: Browser, ehr_launch: Start) -> None:
        await registration(scope="launch openid fhirUser")
        uuid = await browser.launch(ehr_launch())
        await browser.get(f"/launches/{uuid}/")
        await first_is("No scope lets the app read the patient", "C39")
        assert outcome.of(await timeline()).startswith("A page was shown without a record: no sco")

    async def test_no_scope_asks_for_a_patient(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        await registration(scope="openid fhirUser patient/Patient.rs")
        ehr.context = {"patient": None, "need_patient_banner": True}
        uuid = await browser.launch(ehr_launch())
        await browser.get(f"/launches/{uuid}/")
        await first_is("gave no patient", "C110")
        assert outcome.of(await timeline()).startswith("A page was shown without a record: no pat")


class TestRecord:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (raw(406, "", "application/fhir+json"), "does not answer in application/fhir+json"),
            (raw(415, "", "application/fhir+json"), "does not answer in application/fhir+json"),
            (raw(404, PORTAL), "does not have the launch's patient"),
            (raw(503, "", "text/plain", **{"Retry-After": "30"}), "a problem of its own"),
            (
                raw(
                    401,
                    "",
                    "text/plain",
                    **{"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
                ),
                "does not let this app, or this user",
            ),
            (raw(405, "", "text/plain"), "refused or broke off a read"),
            (raw(204, "", "application/fhir+json"), "is not JSON that can be read"),
            (json_text(200, '{"resourceType":"Patient","id":"p-1","id":"p-1"}'), "is not JSON"),
            (raw(200, "x" * 5_000_000, "application/fhir+json"), "are larger than a page can hold"),
            (json_text(200, '{"resourceType":"Patient","id":"P-1"}'), "with another patient"),
            (json_text(200, '{"resourceType":"Patient"}'), "with another patient"),
            (raw(401, "", "application/fhir+json"), "refuses tokens that the EHR has just given"),
            (json_text(403, '{"error":"insufficient_scope"}'), "does not let this app"),
            (raw(403, "<html>Error 1020</html>"), "A web page refuses the reads"),
        ],
    )
    async def test_what_answers_every_read(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, answer: Answer, words: str
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        await first_is_any(words)

    async def test_letters_in_another_encoding(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            body = '{"resourceType":"Patient","id":"p-1","name":[{"family":"Müller"}]}'
            return web.Response(body=body.encode("latin-1"), content_type="application/fhir+json")

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("is not JSON that can be read", "C142")
        assert cause.seen.startswith("patient, allergies, ")
        assert cause.seen.endswith(": the body is not UTF-8.")

    @pytest.mark.parametrize(
        ("bundle", "words", "seen"),
        [
            ({"total": 5, "entry": []}, "gave less of a list", "the EHR counts more than it gave."),
            ({"entry": [{"fullUrl": "x"}]}, "gave less of a list", "an entry without a resource."),
            ({"entry": [{"resource": {"resourceType": "OperationOutcome", "issue": [
                {"code": "incomplete", "diagnostics": "Jane Roe"}]}}]},
             "gave less of a list", "its Bundle has a remark, or"),
            ({"entry": [{"resource": {"resourceType": "Condition", "id": "c"}}]},
             "do not say whose they are", "They were left out: problems."),
        ],
    )  # fmt: skip
    async def test_list(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, bundle: dict[str, object],
        words: str, seen: str,
    ) -> None:  # fmt: skip
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path != "Condition":
                return fhir_json(ehr.resource(path))
            return fhir_json({"resourceType": "Bundle", "type": "searchset", **bundle})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is_any(words)
        assert seen in cause.seen
        assert "Jane" not in str([one.detail for one in await timeline()])

    async def test_remark_on_a_parameter_that_was_only_wished_for_is_no_cause(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if path != "Condition":
                return fhir_json(ehr.resource(path))
            issue = {"severity": "warning", "code": "not-supported", "diagnostics": "_sort ignored"}
            remark = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}}
            return fhir_json({"resourceType": "Bundle", "type": "searchset", "entry": [remark]})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = answer
        await browser.get(f"/launches/{uuid}/")
        assert await asked_why() == []


WRONG_KEYS = problem("published-key", "It answered 404.", "Start the server.")
OF_RARE_MOMENTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("discovery", "ehr-suspended", {}, "did not answer several times in a row"),
    ("discovery", "ehr-suspended", {"rule": "certificate"}, "certificate cannot be trusted"),
    ("discovery", "ehr-timeout", {}, "took too long"),
    ("token", "ehr-timeout", {}, "waited for our keys in vain"),
    ("token", "busy", {}, "Too many launches waited"),
    ("token", "database-away", {}, "and not the EHR"),
    ("token", "sign-in-lost", {}, "and not the EHR"),
    ("callback", "unexpected-error", {}, "and not the EHR"),
    ("token", "busy-with-ehr", {}, "slow, and too many waited"),
    ("token", "busy-with-ehr", {"rule": "own-limit"}, "could make no more connections"),
    ("token", "busy-with-ehr", {"rule": "ehr-suspended"}, "did not answer several times in a row"),
    ("token", "codes-refused", {}, "refused other sign-ins from this network"),
    ("token", "keys-replaced", {"ehr_error": "invalid_client"}, "replaced in an emergency"),
    ("token", "invalid-client", {"ehr_error": "invalid_client", "said": "assertion expected",
     "auth_method": "client_secret_basic", "token_endpoint": "https://e.example/token"},
     "expects a signed assertion, and we send a secret"),
    ("callback", "state-unknown", {}, "changed the state, or the address was made up"),
    ("refresh", "refresh-interrupted", {}, "was ended during a refresh"),
    ("refresh", "scope-invalid", {}, "The registration's scopes cannot be sent"),
    ("fhir", "wrong-patient-entry", {"sections": {"problems": "partial"}}, "of another patient"),
    ("fhir", "fhir-failed", {"rule": "timeout", "sections": {"labs": "failed"},
     "failure": "no answer within 15 s"}, "The FHIR server took too long"),
    *(
        ("fhir", "fhir-failed", {"sections": {"problems": "failed"}, "exchanges": [
            {"where": f"e.example/fhir/{kind}", "status": status} for kind, status in reads
         ]}, words)
        for reads, words in (
            ([("Coverage", 404), ("Condition", 200)], "does not have a part of the record"),
            ([("Coverage", 404), ("Condition", 500)], "has a problem of its own"),
            # References that lead nowhere.
            ([("Practitioner", 404), ("Condition", 500)], "has a problem of its own"),
            ([("Practitioner", 404), ("Condition", None)], "refused or broke off a read"),
            ([("Encounter", 200), ("Encounter", 404)], "refused or broke off a read"),
        )
    ),
    ("authorize", "", {"framed": True, "sent": []}, "may refuse to be shown in a frame"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "code", "detail", "words"), OF_RARE_MOMENTS)
def test_causes_of_rare_moments(step: str, code: str, detail: dict[str, Any], words: str) -> None:
    """What takes a crowd, a stalled server or an emergency: told by the event that it leaves."""
    at = timezone.now() - timedelta(minutes=20)
    event = LaunchEvent(attempt="a", step=step, code=code, detail=detail, at=at)
    is_about_keys = (step, code) == ("token", "ehr-timeout")
    findings = {"published-key": WRONG_KEYS} if is_about_keys else {}
    first, *_ = causes_of([event], Facts(timezone.now(), findings=findings))
    assert words in first.title
    assert first.seen
    assert first.fix
