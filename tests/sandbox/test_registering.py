"""Another developer registers an app by the form, and sees the results of its requests (S56)."""

import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from joserfc.jwk import ECKey

from smartapp.sandbox import client_keys
from smartapp.sandbox.models import Client, RequestRecord, Token
from tests.sandbox.conftest import (
    FHIR_BASE,
    REDIRECT_URI,
    App,
    KeyServer,
    assert_refused,
    post_form,
    register,
    sandbox_client,
)

PATH = "/sandbox/clients/register"
USUAL = {
    "name": "Growth Chart",
    "kind": "public",
    "world": "production",
    "auth_method": "none",
    "redirect_uris": REDIRECT_URI,
    "profile": "strict",
    "access_token_seconds": "3600",
    "token_requests_per_minute": "0",
}


def register_by_form(browser: Browser, query: str = "", **changes: Any) -> Any:
    form = browser.get(PATH + query).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    return post_form(browser, PATH + query, {**USUAL, "csrfmiddlewaretoken": token[1], **changes})


def key_set(*keys: ECKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


@pytest.mark.usefixtures("transactional_db")
class TestForm:
    def test_tells_what_to_configure(self, browser: Browser) -> None:
        page = register_by_form(browser, launch_url="https://app.example/launch")
        assert page.status_code == 200
        client = Client.objects.get()
        text = page.content.decode()
        assert re.fullmatch(r"0oa[A-Za-z0-9]{8,17}", client.client_id)
        for value in (client.client_id, FHIR_BASE, f"{FHIR_BASE}/.well-known", "Launch it"):
            assert value in text

    def test_several_redirect_uris_stand_on_lines(self, browser: Browser) -> None:
        register_by_form(browser, redirect_uris=f"{REDIRECT_URI}\r\nmy.app:/callback\r\n")
        assert Client.objects.get().redirect_uris == [REDIRECT_URI, "my.app:/callback"]

    def test_secret_is_made_and_shown_once(self, browser: Browser) -> None:
        """S22."""
        page = register_by_form(
            browser, kind="service", auth_method="client_secret_basic", redirect_uris=""
        ).content.decode()
        found = re.search(r'class="card secret">.*?<code>([\w-]{43})</code>', page, re.DOTALL)
        assert found
        client = Client.objects.get()
        assert client.check_client_secret(found[1])
        again = browser.get("/sandbox/client", {"client_id": client.client_id})
        assert found[1] not in again.content.decode()

    def test_pasted_key_set_is_kept_without_what_is_no_key(
        self, browser: Browser, ec_key: ECKey
    ) -> None:
        """S6."""
        fields = {"kind": "web", "auth_method": "private_key_jwt"}
        page = register_by_form(browser, **fields, jwks=key_set(ec_key)).content.decode()
        assert str(ec_key.kid) in page
        jwks = Client.objects.get().jwks
        assert jwks is not None
        assert [key["kid"] for key in jwks["keys"]] == [ec_key.kid]

    def test_sixth_key_is_warned_of(self, browser: Browser) -> None:
        """A recommendation, not an error (S6)."""
        keys = [ECKey.generate_key("P-256", auto_kid=True) for _ in range(6)]
        fields = {"kind": "web", "auth_method": "private_key_jwt"}
        page = register_by_form(browser, **fields, jwks=key_set(*keys))
        assert page.status_code == 200
        assert "6 keys; one to 5 are recommended" in page.content.decode()

    def test_record_is_changed_and_a_given_secret_stays(self, browser: Browser) -> None:
        fields = {"kind": "web", "auth_method": "client_secret_basic"}
        register_by_form(browser, **fields)
        client = Client.objects.get()
        query = f"?client_id={client.client_id}"
        assert REDIRECT_URI in browser.get(PATH + query).content.decode()
        page = register_by_form(browser, query, **fields, name="Renamed", quirks=["token-jwt"])
        assert b"Client secret" not in page.content
        changed = Client.objects.get()
        assert (changed.name, changed.quirks) == ("Renamed", "token-jwt")
        assert changed.secret_digest == client.secret_digest

    def test_lost_secret_is_replaced_by_a_wish(self, browser: Browser) -> None:
        """The old one ends; without the checkbox, saving does not make a new one (S22)."""
        fields = {"kind": "web", "auth_method": "client_secret_basic"}
        register_by_form(browser, **fields)
        before = Client.objects.get()
        query = f"?client_id={before.client_id}"
        assert b"Make a new client secret" in browser.get(PATH + query).content
        page = register_by_form(browser, query, **fields, new_secret="on").content.decode()
        found = re.search(r'class="card secret">.*?<code>([\w-]{43})</code>', page, re.DOTALL)
        assert found
        assert Client.objects.get().check_client_secret(found[1])
        assert Client.objects.get().secret_digest != before.secret_digest
        assert b"Make a new client secret" not in browser.get(PATH).content

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--kind=public", f"--redirect-uri={REDIRECT_URI}"),
             ["client_id=mine", "authorization_code", REDIRECT_URI, "code_verifier"]),
            (("--kind=service", "--jwks-url=https://app.example/k", "--scope=system/Patient.rs"),
             ["$ASSERTION", "client_credentials", "scope=system/Patient.rs", "jti"]),
            (("--kind=service", "--client-secret-env=SECRET_OF_MINE"), ["-u &#x27;mine:"]),
        ],
    )  # fmt: skip
    def test_page_shows_a_token_request(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...],
        words: list[str],
    ) -> None:  # fmt: skip
        monkeypatch.setenv("SECRET_OF_MINE", "its own")
        sheet = sandbox_client("mine", *options)
        page = browser.get("/sandbox/client", {"client_id": "mine"}).content.decode()
        example = page.partition("<pre")[2].partition("</pre>")[0]
        for word in (*words, "curl", sheet["token_endpoint"]):
            assert word in example
        assert "its own" not in page

    def test_taken_client_id(self, browser: Browser) -> None:
        register_by_form(browser, client_id="mine")
        page = register_by_form(browser, client_id="mine", name="Thief")
        assert page.status_code == 422
        assert "This client id is taken." in page.content.decode()
        assert Client.objects.get().name == "Growth Chart"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"name": ""}, "This field is required."),
            ({"name": "a\x00b"}, "Null characters are not allowed."),
            ({"kind": "other"}, "Select a valid choice."),
            ({"auth_method": "private_key_jwt"}, "Public apps, and only they"),
            ({"kind": "web", "auth_method": "private_key_jwt"}, "either a JWKS URL"),
            ({"jwks_url": "https://app.example/k"}, "either a JWKS URL"),
            ({"redirect_uris": ""}, "need a redirect URI"),
            ({"redirect_uris": "https://app.example/#x"}, "not an absolute redirect URI"),
            ({"redirect_uris": "https:///callback"}, "names no host"),
            ({"redirect_uris": "http://[::1/callback"}, "is not a URL"),
            ({"redirect_uris": "javascript:alert(1)"}, "does not lead to an app"),
            ({"post_logout_redirect_uris": "/signed-out"}, "not an absolute redirect URI"),
            ({"launch_url": "my.app:/launch"}, "not an absolute http(s) URL"),
            ({"scope": "patient/Nothing"}, "does not exist for this kind of app"),
            ({"access_token_seconds": "0"}, "At least 1 second."),
            ({"jwks": "nonsense"}, "it is not JSON"),
            ({"jwks": '{"keys": []}'}, "no key that can be used"),
            ({"jwks": '{"keys": [{"kty": "EC", "d": "x"}]}'}, "publishes a private key"),
            ({"client_id": "mein-gerät"}, "without accents"),
            ({"quirks": "nonsense"}, "Select a valid choice."),
        ],
    )
    def test_says_what_cannot_be(
        self, browser: Browser, changes: dict[str, str], words: str
    ) -> None:
        page = register_by_form(browser, **changes)
        assert page.status_code == 422
        text = page.content.decode()
        assert words in text
        assert 'role="alert"' in text
        assert not Client.objects.exists()

    def test_says_all_that_cannot_be_at_once(self, browser: Browser) -> None:
        changes = {
            "name": "", "access_token_seconds": "0", "redirect_uris": "nowhere",
            "launch_url": "nowhere", "post_logout_redirect_uris": "nowhere",
            "client_id": "mein-gerät", "scope": "nonsense",
        }  # fmt: skip
        page = register_by_form(browser, **changes)
        assert page.status_code == 422
        alert = page.content.decode().partition('role="alert"')[2].partition("</p>")[0]
        for name in changes:
            assert f'href="#id_{name}"' in alert, name
        assert alert.count("<a ") == len(changes)
        assert not Client.objects.exists()

    def test_warns_of_types_that_are_not_kept_here(self, browser: Browser) -> None:
        page = register_by_form(browser, scope="patient/Flag.rs patient/*.rs patient/Patient.rs")
        assert page.status_code == 200
        text = page.content.decode()
        assert text.count("There are no resources of the type") == 1
        assert "the type <code>Flag</code>" in text

    def test_another_site_cannot_post_it(self, browser: Browser) -> None:
        assert post_form(browser, PATH, USUAL).status_code == 403
        assert not Client.objects.exists()

    def test_nobody_under_this_id(self, browser: Browser) -> None:
        for client_id in ("stranger", "a\x00b"):
            page = browser.get("/sandbox/client", {"client_id": client_id})
            assert page.status_code == 404
            assert b"There is no such app" in page.content
            assert b'<a href="/sandbox/clients">Apps that' in page.content


class TestWindow:
    def test_accepted_request_names_every_rule_that_it_kept(
        self, app: App, browser: Browser
    ) -> None:
        app.exchange(browser, app.allowed(browser))
        page = browser.get("/sandbox/client", {"client_id": app.client_id}).content.decode()
        for rule in ("S10", "S12", "S13", "S24", "S25", "S26", "S27", "S28"):
            assert f"Kept {rule}" in page

    def test_refused_read_of_the_api_is_there_too(self, app: App, browser: Browser) -> None:
        """S61."""
        token = app.exchange(browser, app.allowed(browser)).json()["access_token"]
        browser.get(f"{FHIR_BASE}/Condition/x", headers={"Authorization": f"Bearer {token}"})
        page = browser.get("/sandbox/client", {"client_id": app.client_id}).content.decode()
        assert "Refused by S61" in page
        assert token not in page

    def test_log_says_what_the_api_does_not(self, app: App, browser: Browser) -> None:
        """The API answers in a gateway's words; the client's page gives the reason (E14)."""
        tokens = app.exchange(browser, app.allowed(browser)).json()
        ended = app.exchange(browser, app.allowed(browser)).json()["access_token"]
        app.post(browser, "revoke", {"token": ended} | app.authentication())

        def reason(token: str, world: str = "") -> tuple[str, str]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            path = f"/sandbox/{world}fhir/r4/Patient/{tokens['patient']}"
            assert b"Developer Inactive" in browser.get(path, headers=headers).content
            row = RequestRecord.objects.latest("pk")
            return row.client_id, row.reason

        good, mine = tokens["access_token"], app.client_id
        assert reason("") == ("", "The request carries no bearer token in an Authorization header.")
        assert reason("made-up") == ("", "Nobody was ever given this token here.")
        assert reason(ended) == (mine, "It was revoked.")
        assert reason(tokens["refresh_token"])[1].startswith("It is a refresh token")
        assert reason(good, "preview/") == (mine, "It is a token of the world production.")
        Token.objects.update(expires_at=timezone.now())
        assert reason(good) == (mine, "It is expired.")

    def test_keys_are_fetched_by_a_button(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """So a developer sees before a launch whether the key set can be reached (S52, S56)."""
        path = f"/sandbox/client/keys?client_id={app.client_id}"
        page = browser.get("/sandbox/client", {"client_id": app.client_id}).content.decode()
        assert path in page
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        for _ in range(client_keys.REFETCHES_PER_MINUTE + 2):
            answer = post_form(browser, path, {"csrfmiddlewaretoken": token[1]})
        assert answer["Location"] == f"/sandbox/client?client_id={app.client_id}"
        assert str(app.key.kid) in browser.get(answer["Location"]).content.decode()
        assert key_server.requests == client_keys.REFETCHES_PER_MINUTE
        assert post_form(browser, path, {}).status_code == 403
        nobody = post_form(browser, path + "x", {"csrfmiddlewaretoken": token[1]})
        assert nobody.status_code == 404

    @pytest.mark.parametrize("private", [False, True])
    def test_keys_are_looked_at_when_their_url_is_registered(
        self, app: App, browser: Browser, key_server: KeyServer, private: bool
    ) -> None:
        """A URL without keys only causes a warning: the app may not be running yet (S50, S56)."""
        key = app.key.as_dict(private=private)
        key_server.body = json.dumps({"keys": [key]}).encode()
        fields = {"kind": "web", "auth_method": "private_key_jwt", "jwks_url": key_server.url}
        page = register_by_form(browser, **fields)
        assert page.status_code == 200
        assert ("it publishes a private key" in page.content.decode()) is private
        dead = fields | {"jwks_url": "http://192.0.2.1/jwks.json"}
        assert "is not public" in register_by_form(browser, **dead).content.decode()

    def test_log_says_what_the_answer_does_not(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """The answer tells a guesser nothing; the log tells the app's developer (E1, E2)."""

        def reason(fields: dict[str, str], basic: str = "") -> str:
            headers = {"Authorization": "Basic " + b64encode(basic.encode()).decode()}
            form = "application/x-www-form-urlencoded"
            answer = browser.post(
                "/sandbox/oauth2/v1/token", urlencode({"grant_type": "x"} | fields),
                content_type=form, headers=headers if basic else {},
            )  # fmt: skip
            assert answer.status_code == 401
            assert "registered" not in answer.json()["error_description"]
            return RequestRecord.objects.latest("pk").reason

        fields = {"grant_type": "refresh_token"}
        assert "for private_key_jwt; what came was a Basic" in reason(fields, "app-web:x")
        assert "for private_key_jwt; what came was its client_id" in reason(
            fields | {"client_id": "app-web"}
        )
        assert reason(fields, "nobody:x") == "No app is registered here under this client_id."
        sandbox_client(app.client_id, "--kind=web", "--world=strict")
        elsewhere = reason(fields, "app-web:x")
        assert "in the world strict" in elsewhere
        assert elsewhere.endswith("/sandbox/strict/fhir/r4.")
        assert "in the world strict" in reason(fields | app.authentication())

    def test_refusal_page_shows_what_was_sent_beside_what_is_registered(
        self, app: App, browser: Browser
    ) -> None:
        """S10."""
        wrong = f"{app.redirect_uri}/"
        page = app.authorize(browser, redirect_uri=wrong).content.decode()
        assert f"<code>{wrong}</code>" in page
        assert f"<code>{app.redirect_uri}</code>" in page
        assert f"/sandbox/client?client_id={app.client_id}" in page
        sandbox_client(app.client_id, "--kind=web", "--world=bcp")
        assert "registered in the world bcp" in app.authorize(browser).content.decode()

    def test_failed_fetch_of_keys_says_why(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        """S56."""
        key_server.status = 503
        refused = app.exchange(browser, app.allowed(browser))
        assert_refused(refused, 401, "invalid_client", "503")
        page = browser.get("/sandbox/client", {"client_id": app.client_id}).content.decode()
        assert "the URL answers with status 503" in page

    def test_page_may_fetch_itself_and_nothing_else(self, app: App, browser: Browser) -> None:
        for path in ("/sandbox/requests", f"/sandbox/client?client_id={app.client_id}"):
            policy = browser.get(path)["Content-Security-Policy"]
            assert "connect-src 'self'" in policy


def test_imported_record_is_shown_as_it_is(
    app: App, key_server: KeyServer, browser: Browser
) -> None:
    register(app.client_id, key_server, "--quirk=refresh-rotates", "--world=preview")
    page = browser.get(f"{PATH}?client_id={app.client_id}").content.decode()
    assert key_server.url in page
    assert '<option value="preview" selected>' in page


@pytest.mark.usefixtures("transactional_db")
def test_page_says_whether_it_is_new_or_changed(browser: Browser) -> None:
    new = register_by_form(browser, client_id="mine").content.decode()
    assert "Registered. Configure the app" in new
    changed = register_by_form(browser, "?client_id=mine", name="Renamed").content.decode()
    assert "Saved. Configure the app" in changed


def test_command_prints_no_warning_that_says_nothing(
    transactional_db: None, key_server: KeyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--kind=service", f"--jwks-url={key_server.url}")
    call_command("sandbox_client", "mine", *options)
    assert "warning" not in capsys.readouterr().out


class TestUpdateByCommand:
    """Options that are not given stay as they are; an empty value removes one (S5)."""

    FULL = (
        "--name=Growth Chart", f"--redirect-uri={REDIRECT_URI}", "--scope=launch openid",
        "--launch-url=https://app.example/launch", "--standalone-url=https://app.example/go",
        "--post-logout-redirect-uri=https://app.example/bye", "--profile=athena",
        "--world=preview", "--access-token-seconds=60", "--token-requests-per-minute=5",
        "--quirk=token-jwt", "--quirk=refresh-rotates",
    )  # fmt: skip

    @pytest.fixture
    def before(self, transactional_db: None, key_server: KeyServer) -> dict[str, Any]:
        return sandbox_client("mine", "--kind=web", f"--jwks-url={key_server.url}", *self.FULL)

    def test_nothing_given_changes_nothing(self, before: dict[str, Any]) -> None:
        assert sandbox_client("mine", "--kind=web") == before

    @pytest.mark.parametrize(
        ("option", "member", "value"),
        [
            ("--name=Renamed", "name", "Renamed"),
            ("--profile=bcp", "profile", "bcp"),
            ("--scope=launch", "scope", "launch"),
            ("--scope=", "scope", ""),
            ("--launch-url=", "launch_url", ""),
            ("--redirect-uri=app:/x", "redirect_uris", ["app:/x"]),
            ("--post-logout-redirect-uri=", "post_logout_redirect_uris", []),
            ("--quirk=", "quirks", ""),
            ("--quirk=token-500", "quirks", "token-500"),
            ("--access-token-seconds=90", "access_token_seconds", 90),
            ("--token-requests-per-minute=0", "token_requests_per_minute", 0),
        ],
    )
    def test_what_is_given_is_changed_alone(
        self, before: dict[str, Any], option: str, member: str, value: object
    ) -> None:
        after = sandbox_client("mine", "--kind=web", option)
        changed = {name for name in before if after[name] != before[name]}
        assert changed - {"assertion_audience"} == {member}
        assert after[member] == value

    def test_secret_stays_and_a_new_way_replaces_the_old(
        self, before: dict[str, Any], key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_OF_MINE", "secret")
        after = sandbox_client("mine", "--kind=web", "--client-secret-env=SECRET_OF_MINE")
        assert (after["auth_method"], after["jwks_url"]) == ("client_secret_basic", "")
        sandbox_client("mine", "--kind=web", "--name=Renamed")
        assert Client.objects.get().check_client_secret("secret")
        again = sandbox_client("mine", "--kind=web", f"--jwks-url={key_server.url}")
        assert (again["auth_method"], again["jwks_url"]) == ("private_key_jwt", key_server.url)
        assert not Client.objects.get().secret_digest
        with pytest.raises(CommandError, match="needs a client secret"):
            sandbox_client("mine", "--kind=web", "--auth-method=client_secret_basic")

    def test_fetched_copy_of_a_key_set_is_no_imported_one(self, app: App, browser: Browser) -> None:
        app.exchange(browser, app.allowed(browser))
        assert app.record.jwks
        sandbox_client(app.client_id, "--kind=web", "--name=Renamed")
        assert app.exchange(browser, app.allowed(browser)).status_code == 200

    def test_app_of_another_kind_is_another_app(self, before: dict[str, Any]) -> None:
        """None of its data would fit: a service has no redirect URIs, a public app no keys."""
        after = sandbox_client("mine", "--kind=public", "--redirect-uri=app:/x")
        assert (after["auth_method"], after["jwks_url"], after["name"]) == ("none", "", "mine")
        assert (after["profile"], after["quirks"], after["world"]) == ("strict", "", "production")

    def test_world_with_rules_of_its_own_brings_them(self, before: dict[str, Any]) -> None:
        after = sandbox_client("mine", "--kind=web", "--world=bcp")
        assert (after["world"], after["profile"]) == ("bcp", "bcp")
        with pytest.raises(CommandError, match="the rules are bcp"):
            sandbox_client("mine", "--kind=web", "--profile=athena")
