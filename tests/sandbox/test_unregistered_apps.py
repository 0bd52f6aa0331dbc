"""An app on a developer's own machine is tried without a registration."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError
from django.test import Client as Browser

from smartapp.sandbox import unregistered_apps
from smartapp.sandbox.models import Client, RequestRecord
from tests.sandbox.conftest import (
    FHIR_BASE,
    OAUTH,
    SCOPE,
    STANDALONE_SCOPE,
    WITHOUT,
    App,
    assert_refused,
    post_form,
    register,
    sandbox_client,
    submit,
)

REDIRECT_URI = "http://127.0.0.1:3000/callback"
WITHOUT_PKCE = {"code_challenge": WITHOUT, "code_challenge_method": WITHOUT}


@pytest.fixture
def tried(app: App) -> App:
    """An app that is not registered; its keys are not known either."""
    return App("my first app", app.key, app.server, redirect_uri=REDIRECT_URI)


def answer(page: Any) -> dict[str, str]:
    assert page.status_code == 302, page.content
    assert page["Location"].startswith(REDIRECT_URI)
    return {name: one[0] for name, one in parse_qs(urlsplit(page["Location"]).query).items()}


def allowed(browser: Browser, page: Any, **form: Any) -> str:
    """Sign in as a clinician, choose a patient where asked; return the code."""
    page = submit(browser, page, username="clinician", password="sandbox", **form)
    if page.status_code == 200:
        page = submit(browser, page)
    return answer(page)["code"]


def exchanged(browser: Browser, code: str, proof: dict[str, str], **headers: str) -> Any:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    body = "&".join(f"{name}={value}" for name, value in (fields | proof).items())
    form = "application/x-www-form-urlencoded"
    return browser.post(f"{OAUTH}/token", body, form, headers=headers)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://127.0.0.1:3000/callback", True),
        ("https://localhost/cb", True),
        ("http://[::1]:3000/", True),
        ("http://127.9.9.9/", True),
        ("https://app.example/callback", False),
        ("http://127.0.0.1.app.example/", False),
        ("http://localhost.example/", False),
        ("my.app:/callback", False),
        ("http://127.0.0.1/#x", False),
        ("http://127.0.0.1@app.example/", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_only_what_leads_to_this_machine(url: str, is_one: bool) -> None:
    assert unregistered_apps.is_loopback(url) is is_one


class TestConfirming:
    def test_sign_in_page_says_whom_it_answers_and_what_is_checked(
        self, tried: App, browser: Browser
    ) -> None:
        page = tried.authorize(browser).content.decode()
        assert "not registered here" in page
        assert "my first app" in page
        assert REDIRECT_URI in page
        assert "PKCE is required" in page
        assert not Client.objects.filter(client_id=tried.client_id).exists()

    def test_sign_in_confirms_it_once(self, tried: App, browser: Browser) -> None:
        assert allowed(browser, tried.authorize(browser))
        assert b"Whose record" in tried.authorize(browser).content
        tried.redirect_uri = "http://127.0.0.1:3000/other"
        assert b"not registered here" in tried.authorize(browser).content

    def test_nothing_is_answered_before(self, tried: App, browser: Browser) -> None:
        """Neither an error nor a refusal goes to an address that was not confirmed (S10)."""
        for page in (
            tried.authorize(browser, aud="https://elsewhere.example/"),
            tried.authorize(browser, prompt="none"),
            submit(browser, tried.authorize(browser), button=1),
        ):
            assert page.status_code == 400
            assert "Location" not in page
        assert submit(browser, tried.authorize(browser), username="x").status_code == 403
        assert not Client.objects.filter(client_id=tried.client_id).exists()

    @pytest.mark.parametrize("uri", ["https://app.example/callback", "my.app:/callback"])
    def test_not_elsewhere(self, tried: App, browser: Browser, uri: str) -> None:
        page = tried.authorize(browser, redirect_uri=uri)
        assert page.status_code == 400
        assert RequestRecord.objects.get().rule == "S10"

    def test_registered_app_is_not_tried(self, app: App, browser: Browser) -> None:
        assert app.authorize(browser, redirect_uri=REDIRECT_URI).status_code == 400


class TestLoose:
    @pytest.mark.parametrize("way", ["nothing", "posted secret", "basic", "assertion"])
    def test_takes_any_proof(self, tried: App, browser: Browser, way: str) -> None:
        code = allowed(browser, tried.authorize(browser, **WITHOUT_PKCE))
        me = {"client_id": "my first app"}
        basic = base64.b64encode(b"my+first+app:whatever").decode()
        tokens = {
            "nothing": lambda: exchanged(browser, code, me),
            "posted secret": lambda: exchanged(browser, code, me | {"client_secret": "x"}),
            "basic": lambda: exchanged(browser, code, {}, Authorization=f"Basic {basic}"),
            "assertion": lambda: exchanged(
                browser, code, tried.authentication(aud="https://x.example/")
            ),
        }[way]().json()
        assert tokens["patient"]
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        read = browser.get(f"{FHIR_BASE}/Patient/{tokens['patient']}", headers=headers)
        assert read.status_code == 200
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert post_form(browser, f"{OAUTH}/token", fields | me).status_code == 200

    def test_verifier_is_held_to_its_challenge(self, tried: App, browser: Browser) -> None:
        code = allowed(browser, tried.authorize(browser))
        answer = exchanged(browser, code, {"client_id": "my first app"})
        assert_refused(answer, 400, "invalid_request", "code_verifier is missing")


class TestStrict:
    def test_is_held_to_the_standard(self, tried: App, browser: Browser) -> None:
        """By the only switch on the sign-in page."""
        code = allowed(browser, tried.authorize(browser), strict="on")
        without = tried.authorize(browser, **WITHOUT_PKCE)
        assert "code_challenge" in answer(without)["error_description"]
        posted = exchanged(browser, code, {"client_id": "my first app", "client_secret": "x"})
        assert_refused(posted, 401, "invalid_client", "Basic")
        wrong = tried.exchange(browser, code, **tried.authentication(aud="https://x.example/"))
        assert_refused(wrong, 401, "invalid_client", "aud")
        assert tried.exchange(browser, code).status_code == 200

    def test_rules_of_a_world_need_no_switch(self, tried: App, browser: Browser) -> None:
        base = FHIR_BASE.replace("/sandbox/", "/sandbox/strict/")
        query = tried.authorization_request(aud=base)
        page = browser.get(OAUTH.replace("/sandbox/", "/sandbox/strict/") + "/authorize", query)
        assert b"In this world also" in page.content
        assert b'name="strict"' not in page.content


class TestLaunch:
    def test_from_the_ehr(self, tried: App, browser: Browser) -> None:
        query = {
            "launch_url": "http://127.0.0.1:3000/launch", "patient": "a-1.E-1003", "client_id": "x",
        }  # fmt: skip
        started = browser.get("/sandbox/launch", query)
        assert started["Location"].startswith("http://127.0.0.1:3000/launch?iss=")
        launch = parse_qs(urlsplit(started["Location"]).query)["launch"][0]
        page = tried.authorize(browser, launch=launch, scope=SCOPE)
        tokens = tried.exchange(browser, allowed(browser, page)).json()
        assert tokens["patient"] == "a-1.E-1003"
        assert tokens["encounter"]

    def test_of_a_tried_app_is_no_registered_apps(self, app: App, browser: Browser) -> None:
        query = {"launch_url": "http://localhost/launch", "format": "json"}
        launch = browser.get("/sandbox/launch", query).json()["launch"]
        page = app.authorize(browser, launch=launch, scope=SCOPE)
        assert "not+one+that+was+given" in page["Location"]

    def test_only_on_this_machine_and_in_a_world_that_exists(
        self, transactional_db: None, browser: Browser
    ) -> None:
        for query in (
            {"launch_url": "https://app.example/launch"},
            {"launch_url": "http://localhost/launch", "world": "mars"},
        ):
            answer = browser.get("/sandbox/launch", query | {"format": "json"})
            assert (answer.status_code, answer.json()["error"]) == (400, "launch_impossible")
        world = {"launch_url": "http://localhost/launch", "world": "bcp", "format": "json"}
        assert "/sandbox/bcp/" in browser.get("/sandbox/launch", world).json()["iss"]


class TestRegisteringItLater:
    def test_nothing_of_the_trial_stays(self, tried: App, browser: Browser) -> None:
        allowed(browser, tried.authorize(browser))
        with pytest.raises(CommandError, match="JWKS URL"):
            sandbox_client(tried.client_id, f"--redirect-uri={REDIRECT_URI}")
        register(tried.client_id, tried.server)
        assert tried.record.auth_method == "private_key_jwt"
        assert tried.authorize(browser, scope=STANDALONE_SCOPE).status_code == 400

    def test_form_and_command_offer_no_such_record(self, db: None, browser: Browser) -> None:
        page = browser.get("/sandbox/clients/register").content.decode()
        assert 'value="any"' not in page
        assert 'value="loose"' not in page
        with pytest.raises(CommandError, match="invalid choice"):
            sandbox_client("x", "--kind=web", "--profile=loose")
