"""Every sentence of athenahealth's "Token Endpoint" page that states a behaviour, over real HTTP.

The R numbers are those of reference.py; every app here follows athena's own rules (its profile).
"""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management.base import CommandError
from django.test import Client as Browser
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from smartapp.sandbox.models import Token
from tests.sandbox.conftest import (
    FHIR_BASE,
    ISSUER,
    OAUTH,
    REDIRECT_URI,
    STANDALONE_SCOPE,
    WITHOUT,
    App,
    KeyServer,
    assert_refused,
    post_form,
    register,
    sandbox_client,
)
from tests.sandbox.over_http import BrowserOverHTTP

AUDIENCE = f"{ISSUER}/v1/token"
SERVICE_SCOPE = "athena/service/Athenanet.MDP.*"
SERVICE = {"grant_type": "client_credentials", "scope": SERVICE_SCOPE}
SECRET = "athena-secret"
FORM = "application/x-www-form-urlencoded"


class AthenaApp(App):
    """An app that uses athena's own audience, and names its scopes in every refresh."""

    def assertion(self, **changes: Any) -> str:
        return super().assertion(**({"aud": AUDIENCE} | changes))

    def tokens(self, browser: Browser, **changes: Any) -> dict[str, Any]:
        answer = self.exchange(browser, self.allowed(browser, **changes))
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def app(transactional_db: None, ec_key: ECKey, key_server: KeyServer) -> AthenaApp:
    """A 3-legged web app with a self-hosted JWKS URL."""
    register("app-web", key_server, "--profile=athena")
    return AthenaApp("app-web", ec_key, key_server)


@pytest.fixture
def public(transactional_db: None, ec_key: ECKey, key_server: KeyServer) -> AthenaApp:
    sandbox_client(
        "app-public", "--kind=public", "--profile=athena", f"--redirect-uri={REDIRECT_URI}"
    )
    return AthenaApp("app-public", ec_key, key_server)


@pytest.fixture
def service(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A 2-legged app with a client secret; the value is its Authorization header."""
    monkeypatch.setenv("SERVICE_SECRET", SECRET)
    sandbox_client(
        "service", "--kind=service", "--profile=athena", "--client-secret-env=SERVICE_SECRET"
    )
    return "Basic " + base64.b64encode(f"service:{SECRET}".encode()).decode()


@pytest.fixture
def signing_service(transactional_db: None, ec_key: ECKey, key_server: KeyServer) -> AthenaApp:
    """A 2-legged app with a self-hosted JWKS URL."""
    url = f"--jwks-url={key_server.url}"
    sandbox_client("service-jwt", "--kind=service", "--profile=athena", url)
    return AthenaApp("service-jwt", ec_key, key_server)


def imported(folder: Path, key: Key, client_id: str, kind: str, *options: str) -> dict[str, Any]:
    """Register an app with an imported key set."""
    document = folder / "jwks.json"
    document.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    options = (f"--kind={kind}", "--profile=athena", f"--jwks-file={document}", *options)
    return sandbox_client(client_id, *options)


def ask(browser: Browser, authorization: str | None = None, **fields: Any) -> Any:
    """Send a token request; without fields, the 2-legged one of the page."""
    headers = {"Authorization": authorization} if authorization else {}
    body = urlencode(fields or SERVICE)
    return browser.post(f"{OAUTH}/token", body, content_type=FORM, headers=headers)


def read_patient(browser: Browser, tokens: dict[str, Any], **headers: str) -> Any:
    sent = headers or {"Authorization": f"Bearer {tokens['access_token']}"}
    return browser.get(f"{FHIR_BASE}/Patient/{tokens['patient']}", headers=sent)


class TestSequence:
    def test_token_endpoint_is_posted_to(self, service: str, browser: Browser) -> None:
        """R1, S1, S20: "[ POST ] /oauth2/v1/token"."""
        assert ask(browser, service).status_code == 200
        refused = browser.get(f"{OAUTH}/token", SERVICE, headers={"Authorization": service})
        assert (refused.status_code, refused["Allow"]) == (405, "POST")

    @pytest.mark.parametrize("path", ["Patient/a-1.E-1001", "Observation?patient=a-1.E-1001"])
    def test_api_needs_a_bearer_token(self, browser: Browser, path: str) -> None:
        """R2, E14, S60, S61: "must be provided as a bearer token with any request to an API"."""
        refused = browser.get(f"{FHIR_BASE}/{path}")
        assert refused.status_code == 401
        assert refused["WWW-Authenticate"].startswith("Bearer")

    def test_two_legged_calls_the_token_endpoint_directly(
        self, service: str, browser: Browser
    ) -> None:
        """R3, S21: "can call the token endpoint directly"."""
        assert ask(browser, service).status_code == 200

    @pytest.mark.parametrize(
        ("user", "scope"), [("patient", STANDALONE_SCOPE), ("clinician", STANDALONE_SCOPE)]
    )
    def test_three_legged_asks_an_end_user_first(
        self, app: AthenaApp, browser: Browser, user: str, scope: str
    ) -> None:
        """R4, S15: "request and obtain consent from an end user, such as a provider or patient"."""
        assert_refused(app.post(browser, "token", SERVICE | app.authentication()), 400,
                       "unauthorized_client", "")  # fmt: skip
        assert app.tokens(browser, user=user, scope=scope)["access_token"]

    def test_person_who_says_no_gives_nothing(self, app: AthenaApp, browser: Browser) -> None:
        """R4, S11, E11: without consent there is no code."""
        page = app.authorize(browser)
        answer = post_form(
            browser, f"{OAUTH}/sign-in",
            {"authorization_request": urlencode(app.authorization_request()), "decision": "deny"},
        )  # fmt: skip
        assert page.status_code == 200
        assert "error=access_denied" in answer["Location"]

    def test_two_legged_returns_an_access_token_only(self, service: str, browser: Browser) -> None:
        """R5, S33, S34: "only an access token is returned for 2-legged OAuth"."""
        body = ask(browser, service).json()
        assert not {"id_token", "refresh_token", "patient", "encounter"} & set(body)

    def test_three_legged_may_contain_all(self, app: AthenaApp, browser: Browser) -> None:
        """R5: "may also contain an ID token, refresh token, or launch context"."""
        assert {"id_token", "refresh_token", "patient"} <= set(app.tokens(browser))


class TestMethods:
    @pytest.mark.parametrize(
        "options",
        [
            ("--kind=public", "--client-secret-env=SERVICE_SECRET",
             "--auth-method=client_secret_basic"),
            ("--kind=public", "--jwks-url=https://app.example/jwks.json",
             "--auth-method=private_key_jwt"),
            ("--kind=public", "--jwks-file={imported}", "--auth-method=private_key_jwt"),
            ("--kind=web", "--auth-method=none"),
            ("--kind=service", "--auth-method=none"),
        ],
    )  # fmt: skip
    def test_methods_belong_to_kinds_of_apps(
        self, service: str, tmp_path: Path, ec_key: ECKey, options: tuple[str, ...]
    ) -> None:
        """R6, R8, R10, R11, S5: "exclusive to your app's authorization method"."""
        document = tmp_path / "jwks.json"
        document.write_text(json.dumps({"keys": [ec_key.as_dict(private=False)]}))
        options = tuple(option.format(imported=document) for option in options)
        redirect = [] if "--kind=service" in options else [f"--redirect-uri={REDIRECT_URI}"]
        with pytest.raises(CommandError, match="Public apps, and only they"):
            sandbox_client("no", "--profile=athena", *options, *redirect)

    def test_secret_in_a_basic_header(self, service: str, browser: Browser) -> None:
        """R7, R13, R14, S22: "client ID and secret in a basic authorization header"."""
        answer = ask(browser, service)
        assert (answer.status_code, answer.json()["scope"]) == (200, SERVICE_SCOPE)

    def test_secret_is_needed_every_time(
        self, app: AthenaApp, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """R13, S22: "passed in a basic authorization header on every request"."""
        monkeypatch.setenv("WEB_SECRET", SECRET)
        sandbox_client(
            app.client_id, "--kind=web", "--profile=athena", "--client-secret-env=WEB_SECRET",
            f"--redirect-uri={REDIRECT_URI}",
        )  # fmt: skip
        header = "Basic " + base64.b64encode(f"{app.client_id}:{SECRET}".encode()).decode()
        fields = {
            "grant_type": "authorization_code", "code": app.allowed(browser),
            "redirect_uri": REDIRECT_URI, "code_verifier": app.verifier,
        }  # fmt: skip
        tokens = ask(browser, header, **fields).json()
        again = {
            "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"],
            "scope": tokens["scope"],
        }  # fmt: skip
        assert_refused(ask(browser, **again), 401, "invalid_client", "")
        assert ask(browser, header, **again).status_code == 200

    @pytest.mark.parametrize("names", [("client_id", "client_secret"), ("username", "password")])
    def test_posting_the_secret_does_not_work(
        self, service: str, browser: Browser, names: tuple[str, str]
    ) -> None:
        """R15, S22, E1: "POSTing the username and password. This does not work"."""
        fields = SERVICE | dict(zip(names, ("service", SECRET), strict=True))
        assert_refused(ask(browser, **fields), 401, "invalid_client", "")

    def test_header_is_key_colon_secret_in_base64(self, service: str, browser: Browser) -> None:
        """R16, E2, E7: "essentially, $key:$secret Base64 encoded"."""
        other = base64.b64encode(f"{SECRET}:service".encode()).decode()
        assert_refused(ask(browser, f"Basic {other}"), 401, "invalid_client", "")
        refused = ask(browser, f"Basic service:{SECRET}")
        assert_refused(refused, 400, "invalid_request", "decoded")

    @pytest.mark.parametrize("kind", ["service", "web"])
    def test_imported_key_set(
        self, app: AthenaApp, browser: Browser, tmp_path: Path, ec_key: ECKey, kind: str
    ) -> None:
        """R8, R9, S5: "an imported public JWKS (2-legged OAuth and 3-legged OAuth web apps)"."""
        redirect = [f"--redirect-uri={REDIRECT_URI}"] if kind == "web" else []
        imported(tmp_path, ec_key, "imported", kind, *redirect)
        mine = AthenaApp("imported", ec_key, app.server)
        if kind == "web":
            assert mine.tokens(browser)["access_token"]
        else:
            assert mine.post(browser, "token", SERVICE | mine.authentication()).status_code == 200

    def test_any_of_the_public_keys_will_do(
        self, signing_service: AthenaApp, browser: Browser, rsa_key: RSAKey
    ) -> None:
        """R9, S24, S53, E5: "can be verified using one of the app's public keys"."""
        signing_service.server.keys.append(rsa_key)
        for key in signing_service.server.keys:
            signing_service.key = key
            fields = SERVICE | signing_service.authentication()
            assert signing_service.post(browser, "token", fields).status_code == 200
        signing_service.key = signing_service.server.keys[0]
        forged = signing_service.authentication(key=ECKey.generate_key("P-384"))
        assert_refused(signing_service.post(browser, "token", SERVICE | forged), 401,
                       "invalid_client", "signature")  # fmt: skip

    def test_self_hosted_key_set(self, signing_service: AthenaApp, browser: Browser) -> None:
        """R10, S50: "JWT signature and verification references a self-hosted URL"."""
        fields = SERVICE | signing_service.authentication()
        assert signing_service.post(browser, "token", fields).status_code == 200
        assert signing_service.server.requests == 1

    def test_signing_app_has_no_client_secret(
        self, signing_service: AthenaApp, service: str, browser: Browser
    ) -> None:
        """R17, E2: "Using this approach, your application will have no client secret"."""
        header = "Basic " + base64.b64encode(f"service-jwt:{SECRET}".encode()).decode()
        assert_refused(ask(browser, header), 401, "invalid_client", "")

    def test_at_least_one_public_key(self, signing_service: AthenaApp, browser: Browser) -> None:
        """R18, S6: "You must associate at least one public key"."""
        with pytest.raises(CommandError, match="needs either a JWKS URL or an imported key set"):
            sandbox_client("keyless", "--kind=service", "--auth-method=private_key_jwt")
        signing_service.server.keys.clear()
        fields = SERVICE | signing_service.authentication()
        assert_refused(signing_service.post(browser, "token", fields), 401, "invalid_client", "key")

    def test_rotation_without_downtime(
        self, signing_service: AthenaApp, browser: Browser, ec_key: ECKey
    ) -> None:
        """R19, S51, S52: "introducing a new keypair, transitioning", "deleting the old keypair"."""

        def status() -> int:
            fields = SERVICE | signing_service.authentication()
            return int(signing_service.post(browser, "token", fields).status_code)

        signing_service.server.headers = {"Cache-Control": "no-cache"}
        assert status() == 200
        new = ECKey.generate_key("P-384", auto_kid=True)
        signing_service.server.keys.append(new)
        assert status() == 200
        signing_service.key = new
        assert status() == 200
        signing_service.server.keys.remove(ec_key)
        assert status() == 200
        signing_service.key = ec_key
        assert status() == 401

    @pytest.mark.parametrize("count", [1, 5, 6])
    def test_more_than_five_keys_are_warned_of(
        self, signing_service: AthenaApp, browser: Browser, count: int
    ) -> None:
        """R20, S6: "recommended to have 1-5 keys"."""
        more = [ECKey.generate_key("P-256", auto_kid=True) for _ in range(count - 1)]
        signing_service.server.keys.extend(more)
        fields = SERVICE | signing_service.authentication()
        assert signing_service.post(browser, "token", fields).status_code == 200
        fetch = signing_service.record.jwks_fetches.latest()
        assert ("warning" in fetch.problem) == (count > 5)


class TestAssertion:
    def asked(self, app: AthenaApp, browser: Browser, **changes: Any) -> Any:
        return app.post(browser, "token", SERVICE | app.authentication(**changes))

    @pytest.mark.parametrize("aud", [WITHOUT, f"{FHIR_BASE}", "https://token.example/", [AUDIENCE]])
    def test_aud_is_the_authorization_resource(
        self, signing_service: AthenaApp, browser: Browser, aud: object
    ) -> None:
        """R21, S25, E3: "The URL of the backend authorization resource"."""
        assert self.asked(signing_service, browser).status_code == 200
        refused = self.asked(signing_service, browser, aud=aud)
        assert_refused(refused, 401, "invalid_client", AUDIENCE)

    def test_environments_differ(self, signing_service: AthenaApp, browser: Browser) -> None:
        """R21, S3: "This varies by environment": what is good in one is unknown in the other."""
        url = f"--jwks-url={signing_service.server.url}"
        options = ("--kind=service", "--profile=athena", "--world=preview", url)
        record = sandbox_client("tried-out", *options)
        assert record["assertion_audience"] not in (None, AUDIENCE)
        tried = AthenaApp("tried-out", signing_service.key, signing_service.server)
        preview = record["token_endpoint"].partition("/sandbox")[2]
        good = SERVICE | tried.authentication(aud=record["assertion_audience"])
        assert post_form(browser, f"/sandbox{preview}", good).status_code == 200
        assert_refused(self.asked(tried, browser), 401, "invalid_client", "")

    @pytest.mark.parametrize(
        ("seconds", "status"), [(WITHOUT, 401), (300, 200), (3590, 200), (3610, 401), (7200, 401)]
    )
    def test_exp_is_less_than_an_hour_ahead(
        self, signing_service: AthenaApp, browser: Browser, seconds: Any, status: int
    ) -> None:
        """R22, S26, E4: "Must be less than an hour into the future"."""
        now = int(timezone.now().timestamp())
        exp = seconds if seconds is WITHOUT else now + seconds
        assert self.asked(signing_service, browser, exp=exp).status_code == status

    def test_expired_assertion(self, signing_service: AthenaApp, browser: Browser) -> None:
        """R23, S26, E4: "no longer be valid after this time expires"."""
        exp = int(timezone.now().timestamp()) - 60
        refused = self.asked(signing_service, browser, exp=exp, iat=exp - 60)
        assert_refused(refused, 401, "invalid_client", "expired")

    @pytest.mark.parametrize("name", ["iss", "sub"])
    @pytest.mark.parametrize("value", [WITHOUT, "another"])
    def test_iss_and_sub_are_the_client_id(
        self, signing_service: AthenaApp, browser: Browser, name: str, value: object
    ) -> None:
        """R24, S24, E6: "Set to the client ID of the application"."""
        refused = self.asked(signing_service, browser, **{name: value})
        assert_refused(refused, 401, "invalid_client", "")

    def test_sample_of_the_page(
        self, signing_service: AthenaApp, browser: Browser, rsa_key: RSAKey
    ) -> None:
        """R25, S24: RS256 with a kid, five minutes long, "the algorithm you configured"."""
        signing_service.server.keys[:] = [rsa_key]
        signing_service.key = rsa_key
        now = int(timezone.now().timestamp())
        good = self.asked(signing_service, browser, header={"alg": "RS256"}, exp=now + 300)
        assert good.status_code == 200
        wrong = self.asked(signing_service, browser, header={"kid": "unknown"})
        assert_refused(wrong, 401, "invalid_client", "kid")

    @pytest.mark.parametrize("kind", [None, "urn:ietf:params:oauth:grant-type:jwt-bearer"])
    def test_assertion_type(
        self, signing_service: AthenaApp, browser: Browser, kind: str | None
    ) -> None:
        """R26, S24: "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:…"."""
        fields = SERVICE | signing_service.authentication()
        del fields["client_assertion_type"]
        if kind:
            fields["client_assertion_type"] = kind
        refused = signing_service.post(browser, "token", fields)
        assert_refused(refused, 401, "invalid_client", "client_assertion_type")


class TestPKCE:
    def exchange(self, public: AthenaApp, browser: Browser, code: str, **changes: Any) -> Any:
        alone = {"client_assertion": WITHOUT, "client_assertion_type": WITHOUT}
        return public.exchange(browser, code, client_id=public.client_id, **alone, **changes)

    def test_public_app_needs_a_challenge(self, public: AthenaApp, browser: Browser) -> None:
        """R12, S13: "PKCE is required by the token API for native or single-page browser apps"."""
        answer = public.authorize(browser, code_challenge=WITHOUT, code_challenge_method=WITHOUT)
        assert "error=invalid_request" in answer["Location"]

    def test_confidential_web_app_may_do_without(self, app: AthenaApp, browser: Browser) -> None:
        """R12, S13: required for those "that cannot securely store a client secret" only."""
        code = app.allowed(browser, code_challenge=WITHOUT, code_challenge_method=WITHOUT)
        assert app.exchange(browser, code, code_verifier=WITHOUT).status_code == 200

    def test_challenge_and_verifier(self, public: AthenaApp, browser: Browser) -> None:
        """R11, R27, R28, S28: "a secret for each token request", verified by its challenge."""
        code = public.allowed(browser)
        wrong = self.exchange(public, browser, code, code_verifier="w" * 43)
        assert_refused(wrong, 400, "invalid_grant", "")
        assert self.exchange(public, browser, code).status_code == 200

    @pytest.mark.parametrize("method", ["plain", WITHOUT, "s256"])
    def test_method_is_given_with_the_challenge(
        self, public: AthenaApp, browser: Browser, method: object
    ) -> None:
        """R28, S13: "code challenge and code challenge method must be provided"."""
        answer = public.authorize(browser, code_challenge_method=method)
        assert "error=invalid_request" in answer["Location"]

    def test_verifier_is_required_and_serves_once(
        self, public: AthenaApp, browser: Browser
    ) -> None:
        """R35, R28, S16, E8: "a one-time use, unique string"."""
        code = public.allowed(browser)
        missing = self.exchange(public, browser, code, code_verifier=WITHOUT)
        assert missing.status_code == 400
        assert self.exchange(public, browser, code).status_code == 200
        assert_refused(self.exchange(public, browser, code), 400, "invalid_grant", "used")


class TestInput:
    @pytest.mark.parametrize("grant", ["client_credentials", "authorization_code", "refresh_token"])
    def test_client_has_to_authenticate(self, app: AthenaApp, browser: Browser, grant: str) -> None:
        """R29, E1: "Endpoint requires client authentication"."""
        assert_refused(ask(browser, grant_type=grant), 401, "invalid_client", "no client cred")

    def test_grant_type_is_required(self, service: str, browser: Browser) -> None:
        """R30, E7: "* = required"."""
        refused = ask(browser, service, scope=SERVICE_SCOPE)
        assert_refused(refused, 400, "invalid_request", "grant_type")

    @pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
    def test_two_legged_grant(self, service: str, browser: Browser, grant: str) -> None:
        """R31, S21: "the value is always client_credentials"."""
        refused = ask(browser, service, grant_type=grant, scope=SERVICE_SCOPE)
        assert_refused(refused, 400, "unauthorized_client", "")

    @pytest.mark.parametrize(
        ("grant", "error"),
        [("client_credentials", "unauthorized_client"), ("password", "unsupported_grant_type"),
         ("Authorization_code", "unsupported_grant_type")],
    )  # fmt: skip
    def test_three_legged_grants(
        self, app: AthenaApp, browser: Browser, grant: str, error: str
    ) -> None:
        """R32, S21: "either the value is authorization_code" or "refresh_token"."""
        fields = SERVICE | {"grant_type": grant} | app.authentication()
        assert_refused(app.post(browser, "token", fields), 400, error, "")

    @pytest.mark.parametrize(
        ("uri", "error"),
        [(WITHOUT, "invalid_request"), (f"{REDIRECT_URI}/", "invalid_grant"),
         (REDIRECT_URI.upper(), "invalid_grant")],
    )  # fmt: skip
    def test_redirect_uri_matches(
        self, app: AthenaApp, browser: Browser, uri: object, error: str
    ) -> None:
        """R33, S28, E8: "must match the value provided to the authorize endpoint"."""
        answer = app.exchange(browser, app.allowed(browser), redirect_uri=uri)
        assert_refused(answer, 400, error, "")

    @pytest.mark.parametrize(
        ("code", "error"), [(WITHOUT, "invalid_request"), ("made-up", "invalid_grant")]
    )
    def test_code_is_required(
        self, app: AthenaApp, browser: Browser, code: object, error: str
    ) -> None:
        """R34, S28, E8: "the code parameter returned by the authorize endpoint"."""
        assert_refused(app.exchange(browser, "", code=code), 400, error, "")

    @pytest.mark.parametrize(
        ("value", "error"), [(WITHOUT, "invalid_request"), ("made-up", "invalid_grant")]
    )
    def test_refresh_token_is_required(
        self, app: AthenaApp, browser: Browser, value: object, error: str
    ) -> None:
        """R36, E8: "Required if grant_type is refresh_token"."""
        answer = app.refresh(browser, "", refresh_token=value, scope="openid")
        assert_refused(answer, 400, error, "")

    def test_scope_is_required_without_a_person(self, service: str, browser: Browser) -> None:
        """R37, S29: "Required if grant_type is client_credentials"."""
        refused = ask(browser, service, grant_type="client_credentials")
        assert_refused(refused, 400, "invalid_scope", "scope is missing")

    def test_scope_is_required_for_refresh(self, app: AthenaApp, browser: Browser) -> None:
        """R37, R55, S30: "or refresh_token (3-legged OAuth only)"."""
        refused = app.refresh(browser, app.tokens(browser)["refresh_token"])
        assert_refused(refused, 400, "invalid_scope", "scope is missing")

    @pytest.mark.parametrize(
        "scope",
        ["patient/patient.rs", "OPENID", "openid,fhirUser", "patient/Patient.rs+openid"],
    )
    def test_scope_is_case_sensitive_and_divided_by_spaces(
        self, app: AthenaApp, browser: Browser, scope: str
    ) -> None:
        """R38, S30: "a space-delimited, case-sensitive string of requested scopes"."""
        refresh_token = app.tokens(browser)["refresh_token"]
        refused = app.refresh(browser, refresh_token, scope=scope)
        assert_refused(refused, 400, "invalid_scope", "")

    def test_refresh_asks_for_a_subset(self, app: AthenaApp, browser: Browser) -> None:
        """R39, R55, S30: a subset "of those provided to the authorize endpoint"."""
        refresh_token = app.tokens(browser)["refresh_token"]
        more = app.refresh(browser, refresh_token, scope=f"{STANDALONE_SCOPE} patient/Goal.rs")
        assert_refused(more, 400, "invalid_scope", "more than was granted")
        for scope in ("patient/Patient.rs", STANDALONE_SCOPE):
            body = app.refresh(browser, refresh_token, scope=scope).json()
            assert set(body["scope"].split()) == set(scope.split())


class TestOutput:
    def test_answer_is_a_json_object(self, app: AthenaApp, browser: Browser) -> None:
        """R40, S4, S34: "returns a JSON object", and nobody may store it."""
        answer = app.exchange(browser, app.allowed(browser))
        assert isinstance(answer.json(), dict)
        assert answer["Content-Type"].startswith("application/json")
        assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")

    def test_token_type_is_bearer(self, app: AthenaApp, service: str, browser: Browser) -> None:
        """R41, S32: "value is always Bearer"."""
        first = app.tokens(browser)
        scope = first["scope"]
        second = app.refresh(browser, first["refresh_token"], scope=scope).json()
        third = ask(browser, service).json()
        assert {one["token_type"] for one in (first, second, third)} == {"Bearer"}

    def test_access_tokens_live_for_an_hour(
        self, app: AthenaApp, service: str, browser: Browser
    ) -> None:
        """R42, S32, S62: "default is 60 minutes for 2-legged OAuth and 3-legged OAuth apps"."""
        tokens = app.tokens(browser)
        lifetimes = [int(tokens["expires_in"]), int(ask(browser, service).json()["expires_in"])]
        assert lifetimes == [3600, 3600]
        assert read_patient(browser, tokens).status_code == 200
        left = Token.objects.get(type=Token.Type.ACCESS, client__client_id=app.client_id)
        assert timedelta(minutes=59) < left.expires_at - timezone.now() <= timedelta(hours=1)
        Token.objects.update(expires_at=timezone.now())
        assert read_patient(browser, tokens).status_code == 401

    def test_id_token_is_about_the_end_user(self, app: AthenaApp, browser: Browser) -> None:
        """R43, S35, S43: "JWT containing information on the authenticated end user"."""
        tokens = app.tokens(browser)
        keys = KeySet.import_key_set(browser.get(f"{OAUTH}/keys").json())
        token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
        assert set(token.header) == {"kid", "alg"}
        assert set(token.claims) == {
            "sub", "ver", "iss", "aud", "iat", "exp", "jti", "amr", "idp", "auth_time", "at_hash",
            "fhirUser", "nonce",
        }  # fmt: skip
        assert token.claims["fhirUser"] == f"{FHIR_BASE}/Patient/{tokens['patient']}"

    def test_id_token_only_if_openid_was_asked_for(self, app: AthenaApp, browser: Browser) -> None:
        """R43, S34."""
        scope = "launch/patient patient/Patient.rs"
        assert "id_token" not in app.tokens(browser, scope=scope)

    def test_refresh_token_lives_ninety_days_from_its_last_use(
        self, app: AthenaApp, browser: Browser
    ) -> None:
        """R45, S31: "90 days from the most recent token request that used or generated"."""
        tokens = app.tokens(browser)
        kept = Token.objects.filter(type=Token.Type.REFRESH)

        def lives_long() -> bool:
            left = kept.get().expires_at - timezone.now()
            return timedelta(days=89, hours=23) < left <= timedelta(days=90)

        assert lives_long()
        kept.update(expires_at=timezone.now() + timedelta(days=1))
        app.refresh(browser, tokens["refresh_token"], scope=tokens["scope"])
        assert lives_long()
        kept.update(expires_at=timezone.now())
        ended = app.refresh(browser, tokens["refresh_token"], scope=tokens["scope"])
        assert_refused(ended, 400, "invalid_grant", "expired")

    def test_two_legged_format(self, service: str, browser: Browser) -> None:
        """R46, S33: "access_token", and "expires_in" as a string."""
        body = ask(browser, service).json()
        assert isinstance(body["access_token"], str)
        assert body["expires_in"] == "3600"

    def test_three_legged_format(self, app: AthenaApp, browser: Browser) -> None:
        """R47, S34: the members of the sample, expires_in as a number."""
        tokens = app.tokens(browser)
        assert set(tokens) == {
            "token_type", "expires_in", "access_token", "scope", "refresh_token", "id_token",
            "patient",
        }  # fmt: skip
        assert tokens["expires_in"] == 3600


class TestLaunchContext:
    def test_only_in_a_launch(self, app: AthenaApp, service: str, browser: Browser) -> None:
        """R48: "exclusive to token requests made as part of a SMART App Launch sequence"."""
        assert set(ask(browser, service).json()) <= {
            "access_token", "token_type", "expires_in", "scope",
        }  # fmt: skip
        tokens = app.tokens(browser, scope="openid fhirUser")
        assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "id_token"}

    def test_is_never_inside_the_tokens(self, app: AthenaApp, browser: Browser) -> None:
        """R49, S36: "alongside, and not within, any JWTs"."""
        code = app.launched(browser, fault="token-jwt")
        tokens = app.exchange(browser, code).json()
        alongside = set(tokens) - {
            "access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type",
        }  # fmt: skip
        assert {"patient", "encounter", "smart_style_url"} <= alongside
        for name in ("id_token", "access_token"):
            segment = tokens[name].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
            assert not {*alongside, "launch"} & set(claims), name

    def test_standalone_names_the_patient_only(self, app: AthenaApp, browser: Browser) -> None:
        """R50, S36: "simply a patient object containing the patient ID"."""
        tokens = app.tokens(browser, patient="a-1.E-1005", user="clinician")
        assert tokens["patient"] == "a-1.E-1005"
        assert not {"encounter", "smart_style_url", "need_patient_banner"} & set(tokens)

    def test_provider_launch_tells_where_and_how_it_looks(
        self, app: AthenaApp, browser: Browser
    ) -> None:
        """R51, S14, S36: "the location in the EHR", "in addition to SMART styling information"."""
        body = app.exchange(browser, app.launched(browser)).json()
        assert body["ah_department"]
        assert body["ah_practice"]
        assert browser.get(body["smart_style_url"]).json()["color_background"]


class TestUse:
    def test_bearer_header(self, app: AthenaApp, browser: Browser) -> None:
        """R52, S60, S61: "Authorization: Bearer {access_token}"."""
        tokens = app.tokens(browser)
        assert read_patient(browser, tokens).json()["id"] == tokens["patient"]
        assert (
            read_patient(browser, tokens, Authorization=tokens["access_token"]).status_code == 401
        )

    def test_refresh_token_needs_the_scope_and_the_user(
        self, app: AthenaApp, browser: Browser
    ) -> None:
        """R53, S31: "requested and obtained with the user's authorization"."""
        unasked = STANDALONE_SCOPE.replace(" offline_access", "")
        assert "refresh_token" not in app.tokens(browser, scope=unasked)
        refused = app.tokens(browser, ticked=unasked.split())
        assert "refresh_token" not in refused

    def test_refresh_asks_nobody(self, app: AthenaApp, browser: Browser, origin: str) -> None:
        """R44, R54, S30: "without requiring re-authentication by an end user"."""
        tokens = app.tokens(browser)
        elsewhere = BrowserOverHTTP(origin)
        answer = app.refresh(elsewhere, tokens["refresh_token"], scope=tokens["scope"])
        body = answer.json()
        assert body["access_token"] != tokens["access_token"]
        assert read_patient(elsewhere, body | {"patient": tokens["patient"]}).status_code == 200

    def test_new_token_has_the_scopes_that_were_named(
        self, app: AthenaApp, browser: Browser
    ) -> None:
        """R55, S30, S62: "which of the previously granted scopes" go into the new token."""
        tokens = app.tokens(browser)
        scope = "patient/Observation.rs"
        body = app.refresh(browser, tokens["refresh_token"], scope=scope).json()
        assert body["scope"] == scope
        assert read_patient(browser, body | {"patient": tokens["patient"]}).status_code == 403

    def test_introspection_shows_what_was_granted(self, app: AthenaApp, browser: Browser) -> None:
        """R56, S40, S41: "You can view which scopes were previously granted"."""
        tokens = app.tokens(browser, scope=STANDALONE_SCOPE)
        query = {"token": tokens["access_token"], "token_type_hint": "access_token"}
        body = browser.get(f"{OAUTH}/introspect", query | app.authentication()).json()
        assert body["active"] is True
        assert set(body["scope"].split()) == set(STANDALONE_SCOPE.split())
