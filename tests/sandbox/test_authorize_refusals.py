"""What authorize refuses, each time with one change in a good request (S10 to S18)."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.test import Client as Browser
from django.utils import timezone

from smartapp.sandbox import sign_in
from smartapp.sandbox.models import Authorization, Client, Launch, RequestRecord
from tests.sandbox.conftest import (
    FHIR_BASE,
    ISSUER,
    OAUTH,
    SCOPE,
    STANDALONE_SCOPE,
    WITHOUT,
    App,
    Form,
    KeyServer,
    post_form,
    register,
    response_parameters,
    submit,
)


def assert_redirected(answer: Any, error: str, words: str, state: str | None) -> None:
    parameters = response_parameters(answer)
    assert (parameters["error"], parameters.get("state")) == (error, state)
    assert words in parameters["error_description"]
    assert "code" not in parameters


class TestNothingIsRedirectedToAnUnprovenAddress:
    """S10."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "somebody-else"},
            {"client_id": WITHOUT},
            {"client_id": ["app-web", "app-web"]},
            {"redirect_uri": WITHOUT},
            {"redirect_uri": "https://app.example/callback/"},
            {"redirect_uri": "https://app.example/callback?more=1"},
            {"redirect_uri": "https://APP.example/callback"},
            {"redirect_uri": "https://evil.example/callback"},
            {"redirect_uri": ["https://app.example/callback", "https://evil.example/"]},
            {"redirect_uri": "https://evil.example/", "response_type": "token"},
        ],
    )
    def test_refused_on_a_page(self, app: App, browser: Browser, changes: dict[str, Any]) -> None:
        answer = app.authorize(browser, **changes)
        assert answer.status_code == 400
        assert "Location" not in answer
        assert b"This app cannot connect" in answer.content
        assert b"invalid_request" in answer.content
        assert RequestRecord.objects.get().rule == "S10"

    def test_service_has_no_authorize_endpoint(self, app: App, browser: Browser) -> None:
        """S5, S21."""
        Client.objects.filter(client_id=app.client_id).update(kind="service", redirect_uris=[])
        assert app.authorize(browser).status_code == 400


class TestErrorsGoBackWithTheState:
    """S11, S12, S13."""

    @pytest.mark.parametrize(
        ("changes", "error", "words"),
        [
            ({"response_type": WITHOUT}, "invalid_request", "response_type is missing"),
            ({"response_type": "token"}, "unsupported_response_type", "token"),
            ({"response_type": "code id_token"}, "unsupported_response_type", "code id_token"),
            ({"response_type": '["co\\de"]'}, "unsupported_response_type", "[?co?de?]"),
            ({"response_mode": "fragment"}, "invalid_request", "response_mode"),
            ({"scope": WITHOUT}, "invalid_request", "scope is missing"),
            ({"scope": "patient/Patient.sr"}, "invalid_scope", "patient/Patient.sr"),
            ({"scope": "system/Patient.rs"}, "invalid_scope", "system/Patient.rs"),
            ({"scope": "OPENID"}, "invalid_scope", "OPENID"),
            ({"scope": "patient/Observaton.rs"}, "invalid_scope", "names no resource type"),
            ({"scope": [SCOPE, SCOPE]}, "invalid_request", "scope is repeated"),
            ({"aud": WITHOUT}, "invalid_request", "aud is missing"),
            ({"aud": "https://fhir.example/r4"}, "invalid_request", "aud must be"),
            ({"aud": f"{FHIR_BASE}/"}, "invalid_request", "aud must be"),
            ({"aud": FHIR_BASE.upper()}, "invalid_request", "aud must be"),
            ({"aud": [FHIR_BASE, FHIR_BASE]}, "invalid_request", "aud is repeated"),
            ({"aud": ""}, "invalid_request", "aud is missing"),
            ({"code_challenge": WITHOUT}, "invalid_request", "code_challenge"),
            ({"code_challenge_method": ""}, "invalid_request", "S256"),
            ({"code_challenge": "short"}, "invalid_request", "43 characters"),
            ({"code_challenge": "a" * 44}, "invalid_request", "43 characters"),
            ({"code_challenge": "=" * 43}, "invalid_request", "code_challenge"),
            ({"code_challenge_method": "plain"}, "invalid_request", "S256"),
            ({"code_challenge_method": WITHOUT}, "invalid_request", "S256"),
            ({"launch": "made-up"}, "invalid_request", "needs the scope launch"),
            ({"scope": "patient/Observation.write"}, "invalid_scope", "read-only"),
            ({"scope": "launch launch/encounter"}, "invalid_scope", "this kind of launch"),
            ({"scope": SCOPE, "launch": "made-up"}, "invalid_request", "launch value"),
            ({"nonce": "n" * 20_000}, "invalid_request", "nonce is too long"),
            ({"nonce": "n\x00"}, "invalid_request", "nonce is not text"),
        ],
    )
    def test_refused(
        self, app: App, browser: Browser, changes: dict[str, Any], error: str, words: str
    ) -> None:
        assert_redirected(app.authorize(browser, **changes), error, words, app.state)
        record = RequestRecord.objects.get()
        assert (record.accepted, record.error) == (False, error)
        assert record.rule

    def test_state_is_required(self, app: App, browser: Browser) -> None:
        """S12."""
        answer = app.authorize(browser, state=WITHOUT)
        assert_redirected(answer, "invalid_request", "state is missing", None)

    @pytest.mark.parametrize("nonce", [WITHOUT, ""])
    def test_newest_practice_wants_a_nonce_with_openid(
        self, app: App, browser: Browser, nonce: Any
    ) -> None:
        """Optional elsewhere, as in OpenID Connect's code flow (S12)."""
        assert app.authorize(browser, nonce=nonce).status_code == 200
        Client.objects.update(profile="bcp")
        answer = app.authorize(browser, nonce=nonce)
        assert_redirected(answer, "invalid_request", "nonce is missing", app.state)
        without_openid = STANDALONE_SCOPE.removeprefix("openid ")
        assert app.authorize(browser, nonce=nonce, scope=without_openid).status_code == 200

    @pytest.mark.parametrize(
        "name", ["launch", "response_mode", "prompt", "nonce", "fault", "code_verifier"]
    )
    def test_parameter_without_a_value_is_left_out(
        self, app: App, browser: Browser, name: str
    ) -> None:
        """RFC 6749 §3.1."""
        assert app.authorize(browser, **{name: ""}).status_code == 200

    def test_challenge_left_out_altogether(self, app: App, browser: Browser) -> None:
        """A confidential app sends one too, except under athena's rules (S13)."""
        without = {"code_challenge": WITHOUT, "code_challenge_method": WITHOUT}
        assert_redirected(
            app.authorize(browser, **without), "invalid_request", "is missing", app.state
        )
        Client.objects.update(profile="athena")
        assert app.authorize(browser, **without).status_code == 200

    def test_scope_beyond_the_registration(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        """S11."""
        register(app.client_id, key_server, f"--scope={STANDALONE_SCOPE}")
        assert app.authorize(browser).status_code == 200
        more = f"{STANDALONE_SCOPE} patient/Condition.rs"
        answer = app.authorize(browser, scope=more)
        assert_redirected(answer, "invalid_scope", "not registered", app.state)

    def test_person_says_no_on_every_page(self, app: App, browser: Browser) -> None:
        """S11."""
        page = app.authorize(browser)
        answer = submit(browser, page, button=1)
        assert_redirected(answer, "access_denied", "did not allow", app.state)
        picker = submit(browser, page, username="patient", password="sandbox")
        answer = submit(browser, picker, button=1)
        assert_redirected(answer, "access_denied", "did not allow", app.state)
        answer = submit(browser, submit(browser, picker), button=1)
        assert_redirected(answer, "access_denied", "did not allow", app.state)

    def test_everything_unticked_is_a_no(self, app: App, browser: Browser) -> None:
        page = submit(browser, app.authorize(browser), username="patient", password="sandbox")
        answer = submit(browser, submit(browser, page), scope=[])
        assert_redirected(answer, "access_denied", "did not allow", app.state)

    def test_issuer_is_named_for_the_newest_practice_only(self, app: App, browser: Browser) -> None:
        """Also in errors (S17, Q18, RFC 9207 §2)."""
        for profile in ("athena", "strict"):
            Client.objects.update(profile=profile)
            assert "iss" not in response_parameters(app.authorize(browser, aud=WITHOUT))
        Client.objects.update(profile="bcp")
        answer = app.authorize(browser, aud=WITHOUT)
        assert response_parameters(answer)["iss"] == ISSUER


class TestLaunch:
    """S14."""

    def launched(self, app: App, browser: Browser) -> dict[str, Any]:
        return {"launch": app.launch(browser), "scope": SCOPE}

    def test_is_used_once(self, app: App, browser: Browser) -> None:
        wishes = self.launched(app, browser)
        app.allowed(browser, user="clinician", **wishes)
        answer = app.authorize(browser, **wishes)
        assert_redirected(answer, "invalid_request", "used before", app.state)

    def test_is_consumed_by_one_of_two_answers(self, app: App, browser: Browser) -> None:
        """The consent page is open twice: both answers arrive, and one of them gets a code."""
        wishes = self.launched(app, browser) | {"prompt": "consent"}
        page = app.authorize(browser, **wishes)
        consent = submit(browser, page, username="clinician", password="sandbox")
        Launch.objects.update(used_at=None)
        assert "code" in response_parameters(submit(browser, consent))
        assert response_parameters(submit(browser, consent))["error"] == "invalid_request"
        assert Authorization.objects.count() == 1

    def test_ends_after_five_minutes(self, app: App, browser: Browser) -> None:
        wishes = self.launched(app, browser)
        left = Launch.objects.get().expires_at - timezone.now()
        assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
        Launch.objects.update(expires_at=timezone.now())
        answer = app.authorize(browser, **wishes)
        assert_redirected(answer, "invalid_request", "older than five minutes", app.state)

    def test_belongs_to_the_app_it_was_given_to(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        register("another-app", key_server)
        another = App("another-app", app.key, key_server)
        launch = another.launch(browser)
        answer = app.authorize(browser, launch=launch, scope=SCOPE)
        assert_redirected(answer, "invalid_request", "not one that was given", app.state)

    def test_belongs_to_the_person_who_started_it(self, app: App, browser: Browser) -> None:
        page = app.authorize(browser, **self.launched(app, browser))
        answer = submit(browser, page, username="patient", password="sandbox")
        assert answer.status_code == 403
        assert b"Somebody else started this launch" in answer.content

    def test_asks_for_its_own_person_when_another_is_signed_in(
        self, app: App, browser: Browser
    ) -> None:
        app.allowed(browser, user="patient")
        page = app.authorize(browser, **self.launched(app, browser))
        assert "username" in dict(Form(page.content.decode()).fields)

    def test_value_is_stored_as_a_digest(self, app: App, browser: Browser) -> None:
        launch = app.launch(browser)
        assert launch not in str(Launch.objects.values())


class TestSignIn:
    """S15."""

    def test_page_names_its_people(self, app: App, browser: Browser) -> None:
        page = app.authorize(browser).content.decode()
        assert re.search(r"<code>clinician</code> / <code>sandbox</code>", page)
        assert re.search(r"<code>patient</code> / <code>sandbox</code>", page)

    @pytest.mark.parametrize(
        "wrong", [{"password": "Sandbox"}, {"username": "nobody"}, {"password": ""}]
    )
    def test_wrong_password_stays_here(
        self, app: App, browser: Browser, wrong: dict[str, str]
    ) -> None:
        good: dict[str, Any] = {"username": "patient", "password": "sandbox"}
        answer = submit(browser, app.authorize(browser), **good | wrong)
        assert answer.status_code == 403
        assert b"do not match" in answer.content
        assert sign_in.COOKIE not in answer.cookies

    def test_second_app_meets_consent_at_once(self, app: App, browser: Browser) -> None:
        app.allowed(browser)
        choices = Form(app.authorize(browser).content.decode()).choices
        assert set(choices) == {"patient"}

    def test_forged_cookie_is_nobody(self, app: App, browser: Browser) -> None:
        forged = {"username": "clinician", "at": 0, "secret": "s"}
        browser.cookies[sign_in.COOKIE] = signing.dumps(forged, salt="another")
        assert b"Who can sign in" in app.authorize(browser).content

    def test_prompt_login_asks_again_once(self, app: App, browser: Browser) -> None:
        app.allowed(browser)
        page = app.authorize(browser, prompt="login")
        assert b"Who can sign in" in page.content
        page = submit(browser, page, username="patient", password="sandbox")
        assert "patient" in Form(page.content.decode()).choices

    def test_another_person_can_take_over(self, app: App, browser: Browser) -> None:
        app.allowed(browser)
        page = app.authorize(browser).content.decode()
        switch = html.unescape(re.findall(r'<a href="([^"]+)">not you', page)[0])
        page_again = submit(browser, browser.get(switch), username="clinician", password="sandbox")
        assert len(Form(page_again.content.decode()).choices["patient"]) > 2

    @pytest.mark.parametrize("scope", [STANDALONE_SCOPE, "launch/patient"])
    def test_prompt_none_without_sign_in(self, app: App, browser: Browser, scope: str) -> None:
        """S11."""
        answer = app.authorize(browser, prompt="none", scope=scope)
        assert_redirected(answer, "login_required", "Nobody is signed in", app.state)
        assert RequestRecord.objects.get().rule == "S15"

    def test_prompt_none_needs_an_earlier_consent_to_all_of_it(
        self, app: App, browser: Browser
    ) -> None:
        app.launched(browser)
        silent = {"prompt": "none", "scope": SCOPE}
        answer = app.authorize(browser, launch=app.launch(browser), **silent)
        assert "code" in response_parameters(answer)
        more = {"prompt": "none", "scope": f"{SCOPE} patient/Condition.rs"}
        answer = app.authorize(browser, launch=app.launch(browser), **more)
        assert_redirected(answer, "consent_required", "would have to be asked", app.state)

    def test_prompt_none_cannot_choose_a_patient(self, app: App, browser: Browser) -> None:
        app.allowed(browser)
        answer = app.authorize(browser, prompt="none")
        assert_redirected(answer, "consent_required", "would have to be asked", app.state)
        assert RequestRecord.objects.latest("pk").rule == "S15"

    def test_logout_ends_it_here(self, app: App, browser: Browser) -> None:
        """No logout address is registered, so the browser is sent to none (S44)."""
        app.allowed(browser)
        answer = browser.get(f"{OAUTH}/logout?post_logout_redirect_uri=https://evil.example/")
        assert answer.status_code == 200
        assert b"Who can sign in" in app.authorize(browser).content


class TestConsent:
    def consent_page(self, app: App, browser: Browser) -> Any:
        page = submit(browser, app.authorize(browser), username="patient", password="sandbox")
        return submit(browser, page)

    def test_picker_leads_on_to_an_address_that_can_be_asked_again(
        self, app: App, browser: Browser
    ) -> None:
        """Going back from the app never resends a form, and the address decides nothing (S15)."""
        picker = submit(browser, app.authorize(browser), username="patient", password="sandbox")
        form = Form(picker.content.decode())
        answer = post_form(browser, form.action, form.values(0, {"patient": "a-1.E-1005"}))
        assert answer.status_code == 303
        for _ in range(2):
            page = browser.get(answer["Location"])
            assert page.status_code == 200
            assert ("patient", "a-1.E-1005") in Form(page.content.decode()).fields
        assert browser.get(answer["Location"] + "&decision=allow").status_code == 200
        foreign = browser.get(answer["Location"].replace("E-1005", "E-1001"))
        assert response_parameters(foreign)["error"] == "access_denied"
        del browser.cookies[sign_in.COOKIE]
        assert b"Who can sign in" in browser.get(answer["Location"]).content

    def test_another_site_cannot_post_it(self, app: App, browser: Browser) -> None:
        page = self.consent_page(app, browser)
        answer = submit(browser, page, check="guessed")
        assert response_parameters(answer)["error"] == "access_denied"

    def test_without_sign_in_it_asks_who_it_is(self, app: App, browser: Browser) -> None:
        page = self.consent_page(app, browser)
        del browser.cookies[sign_in.COOKIE]
        assert b"Who can sign in" in submit(browser, page).content

    def test_patient_that_is_not_ones_own(self, app: App, browser: Browser) -> None:
        page = self.consent_page(app, browser)
        answer = submit(browser, page, patient="a-1.E-1001")
        assert response_parameters(answer)["error"] == "access_denied"

    def test_changed_request_is_judged_again(self, app: App, browser: Browser) -> None:
        page = self.consent_page(app, browser)
        carried = dict(Form(page.content.decode()).fields)["authorization_request"]
        evil = carried.replace("app.example", "evil.example")
        assert submit(browser, page, authorization_request=evil).status_code == 400

    def test_ticking_more_than_was_asked_gives_no_more(self, app: App, browser: Browser) -> None:
        page = self.consent_page(app, browser)
        answer = submit(browser, page, scope=["launch/patient", "user/*.rs"])
        code = response_parameters(answer)["code"]
        assert app.exchange(browser, code).json()["scope"] == "launch/patient"

    def test_unticked_patient_is_not_told(self, app: App, browser: Browser) -> None:
        code = response_parameters(
            submit(browser, self.consent_page(app, browser), scope=["openid"])
        )["code"]
        assert "patient" not in app.exchange(browser, code).json()

    def test_direct_post_of_nothing(self, app: App, browser: Browser) -> None:
        assert post_form(browser, f"{OAUTH}/consent", {}).status_code == 400
        assert post_form(browser, f"{OAUTH}/sign-in", {}).status_code == 400


class TestInAFrame:
    """C151, T14."""

    def test_cookie_is_partitioned_inside_a_frame_only(self, app: App, browser: Browser) -> None:
        page = app.authorize(browser)
        form = Form(page.content.decode())
        person = {"username": "patient", "password": "sandbox"}
        fields = form.values(0, person)
        answer = post_form(browser, form.action, fields)
        cookie = answer.cookies[sign_in.COOKIE]
        assert (cookie["samesite"], cookie["secure"], cookie["partitioned"]) == ("Lax", "", "")
        framed = Browser(headers={"Sec-Fetch-Dest": "iframe"})
        cookie = post_form(framed, form.action, fields).cookies[sign_in.COOKIE]
        assert "Partitioned" in cookie.OutputString()
        assert (cookie["samesite"], cookie["partitioned"]) == ("None", True)

    def test_launcher_may_frame_it_and_forms_may_end_at_the_app(
        self, app: App, browser: Browser
    ) -> None:
        answer = app.authorize(browser)
        policy = dict(
            part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";")
        )
        ours = "'self' http://127.0.0.1:8000 http://localhost:8000"
        assert policy["frame-ancestors"] == ours
        assert policy["form-action"] == f"{ours} https://app.example"
        assert "X-Frame-Options" not in answer

    def test_ehrs_bar_is_not_shown_twice(self, app: App) -> None:
        bar = b'class="topbar"'
        assert bar in app.authorize(Browser()).content
        framed = app.authorize(Browser(headers={"Sec-Fetch-Dest": "iframe"}))
        assert bar not in framed.content


def test_authorization_response_is_never_cached(app: App, browser: Browser) -> None:
    page = submit(browser, app.authorize(browser), username="patient", password="sandbox")
    answer = submit(browser, submit(browser, page))
    assert "no-store" in answer["Cache-Control"]
    assert "code" in parse_qs(urlsplit(answer["Location"]).query)
