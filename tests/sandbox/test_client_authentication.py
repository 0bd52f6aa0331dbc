"""How the other kinds of clients authenticate: Basic, public, 2-legged (S21 to S23, S29)."""

import base64
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from smartapp.sandbox.access import Bearer
from smartapp.sandbox.models import Client, RequestRecord, Token
from tests.sandbox.conftest import (
    OAUTH,
    REDIRECT_URI,
    WITHOUT,
    App,
    KeyServer,
    assert_refused,
    sandbox_client,
)

SECRET = "s3cr3t+ with:colon and % and é"
SERVICE_SCOPE = "system/Patient.rs system/Observation.rs"


def basic(client_id: str, secret: str) -> str:
    """Both parts form-encoded, joined, then base64 (RFC 6749 §2.3.1)."""
    joined = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(joined.encode()).decode()


def ask(browser: Browser, authorization: str | None = None, **changes: Any) -> Any:
    fields = {"grant_type": "client_credentials", "scope": SERVICE_SCOPE} | changes
    kept = {name: value for name, value in fields.items() if value is not WITHOUT}
    headers = {"Authorization": authorization} if authorization else {}
    form = "application/x-www-form-urlencoded"
    return browser.post(f"{OAUTH}/token", urlencode(kept), content_type=form, headers=headers)


@pytest.fixture
def service(db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SERVICE_SECRET", SECRET)
    sandbox_client("my: service", "--kind=service", "--client-secret-env=SERVICE_SECRET")
    return "my: service"


class TestBasic:
    """S22, E1, E2, E7."""

    def test_service_gets_an_access_token_and_nothing_else(
        self, service: str, browser: Browser
    ) -> None:
        """S29, S33, S34."""
        answer = ask(browser, basic(service, SECRET))
        body = answer.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert (body["expires_in"], body["scope"]) == (3600, SERVICE_SCOPE)
        access = Bearer(body["access_token"]).access
        assert access is not None
        assert (access.patient, access.fhirUser) == (None, None)

    def test_unknown_client_and_wrong_secret_sound_alike(
        self, service: str, browser: Browser
    ) -> None:
        """T31."""
        unknown = ask(browser, basic("nobody", SECRET))
        wrong = ask(browser, basic(service, "wrong"))
        assert_refused(unknown, 401, "invalid_client", "unknown, or its secret is wrong")
        assert unknown.content == wrong.content
        assert wrong["WWW-Authenticate"].startswith("Basic")

    @pytest.mark.parametrize(
        "header",
        [
            "Basic !!!",
            "Basic YQ",
            "Basic YWJj",
            "Basic /////w==",
            "Basic JUZGOiVGRg==",
            "Basic \x80",
            "Basic",
        ],
    )
    def test_header_that_cannot_be_decoded(
        self, service: str, browser: Browser, header: str
    ) -> None:
        answer = ask(browser, header)
        assert_refused(answer, 400, "invalid_request", "cannot be decoded")

    def test_another_scheme(self, service: str, browser: Browser) -> None:
        assert_refused(ask(browser, "Bearer abc"), 401, "invalid_client", "not Basic")

    def test_secret_in_the_body(self, service: str, browser: Browser) -> None:
        """The mistake that athenahealth's page warns of."""
        answer = ask(browser, client_id=service, client_secret=SECRET)
        assert_refused(answer, 401, "invalid_client", "not in the body")

    def test_both_at_once(self, service: str, browser: Browser) -> None:
        answer = ask(browser, basic(service, SECRET), client_id=service, client_secret=SECRET)
        assert_refused(answer, 400, "invalid_request", "more than one way")

    def test_nothing_at_all(self, service: str, browser: Browser) -> None:
        """E1."""
        assert_refused(ask(browser), 401, "invalid_client", "no client credentials")
        answer = ask(browser, client_id=service)
        assert_refused(answer, 401, "invalid_client", "no client credentials")

    def test_secret_is_stored_as_a_keyed_digest(self, service: str) -> None:
        assert SECRET not in str(Client.objects.values())

    def test_client_id_that_no_database_takes(self, service: str, browser: Browser) -> None:
        assert_refused(ask(browser, basic("a\x00", SECRET)), 401, "invalid_client", "unknown")


class TestClientCredentials:
    """S21, S29."""

    @pytest.mark.parametrize(
        "scope",
        [WITHOUT, "", "patient/Patient.rs", "openid", "system/Patient.x", "system/Patinet.rs"],
    )
    def test_scope_that_is_not_its_own(self, service: str, browser: Browser, scope: object) -> None:
        answer = ask(browser, basic(service, SECRET), scope=scope)
        assert_refused(answer, 400, "invalid_scope", "scope")
        assert RequestRecord.objects.get().rule == "S29"

    def test_log_says_for_which_scopes_there_is_nothing(
        self, service: str, browser: Browser
    ) -> None:
        """A scope of a FHIR type is granted even if the sandbox has no data of it (S56)."""
        answer = ask(browser, basic(service, SECRET), scope="system/Flag.rs system/Patient.rs")
        assert answer.json()["scope"] == "system/Flag.rs system/Patient.rs"
        row = RequestRecord.objects.get()
        assert (row.accepted, row.reason) == (True, "No resources here for the scopes of: Flag.")

    def test_scope_beyond_the_registration(self, service: str, browser: Browser) -> None:
        """S29."""
        sandbox_client(service, "--kind=service", "--scope=system/Patient.rs")
        answer = ask(browser, basic(service, SECRET), scope="system/Patient.rs")
        assert (answer.status_code, answer.json()["scope"]) == (200, "system/Patient.rs")
        refused = ask(browser, basic(service, SECRET), scope=SERVICE_SCOPE)
        assert_refused(refused, 400, "invalid_scope", "not registered for this client")

    def test_athenas_own_service_scope(self, service: str, browser: Browser) -> None:
        answer = ask(browser, basic(service, SECRET), scope="athena/service/Athenanet.MDP.*")
        assert answer.status_code == 200

    def test_three_legged_grants_are_refused(self, service: str, browser: Browser) -> None:
        for grant_type in ("authorization_code", "refresh_token"):
            answer = ask(browser, basic(service, SECRET), grant_type=grant_type)
            assert_refused(answer, 400, "unauthorized_client", grant_type)


NO_ASSERTION = {"client_assertion": WITHOUT, "client_assertion_type": WITHOUT}


class TestPublic:
    """S13, S28."""

    @pytest.fixture
    def public(self, app: App) -> App:
        sandbox_client("browser-app", "--kind=public", f"--redirect-uri={REDIRECT_URI}")
        return App("browser-app", app.key, app.server)

    def test_names_itself_and_proves_the_verifier(self, public: App, browser: Browser) -> None:
        code = public.allowed(browser)
        itself = {
            "client_id": "browser-app",
            "client_assertion": WITHOUT,
            "client_assertion_type": WITHOUT,
        }
        without = public.exchange(browser, code, **itself, code_verifier=WITHOUT)
        assert_refused(without, 400, "invalid_request", "code_verifier is missing: the value")
        nameless = public.exchange(browser, code, **itself | {"client_id": WITHOUT})
        assert_refused(nameless, 401, "invalid_client", "sends its client_id in the body")
        answer = public.exchange(browser, code, **itself)
        assert answer.status_code == 200
        again = public.refresh(browser, answer.json()["refresh_token"], **itself)
        assert again.status_code == 200

    @pytest.mark.parametrize("name", [WITHOUT, "", "browser-app"])
    def test_refresh_and_revocation_need_no_client_id(
        self, public: App, browser: Browser, name: Any
    ) -> None:
        """The token identifies its client (RFC 6749 §6); a client with a secret authenticates."""
        itself = {"client_id": "browser-app"} | NO_ASSERTION
        tokens = public.exchange(browser, public.allowed(browser), **itself).json()
        again = public.refresh(
            browser, tokens["refresh_token"], **NO_ASSERTION, client_id=name
        ).json()
        assert again["access_token"]
        revoked = public.post(browser, "revoke", {"token": again["refresh_token"]})
        assert revoked.status_code == 200
        ended = public.refresh(browser, again["refresh_token"], **NO_ASSERTION)
        assert_refused(ended, 400, "invalid_grant", "revoked")

    def test_token_of_another_kind_of_client_proves_nothing(
        self, app: App, browser: Browser
    ) -> None:
        tokens = app.exchange(browser, app.allowed(browser)).json()
        answer = app.refresh(browser, tokens["refresh_token"], **NO_ASSERTION)
        assert_refused(answer, 401, "invalid_client", "no client credentials")
        answer = app.post(browser, "revoke", {"token": tokens["refresh_token"]})
        assert_refused(answer, 401, "invalid_client", "no client credentials")

    @pytest.mark.parametrize(("profile", "rotates"), [("athena", 0), ("strict", 1), ("bcp", 1)])
    def test_refresh_tokens_rotate(
        self, public: App, browser: Browser, profile: str, rotates: bool
    ) -> None:
        """A second use of the old one ends the family (S31, RFC 9700 §4.14.2)."""
        Client.objects.update(profile=profile)
        itself = {"client_id": "browser-app"} | NO_ASSERTION
        first = public.exchange(browser, public.allowed(browser), **itself).json()
        old = first["refresh_token"]
        second = public.refresh(browser, old, **itself, scope=first["scope"]).json()
        assert (second["refresh_token"] != old) is bool(rotates)
        again = public.refresh(browser, old, **itself, scope=first["scope"])
        assert again.status_code == (400 if rotates else 200)
        new = public.refresh(browser, second["refresh_token"], **itself, scope=first["scope"])
        assert new.status_code == (400 if rotates else 200)

    def test_challenge_is_required_by_any_rules(self, public: App, browser: Browser) -> None:
        Client.objects.update(profile="athena")
        page = public.authorize(browser, code_challenge=WITHOUT, code_challenge_method=WITHOUT)
        assert "code_challenge+is+missing" in page["Location"]

    def test_cannot_introspect(self, public: App, browser: Browser) -> None:
        fields = {"client_id": "browser-app", "token": "t"}
        answer = public.post(browser, "introspect", fields)
        assert_refused(answer, 401, "invalid_client", "public client")


class TestCommand:
    """S5, S6, C3."""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--kind=public", "--auth-method=private_key_jwt", "--redirect-uri=a:b"], "Public"),
            (["--kind=web", "--auth-method=none", f"--redirect-uri={REDIRECT_URI}"], "Public"),
            (["--kind=web", f"--redirect-uri={REDIRECT_URI}"], "needs either a JWKS URL"),
            (["--kind=web", "--jwks-url=https://a.example/k"], "need a redirect URI"),
            (["--kind=service", "--jwks-url=ftp://a.example/k"], "not an absolute"),
            (["--kind=service", "--jwks-url=https://a.example/#k"], "not an absolute"),
            (["--kind=service", "--client-secret-env=UNSET"], "is empty"),
            (["--kind=service", "--jwks-file=/nowhere"], "not usable"),
            (
                ["--kind=service", "--jwks-url=https://a.example/k", "--scope=openid"],
                "which has system/ and athena/service/ scopes",
            ),
            (["--kind=public", "--redirect-uri=https://a.example/*"], "redirect URI"),
            (["--kind=public", "--redirect-uri=https://a.example/#x"], "without #"),
            (["--kind=public", "--redirect-uri=/callback"], "redirect URI"),
            (["--kind=public", "--redirect-uri=javascript:alert(1)"], "does not lead"),
            (["--kind=public", "--redirect-uri=a:b", "--access-token-seconds=0"], "positive"),
            (["--auth-method=client_secret_post"], "choose from '?private_key_jwt"),
            (["--profile=athenahealth"], "choose from '?athena'?, '?strict"),
            (["--kind=public", "--redirect-uri=a:b", f"--name={'n' * 300}"], "200"),
        ],
    )
    def test_record_that_cannot_be(self, db: None, options: list[str], words: str) -> None:
        with pytest.raises(CommandError, match=words):
            call_command("sandbox_client", "x", *options)
        assert not Client.objects.exists()

    def test_prints_what_a_developer_needs(self, db: None) -> None:
        record = sandbox_client("native", "--kind=public", "--redirect-uri=my.app:/callback")
        assert record["token_endpoint"] == f"http://127.0.0.1:8000{OAUTH}/token"
        assert record["auth_method"] == "none"
        assert record["assertion_audience"] == record["token_endpoint"]
        assert record["introspection_endpoint"].endswith("/oauth2/v1/introspect")
        assert record["revocation_endpoint"].endswith("/oauth2/v1/revoke")

    @pytest.mark.parametrize(
        ("url", "warning"),
        [("https://a.example/k", ""), ("http://localhost/k", ""), ("http://a.example/k", "https")],
    )
    def test_warns_of_keys_that_are_never_fetched(self, db: None, url: str, warning: str) -> None:
        """S50."""
        record = sandbox_client("x", "--kind=service", f"--jwks-url={url}")
        assert warning in record["warning"]
        assert bool(record["warning"]) is bool(warning)

    def test_kind_is_said_once(self, app: App) -> None:
        """S5."""
        assert sandbox_client("app-web", "--name=mine")["kind"] == "web"
        with pytest.raises(CommandError, match="--kind"):
            call_command("sandbox_client", "stranger", "--name=mine")

    def test_updates_the_record_and_forgets_its_old_keys(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        app.exchange(browser, app.allowed(browser))
        assert app.record.jwks
        Token.objects.all().delete()
        sandbox_client(
            "app-web", "--kind=web", f"--jwks-url={key_server.url}",
            f"--redirect-uri={REDIRECT_URI}", "--name=Renamed",
        )  # fmt: skip
        assert (app.record.name, app.record.jwks) == ("Renamed", None)
