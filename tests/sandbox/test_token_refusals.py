"""What the token endpoint refuses, each time with one change in a good request."""

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from smartapp.sandbox.access import Bearer
from smartapp.sandbox.models import Authorization, Client, RequestRecord, Token
from tests.sandbox.conftest import (
    ASSERTION_TYPE,
    ISSUER,
    OAUTH,
    REDIRECT_URI,
    STANDALONE_SCOPE,
    TOKEN_ENDPOINT,
    WITHOUT,
    App,
    KeyServer,
    assert_refused,
    post_form,
    register,
)

ATHENA_AUDIENCE = f"{ISSUER}/v1/token"


def with_header(header: dict[str, Any], assertion: str) -> str:
    """Return an assertion with a forged header and an unchanged signature."""
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{head}.{assertion.partition('.')[2]}"


class TestShape:
    """S20, E7, E13-like shapes: always JSON, never stored."""

    def test_get_is_refused(self, browser: Browser) -> None:
        answer = browser.get(f"{OAUTH}/token?grant_type=client_credentials")
        assert_refused(answer, 405, "invalid_request", "POST")
        assert answer["Allow"] == "POST"

    def test_json_body(self, app: App, browser: Browser) -> None:
        answer = browser.post(f"{OAUTH}/token", {"grant_type": "x"}, "application/json")
        assert_refused(answer, 400, "invalid_request", "x-www-form-urlencoded")

    def test_empty_body(self, app: App, browser: Browser) -> None:
        assert_refused(
            app.post(browser, "token", {"a": "b"}), 400, "invalid_request", "grant_type is missing"
        )

    @pytest.mark.parametrize("name", ["grant_type", "code", "scope", "client_assertion"])
    def test_repeated_parameter(self, app: App, browser: Browser, name: str) -> None:
        answer = app.exchange(browser, app.allowed(browser), **{name: ["a", "b"]})
        assert_refused(answer, 400, "invalid_request", f"{name} is repeated")

    @pytest.mark.parametrize("body", [b"grant_type=%ff%fe", b"%ff=a", b"a=%00"])
    def test_no_text(self, app: App, browser: Browser, body: bytes) -> None:
        form = "application/x-www-form-urlencoded"
        answer = browser.post(f"{OAUTH}/token", body, content_type=form)
        assert_refused(answer, 400, "invalid_request", "not text")

    def test_more_than_a_form_may_hold(self, app: App, browser: Browser) -> None:
        form = "application/x-www-form-urlencoded"
        for body in (b"a=" + b"x" * 3_000_000, b"&".join(b"a%d=1" % n for n in range(1_100))):
            answer = browser.post(f"{OAUTH}/token", body, content_type=form)
            assert_refused(answer, 400, "invalid_request", "too large")

    def test_megabyte(self, app: App, browser: Browser) -> None:
        """A body within the limit whose value is far too long, and one that is not a form."""
        long = app.post(browser, "token", {"grant_type": "x" * 1_000_000})
        assert_refused(long, 400, "invalid_request", "grant_type is too long")
        garbage = browser.post(
            f"{OAUTH}/token", b"\xff" * 1_000_000, content_type="application/octet-stream"
        )
        assert_refused(garbage, 400, "invalid_request", "x-www-form-urlencoded")

    @pytest.mark.parametrize("charset", ["utf-16", "latin-1"])
    def test_form_in_another_encoding(self, app: App, browser: Browser, charset: str) -> None:
        form = f"application/x-www-form-urlencoded; charset={charset}"
        answer = browser.post(f"{OAUTH}/token", b"grant_type=x", content_type=form)
        assert_refused(answer, 400, "invalid_request", "not UTF-8")

    @pytest.mark.parametrize("path", ["authorize", "sign-in", "consent"])
    def test_at_the_authorize_endpoint_it_is_a_page(
        self, app: App, browser: Browser, path: str
    ) -> None:
        """Without a readable form, no redirect URI can be checked, so none is used (S10)."""
        for content_type in ("application/x-www-form-urlencoded; charset=utf-16", "text/plain"):
            answer = browser.post(f"{OAUTH}/{path}", b"a=b", content_type=content_type)
            assert answer.status_code == 400
            assert b"This app cannot connect" in answer.content

    def test_log_knows_who_it_was_and_why(self, app: App, browser: Browser) -> None:
        """Also when the form could not be read, or the secret was wrong (S20, E2)."""
        browser.get(f"{OAUTH}/token")
        basic = {"Authorization": "Basic " + base64.b64encode(b"app-web:wrong").decode()}
        browser.post(f"{OAUTH}/token", b"{}", "application/json", headers=basic)
        form = "application/x-www-form-urlencoded"
        browser.post(f"{OAUTH}/token", b"grant_type=refresh_token", form, headers=basic)
        kept = RequestRecord.objects.order_by("pk").values_list("client_id", "rule", "reason")
        assert [row[:2] for row in kept] == [("", "S20"), ("app-web", "S20"), ("app-web", "E2")]
        assert kept[0][2] == "Use POST."

    def test_query_parameters_do_not_count(self, app: App, browser: Browser) -> None:
        path = f"{OAUTH}/token?grant_type=authorization_code"
        assert_refused(post_form(browser, path, {"a": "b"}), 400, "invalid_request", "grant_type")

    def test_preflight_of_an_app_in_a_browser(self, browser: Browser) -> None:
        answer = browser.options(f"{OAUTH}/token")
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, "*")

    @pytest.mark.parametrize(
        "name", ["client_id", "client_secret", "scope", "token_type_hint", "refresh_token"]
    )
    def test_parameter_without_a_value_is_left_out(
        self, app: App, browser: Browser, name: str
    ) -> None:
        """RFC 6749 §3.2."""
        answer = app.exchange(browser, app.allowed(browser), **{name: ""})
        assert answer.status_code == 200, answer.content

    @pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier"])
    def test_required_one_without_a_value_is_missing(
        self, app: App, browser: Browser, name: str
    ) -> None:
        answer = app.exchange(browser, app.allowed(browser), **{name: ""})
        assert_refused(answer, 400, "invalid_request", name)

    def test_unknown_grant(self, app: App, browser: Browser) -> None:
        """S21."""
        answer = app.exchange(browser, app.allowed(browser), grant_type="password")
        assert_refused(answer, 400, "unsupported_grant_type", "password")

    def test_grant_of_another_kind_of_client(self, app: App, browser: Browser) -> None:
        """S21."""
        fields = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
        answer = app.post(browser, "token", fields | app.authentication())
        assert_refused(answer, 400, "unauthorized_client", "client_credentials")


class TestCode:
    """S16, S28, E8; T4, T5."""

    @pytest.mark.parametrize(
        ("changes", "error", "words"),
        [
            ({"code": "made-up"}, "invalid_grant", "unknown"),
            ({"code": WITHOUT}, "invalid_request", "code"),
            ({"redirect_uri": WITHOUT}, "invalid_request", "redirect_uri"),
            ({"redirect_uri": f"{REDIRECT_URI}/"}, "invalid_grant", "redirect_uri"),
            ({"code_verifier": WITHOUT}, "invalid_request", "code_verifier"),
            ({"code_verifier": "v" * 43}, "invalid_grant", "challenge"),
            ({"code_verifier": "v" * 42}, "invalid_request", "code_verifier"),
            ({"code_verifier": "v" * 129}, "invalid_request", "code_verifier"),
            ({"code_verifier": "v" * 42 + "+"}, "invalid_request", "code_verifier"),
        ],
    )
    def test_refused(
        self, app: App, browser: Browser, changes: dict[str, Any], error: str, words: str
    ) -> None:
        code = app.allowed(browser)
        assert_refused(app.exchange(browser, code, **changes), 400, error, words)
        assert not Token.objects.exists()

    def test_failed_attempt_does_not_burn_the_code(self, app: App, browser: Browser) -> None:
        """A stranger with a stolen code cannot take it from its owner."""
        code = app.allowed(browser)
        app.exchange(browser, code, code_verifier="v" * 43)
        assert app.exchange(browser, code).status_code == 200

    def test_second_use_ends_everything_it_gave(self, app: App, browser: Browser) -> None:
        """The tokens that the code gave end too (S16, RFC 6749 §4.1.2)."""
        code = app.allowed(browser)
        tokens = app.exchange(browser, code).json()
        assert Bearer(tokens["access_token"]).access
        assert_refused(app.exchange(browser, code), 400, "invalid_grant", "used before")
        assert Bearer(tokens["access_token"]).access is None
        refused = app.refresh(browser, tokens["refresh_token"])
        assert_refused(refused, 400, "invalid_grant", "revoked")

    def test_lives_sixty_seconds(self, app: App, browser: Browser) -> None:
        code = app.allowed(browser)
        left = Authorization.objects.get().code_expires_at - timezone.now()
        assert timedelta(seconds=55) < left <= timedelta(seconds=60)
        Authorization.objects.update(code_expires_at=timezone.now())
        assert_refused(app.exchange(browser, code), 400, "invalid_grant", "expired")

    def test_belongs_to_one_client(self, app: App, key_server: KeyServer, browser: Browser) -> None:
        register("another-app", key_server)
        another = App("another-app", app.key, key_server, verifier=app.verifier)
        answer = another.exchange(browser, app.allowed(browser))
        assert_refused(answer, 400, "invalid_grant", "another client")

    def test_verifier_without_a_challenge(self, app: App, browser: Browser) -> None:
        """Otherwise a stripped challenge would go unnoticed (RFC 9700 §2.1.1)."""
        Client.objects.update(profile="athena")
        none: dict[str, Any] = {"code_challenge": WITHOUT, "code_challenge_method": WITHOUT}
        code = app.allowed(browser, **none)
        by_athena = app.authentication(aud=ATHENA_AUDIENCE)
        refused = app.exchange(browser, code, **by_athena)
        assert_refused(refused, 400, "invalid_request", "no")
        by_athena = app.authentication(aud=ATHENA_AUDIENCE)
        accepted = app.exchange(browser, code, code_verifier=WITHOUT, **by_athena)
        assert accepted.status_code == 200

    def test_codes_and_tokens_are_stored_as_digests(self, app: App, browser: Browser) -> None:
        code = app.allowed(browser)
        tokens = app.exchange(browser, code).json()
        stored = str([*Authorization.objects.values(), *Token.objects.values()])
        stored += str([*RequestRecord.objects.values()])
        for secret in (code, tokens["access_token"], tokens["refresh_token"], app.verifier):
            assert secret not in stored


class TestAssertion:
    """Refused with 401 and a specific text (S24 to S27, E3 to E6)."""

    def refused(self, app: App, browser: Browser, words: str, **fields: Any) -> None:
        answer = app.exchange(browser, app.allowed(browser), **fields)
        assert_refused(answer, 401, "invalid_client", words)
        assert answer["WWW-Authenticate"].startswith("Basic")

    @pytest.mark.parametrize(
        ("claims", "words"),
        [
            ({"sub": "nobody"}, "no client of this server's world production"),
            ({"sub": WITHOUT}, "no client"),
            ({"sub": ["app-web"]}, "no client"),
            ({"iss": "nobody"}, "iss and sub"),
            ({"iss": WITHOUT}, "iss and sub"),
            ({"aud": ISSUER}, f"aud of the client assertion must be {TOKEN_ENDPOINT}."),
            ({"aud": [TOKEN_ENDPOINT]}, "aud"),
            ({"aud": f"{TOKEN_ENDPOINT}/"}, "aud"),
            ({"aud": WITHOUT}, "aud"),
            ({"exp": WITHOUT}, "has no exp"),
            ({"exp": "soon"}, "exp of the client assertion has to be a JSON number"),
            ({"exp": lambda now: str(now + 60)}, "has to be a JSON number"),
            ({"exp": lambda now: now * 1000}, "exp of the client assertion seems to be in milli"),
            ({"exp": float("inf")}, "is no number of seconds"),
            ({"exp": 10**400}, "is no number of seconds"),
            ({"exp": lambda now: now - 60}, "is expired; it ended "),
            (
                {"iat": lambda now: now + 600, "exp": lambda now: now + 840},
                "the clock of the app",
            ),
            ({"exp": lambda now: now + 3_000}, "300 seconds ahead"),
            ({"iat": lambda now: now + 3_000}, "iat"),
            ({"iat": "now"}, "iat"),
            ({"jti": WITHOUT}, "jti"),
            ({"jti": ""}, "jti"),
            ({"jti": "j" * 300}, "jti"),
            ({"jti": 7}, "jti"),
        ],
    )
    def test_claim(self, app: App, browser: Browser, claims: dict[str, Any], words: str) -> None:
        """Among them an exp that is more than five minutes ahead (Q17)."""
        now = int(time.time())  # not that of the collection, which may be many minutes ago
        told = {name: value(now) if callable(value) else value for name, value in claims.items()}
        self.refused(app, browser, words, client_assertion=app.assertion(**told))

    @pytest.mark.parametrize(
        ("header", "words"),
        [
            ({"kid": "another"}, "no key with the kid another"),
            ({"kid": WITHOUT}, "names no kid"),
            ({"jku": "https://evil.example/jwks.json"}, "jku"),
        ],
    )
    def test_header(self, app: App, browser: Browser, header: dict[str, Any], words: str) -> None:
        self.refused(app, browser, words, client_assertion=app.assertion(header=header))

    @pytest.mark.parametrize("kid", [7, "", [], {}])
    def test_kid_that_is_no_name(self, app: App, browser: Browser, kid: object) -> None:
        assertion = with_header({"alg": "ES384", "kid": kid}, app.assertion())
        self.refused(app, browser, "not a string", client_assertion=assertion)

    def test_signature_of_another_key(self, app: App, browser: Browser) -> None:
        """The row names the copy of the keys that was used, and links to it (E5, S56)."""
        another = ECKey.generate_key("P-384")
        self.refused(app, browser, "signature", client_assertion=app.assertion(key=another))
        row = RequestRecord.objects.all()[0]
        fetched = app.record.jwks_fetches.get()
        assert f"fetched at {fetched.at:%Y-%m-%d %H:%M:%S} UTC" in row.reason
        assert f"kept for {fetched.fresh_seconds} s" in row.reason
        page = browser.get("/sandbox/requests").content.decode()
        assert f"/sandbox/client?client_id={app.client_id}#keys" in page

    def test_alg_of_another_kind_of_key(self, app: App, browser: Browser, rsa_key: RSAKey) -> None:
        """The key decides on the algorithm, not the header (T8)."""
        self.refused(
            app, browser, "does not belong to this key",
            client_assertion=app.assertion(key=rsa_key),
        )  # fmt: skip

    def test_alg_that_the_key_does_not_name(
        self, app: App, browser: Browser, key_server: KeyServer, rsa_key: RSAKey
    ) -> None:
        named = rsa_key.as_dict(private=False) | {"alg": "RS256"}
        key_server.keys = [RSAKey.import_key(named)]
        app.key = rsa_key
        self.refused(
            app, browser, "does not belong to this key",
            client_assertion=app.assertion(header={"alg": "RS384"}),
        )  # fmt: skip
        accepted = app.exchange(
            browser, app.allowed(browser),
            client_assertion=app.assertion(header={"alg": "RS256"}),
        )  # fmt: skip
        assert accepted.status_code == 200

    def test_unsigned_and_hmac(self, app: App, browser: Browser) -> None:
        """An HMAC keyed with the public key, and no signature at all (T8)."""
        claims = {"iss": app.client_id, "sub": app.client_id, "exp": int(time.time()) + 60}
        assert isinstance(app.key, ECKey)
        pem = app.key.as_pem(private=False)
        head = {"alg": "HS256", "kid": app.key.kid}
        forged = jwt.encode(head, claims, OctKey.import_key(pem.hex()), ["HS256"])
        self.refused(app, browser, "not allowed here", client_assertion=forged)
        unsigned = f"{with_header({'alg': 'none', 'kid': app.key.kid}, forged).rpartition('.')[0]}."
        self.refused(app, browser, "not allowed here", client_assertion=unsigned)

    @pytest.mark.parametrize(
        "assertion", ["a", "a.b", "a.b.c", "....", "e30.e30.e30", "e30.W10.e30", "x" * 9_000]
    )
    def test_no_assertion_at_all(self, app: App, browser: Browser, assertion: str) -> None:
        self.refused(app, browser, "assertion", client_assertion=assertion)

    def test_wrong_or_missing_type(self, app: App, browser: Browser) -> None:
        self.refused(app, browser, ASSERTION_TYPE, client_assertion_type="urn:x")
        self.refused(app, browser, ASSERTION_TYPE, client_assertion_type=WITHOUT)

    @pytest.mark.parametrize(
        ("first", "words"),
        [
            ("type", "client_assertion_type must be"),
            ("shape", "not a signed JWT"),
            ("kid", "no key with the kid"),
            ("alg", "does not belong to this key"),
            ("signature", "signature"),
            ("iss", "iss and sub"),
            ("aud", "aud of the client assertion must be"),
            ("exp", "expired"),
            ("iat", "iat of the client assertion lies in the future"),
            ("jti", "used before"),
        ],
    )
    def test_checks_have_one_order(
        self, app: App, browser: Browser, rsa_key: RSAKey, first: str, words: str
    ) -> None:
        """The first thing is wrong with everything after it, and the refusal names it (S24)."""
        app.refresh(browser, "made-up", client_assertion=app.assertion(jti="used"))
        order = ("type", "shape", "kid", "alg", "signature", "iss", "aud", "exp", "iat", "jti")
        wrong = order[order.index(first) :]
        now = int(time.time())
        claims = {"iss": "nobody", "aud": ISSUER, "exp": now - 60, "iat": now + 600, "jti": "used"}
        key = rsa_key if "alg" in wrong else ECKey.generate_key("P-384")
        assertion = app.assertion(
            header={"kid": "another"} if "kid" in wrong else {},
            key=key if "signature" in wrong else None,
            **{name: value for name, value in claims.items() if name in wrong},
        )
        self.refused(
            app, browser, words,
            client_assertion="a.b" if "shape" in wrong else assertion,
            client_assertion_type="urn:x" if "type" in wrong else ASSERTION_TYPE,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("profile", "ahead", "error"),
        [
            ("athena", 3_599, "invalid_grant"),
            ("athena", 3_600, "invalid_client"),
            ("strict", 300, "invalid_grant"),
            ("strict", 301, "invalid_client"),
            ("bcp", 300, "invalid_grant"),
            ("bcp", 301, "invalid_client"),
            ("strict", -9, "invalid_grant"),
            ("strict", -10, "invalid_client"),
        ],
    )
    def test_exp_is_limited_to_the_second(
        self,
        app: App,
        browser: Browser,
        monkeypatch: pytest.MonkeyPatch,
        profile: str,
        ahead: int,
        error: str,
    ) -> None:
        """The server's clock stands still; only an expired one is given ten seconds (S26, Q17)."""
        Client.objects.update(profile=profile)
        moment = timezone.now().replace(microsecond=0)
        monkeypatch.setattr(timezone, "now", lambda: moment)
        audiences = {"athena": ATHENA_AUDIENCE, "strict": TOKEN_ENDPOINT, "bcp": ISSUER}
        exp = int(moment.timestamp()) + ahead
        assertion = app.assertion(aud=audiences[profile], exp=exp)
        answer = app.refresh(browser, "made-up", client_assertion=assertion)
        assert answer.json()["error"] == error, answer.content

    def test_jti_is_accepted_once(self, app: App, browser: Browser) -> None:
        """E6, T7."""
        assertion = app.assertion()
        code = app.allowed(browser)
        assert app.exchange(browser, code, client_assertion=assertion).status_code == 200
        self.refused(app, browser, "used before", client_assertion=assertion)
        for_tokens = RequestRecord.objects.filter(endpoint="token")
        again, first = (row.parameters.get("client_assertion jti") for row in for_tokens)
        assert again == first is not None

    def test_client_id_beside_it_has_to_be_the_same(self, app: App, browser: Browser) -> None:
        """S23."""
        code = app.allowed(browser)
        answer = app.exchange(browser, code, client_id="somebody-else")
        assert_refused(answer, 400, "invalid_request", "client_id")
        assert app.exchange(browser, code, client_id=app.client_id).status_code == 200

    def test_client_of_another_method(self, app: App, browser: Browser) -> None:
        code = app.allowed(browser)
        Client.objects.update(auth_method="client_secret_basic")
        answer = app.exchange(browser, code)
        assert_refused(answer, 401, "invalid_client", "registered for client_secret_basic")


class TestAssertionByAthenasRules:
    """S25, S26, S27."""

    @pytest.fixture(autouse=True)
    def _profile(self, app: App) -> None:
        Client.objects.update(profile="athena")

    @pytest.mark.parametrize(
        ("ahead", "status"), [(300, 200), (3_590, 200), (3_610, 401), (7_200, 401)]
    )
    def test_exp_is_less_than_an_hour_ahead(
        self, app: App, browser: Browser, ahead: int, status: int
    ) -> None:
        """Ten seconds before and after the hour, because the server's clock goes on meanwhile."""
        code = app.allowed(browser)
        claims: dict[str, Any] = {"aud": ATHENA_AUDIENCE, "exp": int(time.time()) + ahead}
        answer = app.exchange(browser, code, client_assertion=app.assertion(**claims))
        assert answer.status_code == status

    def test_audience_is_not_the_token_endpoint(self, app: App, browser: Browser) -> None:
        answer = app.exchange(browser, app.allowed(browser))
        words = f"must be {ATHENA_AUDIENCE}. It was sent to {TOKEN_ENDPOINT}."
        assert_refused(answer, 401, "invalid_client", words)

    def test_jti_and_kid_may_be_missing(self, app: App, browser: Browser) -> None:
        """With one key the kid is not needed."""
        assertion = app.assertion(header={"kid": WITHOUT}, aud=ATHENA_AUDIENCE, jti=WITHOUT)
        code = app.allowed(browser)
        assert app.exchange(browser, code, client_assertion=assertion).status_code == 200

    def test_jti_serves_once_where_there_is_one(self, app: App, browser: Browser) -> None:
        assertion = app.assertion(aud=ATHENA_AUDIENCE)
        first, again = (
            app.refresh(browser, "made-up", client_assertion=assertion) for _ in range(2)
        )
        assert_refused(first, 400, "invalid_grant", "unknown")
        assert_refused(again, 401, "invalid_client", "used before")

    def test_missing_kid_is_ambiguous_with_two_keys(
        self, app: App, browser: Browser, key_server: KeyServer, rsa_key: RSAKey
    ) -> None:
        key_server.keys.append(rsa_key)
        assertion = app.assertion(header={"kid": WITHOUT}, aud=ATHENA_AUDIENCE)
        answer = app.exchange(browser, app.allowed(browser), client_assertion=assertion)
        assert_refused(answer, 401, "invalid_client", "send a kid")


def test_newest_practice_wants_the_issuer_as_audience(app: App, browser: Browser) -> None:
    """S25, Q16, RFC 7523bis."""
    Client.objects.update(profile="bcp")
    code = app.allowed(browser)
    assert app.exchange(browser, code).status_code == 401
    assertion = app.assertion(aud=ISSUER)
    assert app.exchange(browser, code, client_assertion=assertion).status_code == 200


class TestRefresh:
    """S30, S31, E8."""

    def tokens(self, app: App, browser: Browser) -> dict[str, Any]:
        answer: dict[str, Any] = app.exchange(browser, app.allowed(browser)).json()
        return answer

    def test_gives_a_new_access_token_and_the_same_context(
        self, app: App, browser: Browser
    ) -> None:
        first = self.tokens(app, browser)
        second = app.refresh(browser, first["refresh_token"]).json()
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] == first["refresh_token"]
        assert (second["patient"], second["scope"]) == (first["patient"], STANDALONE_SCOPE)
        assert Bearer(second["access_token"]).access

    def test_narrower_scope_narrows_that_token_only(self, app: App, browser: Browser) -> None:
        refresh_token = self.tokens(app, browser)["refresh_token"]
        narrow = app.refresh(browser, refresh_token, scope="patient/Patient.rs").json()
        assert narrow["scope"] == "patient/Patient.rs"
        assert "id_token" not in narrow
        access = Bearer(narrow["access_token"]).access
        assert access is not None
        assert access.scope == ("patient/Patient.rs",)
        again = app.refresh(browser, refresh_token, scope=STANDALONE_SCOPE).json()
        assert again["scope"] == STANDALONE_SCOPE

    @pytest.mark.parametrize("scope", ["patient/Condition.rs", "patient/patient.rs", "OPENID"])
    def test_scope_beyond_the_grant(self, app: App, browser: Browser, scope: str) -> None:
        answer = app.refresh(browser, self.tokens(app, browser)["refresh_token"], scope=scope)
        assert_refused(answer, 400, "invalid_scope", "more than was granted, as with ")

    def test_scope_is_required_by_athenas_rules(self, app: App, browser: Browser) -> None:
        """Q14."""
        refresh_token = self.tokens(app, browser)["refresh_token"]
        Client.objects.update(profile="athena")
        answer = app.refresh(browser, refresh_token, **app.authentication(aud=ATHENA_AUDIENCE))
        assert_refused(answer, 400, "invalid_scope", "scope is missing")

    def test_unknown_missing_foreign_expired(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        refresh_token = self.tokens(app, browser)["refresh_token"]
        assert_refused(app.refresh(browser, "made-up"), 400, "invalid_grant", "unknown")
        missing = app.refresh(browser, "", refresh_token=WITHOUT)
        assert_refused(missing, 400, "invalid_request", "refresh_token")
        register("another-app", key_server)
        another = App("another-app", app.key, key_server)
        foreign = another.refresh(browser, refresh_token)
        assert_refused(foreign, 400, "invalid_grant", "another client")
        Token.objects.update(expires_at=timezone.now())
        assert_refused(app.refresh(browser, refresh_token), 400, "invalid_grant", "expired")

    def test_access_token_is_no_refresh_token(self, app: App, browser: Browser) -> None:
        access_token = self.tokens(app, browser)["access_token"]
        assert_refused(app.refresh(browser, access_token), 400, "invalid_grant", "unknown")

    def test_lives_ninety_days_from_its_last_use(self, app: App, browser: Browser) -> None:
        refresh_token = self.tokens(app, browser)["refresh_token"]
        refresh_tokens = Token.objects.filter(type=Token.Type.REFRESH)
        refresh_tokens.update(expires_at=timezone.now() + timedelta(days=1))
        app.refresh(browser, refresh_token)
        left = refresh_tokens.get().expires_at - timezone.now()
        assert timedelta(days=89, hours=23) < left <= timedelta(days=90)

    def test_rotation_retires_the_old_token(self, app: App, browser: Browser) -> None:
        Client.objects.update(quirks="refresh-rotates")
        first = self.tokens(app, browser)
        second = app.refresh(browser, first["refresh_token"]).json()
        assert second["refresh_token"] != first["refresh_token"]
        assert app.refresh(browser, second["refresh_token"]).status_code == 200

    def test_reuse_of_a_rotated_token_ends_the_family(self, app: App, browser: Browser) -> None:
        """RFC 9700 §4.14.2, T20."""
        Client.objects.update(quirks="refresh-rotates")
        first = self.tokens(app, browser)
        second = app.refresh(browser, first["refresh_token"]).json()
        reused = app.refresh(browser, first["refresh_token"])
        assert_refused(reused, 400, "invalid_grant", "used before")
        assert Bearer(second["access_token"]).access is None
        ended = app.refresh(browser, second["refresh_token"])
        assert_refused(ended, 400, "invalid_grant", "revoked")

    def test_access_token_life_is_the_clients_own_setting(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        """S32."""
        register(app.client_id, key_server, "--access-token-seconds=2")
        tokens = self.tokens(app, browser)
        assert tokens["expires_in"] == 2
        assert Bearer(tokens["access_token"]).access
        Token.objects.update(expires_at=timezone.now())
        assert Bearer(tokens["access_token"]).access is None

    def test_without_offline_access_there_is_none(self, app: App, browser: Browser) -> None:
        """S31."""
        code = app.allowed(browser, scope="launch/patient patient/Patient.rs")
        assert "refresh_token" not in app.exchange(browser, code).json()

    def test_online_access_gives_one_in_an_ehr_launch_only(
        self, app: App, browser: Browser
    ) -> None:
        code = app.allowed(browser, scope="launch/patient online_access")
        assert "refresh_token" not in app.exchange(browser, code).json()
        code = app.launched(browser, scope="launch online_access patient/Patient.rs")
        assert "refresh_token" in app.exchange(browser, code).json()
