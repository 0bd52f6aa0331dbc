"""Introspecting tokens and revoking them (S40 to S42)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from joserfc import jws

from smartapp.sandbox.access import Bearer
from smartapp.sandbox.models import Authorization, Client, Token, UsedAssertion
from tests.sandbox.conftest import (
    ISSUER,
    OAUTH,
    STANDALONE_SCOPE,
    TOKEN_ENDPOINT,
    App,
    KeyServer,
    assert_refused,
    register,
)


@pytest.fixture
def tokens(app: App, browser: Browser) -> dict[str, Any]:
    answer: dict[str, Any] = app.exchange(browser, app.allowed(browser)).json()
    return answer


@pytest.fixture
def another(app: App, key_server: KeyServer) -> App:
    register("another-app", key_server)
    return App("another-app", app.key, key_server)


def introspect(app: App, browser: Browser, token: str, **changes: str) -> Any:
    fields = {"token": token, "token_type_hint": "access_token"} | app.authentication() | changes
    return browser.get(f"{OAUTH}/introspect", fields)


def revoke(app: App, browser: Browser, token: str, **changes: str) -> Any:
    return app.post(browser, "revoke", {"token": token} | app.authentication() | changes)


def test_ended_ones_are_forgotten_after_a_day(
    app: App, browser: Browser, tokens: dict[str, Any]
) -> None:
    kept = app.exchange(browser, app.allowed(browser)).json()
    long_ago = timezone.now() - timedelta(days=2)
    ended = Authorization.objects.order_by("pk")[0]
    ended.tokens.update(expires_at=long_ago)
    Authorization.objects.update(code_expires_at=long_ago)
    UsedAssertion.objects.update(expires_at=long_ago)
    app.allowed(browser)
    assert not UsedAssertion.objects.exists()
    assert not Authorization.objects.filter(pk=ended.pk).exists()
    assert Bearer(kept["access_token"]).access


def test_nobody_may_store_an_answer(app: App, browser: Browser, tokens: dict[str, Any]) -> None:
    """Introspection and revocation, whatever they say (S4)."""
    for answer in (
        introspect(app, browser, tokens["access_token"]),
        introspect(app, browser, "made-up"),
        revoke(app, browser, tokens["access_token"]),
        revoke(app, browser, "made-up"),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")


class TestIntrospection:
    """S40, S41."""

    def test_active_token(self, app: App, browser: Browser, tokens: dict[str, Any]) -> None:
        body = introspect(app, browser, tokens["access_token"]).json()
        assert (body["active"], body["client_id"]) == (True, app.client_id)
        assert (body["scope"], body["patient"]) == (STANDALONE_SCOPE, tokens["patient"])
        assert (body["iss"], body["token_type"]) == (ISSUER, "Bearer")
        claims = jws.extract_compact(tokens["id_token"].encode()).payload
        assert body["sub"] == json.loads(claims)["sub"]
        stored = Token.objects.get(type=Token.Type.ACCESS)
        assert body["exp"] == int(stored.expires_at.timestamp())
        assert body["fhirUser"].startswith("http")

    def test_context_of_the_launch_is_told(self, app: App, browser: Browser) -> None:
        """Without an id_token, nobody is named (S40, S41)."""
        code = app.launched(browser, scope="launch patient/Patient.rs")
        tokens = app.exchange(browser, code).json()
        body = introspect(app, browser, tokens["access_token"]).json()
        for name in ("patient", "encounter", "ah_practice", "ah_department", "intent", "tenant"):
            assert body[name] == tokens[name]
        assert not {"iss", "sub", "fhirUser"} & body.keys()

    def test_by_post_the_hint_is_optional(
        self, app: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        fields = {"token": tokens["refresh_token"]} | app.authentication()
        assert app.post(browser, "introspect", fields).json()["active"] is True

    def test_anything_else_is_inactive_and_says_nothing_more(
        self, app: App, another: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        inactive = {"active": False}
        assert introspect(app, browser, "made-up").json() == inactive
        assert introspect(another, browser, tokens["access_token"]).json() == inactive
        Token.objects.update(expires_at=timezone.now())
        assert introspect(app, browser, tokens["access_token"]).json() == inactive

    def test_token_and_hint_are_needed_by_get(
        self, app: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        fields = {"token": tokens["access_token"]} | app.authentication()
        answer = browser.get(f"{OAUTH}/introspect", fields)
        assert_refused(answer, 400, "invalid_request", "token_type_hint")
        fields = {"token_type_hint": "access_token"} | app.authentication()
        answer = browser.get(f"{OAUTH}/introspect", fields)
        assert_refused(answer, 400, "invalid_request", "token is missing")

    def test_client_has_to_authenticate(self, browser: Browser, tokens: dict[str, Any]) -> None:
        fields = {"token": tokens["access_token"], "token_type_hint": "access_token"}
        answer = browser.get(f"{OAUTH}/introspect", fields)
        assert_refused(answer, 401, "invalid_client", "no client credentials")

    @pytest.mark.parametrize("profile", ["athena", "strict"])
    def test_id_token_tells_its_claims(
        self, app: App, another: App, browser: Browser, tokens: dict[str, Any], profile: str
    ) -> None:
        """athenahealth's page names it among the hints (S40)."""
        Client.objects.update(profile=profile)
        audience = f"{ISSUER}/v1/token" if profile == "athena" else TOKEN_ENDPOINT

        def told(by: App, token: str) -> dict[str, Any]:
            proof = by.authentication(aud=audience)
            query = {"token": token, "token_type_hint": "id_token"} | proof
            answer: dict[str, Any] = browser.get(f"{OAUTH}/introspect", query).json()
            return answer

        token, inactive = tokens["id_token"], {"active": False}
        claims = json.loads(jws.extract_compact(token.encode()).payload)
        assert told(app, token) == claims | {"active": True, "client_id": app.client_id}
        assert told(another, token) == inactive
        assert told(app, f"{token[:-8]}AAAAAAAA") == inactive
        for garbage in ("a.b.c", "W10.e30.c2ln", "e30.W10.c2ln", "bnVsbA.e30.c2ln", "...."):
            assert told(app, garbage) == inactive

    @pytest.mark.parametrize("fault", ["id-token-expired", "id-token-wrong-issuer"])
    def test_id_token_that_is_not_good(self, app: App, browser: Browser, fault: str) -> None:
        """S40."""
        token = app.exchange(browser, app.allowed(browser, fault=fault)).json()["id_token"]
        assert introspect(app, browser, token).json() == {"active": False}

    def test_unknown_hint(self, app: App, browser: Browser, tokens: dict[str, Any]) -> None:
        """Refused only under athenahealth's rules (S40, RFC 7662 §2.1)."""
        answer = introspect(app, browser, tokens["access_token"], token_type_hint="pat")
        assert answer.json()["active"] is True
        Client.objects.update(profile="athena")
        by_athena = app.authentication(aud=f"{ISSUER}/v1/token") | {"token_type_hint": "pat"}
        answer = introspect(app, browser, tokens["access_token"], **by_athena)
        assert_refused(answer, 400, "unsupported_token_type", "token_type_hint")


class TestRevocation:
    """S42."""

    def test_refresh_token_takes_everything_with_it(
        self, app: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        answer = revoke(app, browser, tokens["refresh_token"])
        assert (answer.status_code, answer.content) == (200, b"")
        assert Bearer(tokens["access_token"]).access is None
        refused = app.refresh(browser, tokens["refresh_token"])
        assert_refused(refused, 400, "invalid_grant", "revoked")

    def test_access_token_dies_alone(
        self, app: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        revoke(app, browser, tokens["access_token"], token_type_hint="access_token")
        assert Bearer(tokens["access_token"]).access is None
        assert app.refresh(browser, tokens["refresh_token"]).status_code == 200

    def test_unknown_and_foreign_tokens_look_the_same(
        self, app: App, another: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        unknown = revoke(app, browser, "made-up")
        foreign = revoke(another, browser, tokens["refresh_token"])
        assert (unknown.status_code, unknown.content) == (200, b"")
        assert (foreign.status_code, foreign.content) == (200, b"")
        assert Bearer(tokens["access_token"]).access

    def test_odd_hint(self, app: App, browser: Browser, tokens: dict[str, Any]) -> None:
        """Refused only under athenahealth's rules (S42, RFC 7009 §2.2)."""
        Client.objects.update(profile="athena")
        by_athena = app.authentication(aud=f"{ISSUER}/v1/token") | {"token_type_hint": "id_token"}
        answer = revoke(app, browser, tokens["access_token"], **by_athena)
        assert_refused(answer, 400, "unsupported_token_type", "token_type_hint")
        Client.objects.update(profile="strict")
        answer = revoke(app, browser, tokens["access_token"], token_type_hint="id_token")
        assert (answer.status_code, Bearer(tokens["access_token"]).access) == (200, None)

    def test_only_by_post_and_authenticated(
        self, app: App, browser: Browser, tokens: dict[str, Any]
    ) -> None:
        assert browser.get(f"{OAUTH}/revoke").status_code == 405
        answer = app.post(browser, "revoke", {"token": tokens["access_token"]})
        assert_refused(answer, 401, "invalid_client", "no client credentials")
        assert Bearer(tokens["access_token"]).access
