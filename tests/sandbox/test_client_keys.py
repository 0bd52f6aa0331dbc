"""How the sandbox fetches and keeps the key sets of its clients (S50 to S56, S6)."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, RSAKey

from smartapp.sandbox import client_keys, http
from smartapp.sandbox.models import Client, JWKSFetch
from tests.sandbox.conftest import (
    WITHOUT,
    App,
    KeyServer,
    assert_refused,
    sandbox_client,
)
from tests.serving import free_port


def ask(app: App, browser: Browser, **fields: Any) -> Any:
    """Send a request that fails after authentication, if the authentication succeeds."""
    return app.refresh(browser, "made-up", **fields)


def assert_authenticated(answer: Any) -> None:
    assert answer.json()["error"] == "invalid_grant", answer.content


class TestKeeping:
    def test_copy_is_kept_as_long_as_it_says(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """S51."""
        for _ in range(3):
            assert_authenticated(ask(app, browser))
        assert key_server.requests == 1
        Client.objects.update(jwks_fresh_until=JWKSFetch.objects.get().at)
        assert_authenticated(ask(app, browser))
        assert key_server.requests == 2

    @pytest.mark.parametrize(
        ("cache_control", "seconds"),
        [
            (None, 300),
            ("public", 300),
            ("max-age=0", 0),
            ("public, max-age=7", 7),
            ("no-store", 0),
            ("max-age=600, no-cache", 0),
            ("s-maxage=7", 300),
            ("max-age=999999999", 29 * 3600),
        ],
    )
    def test_for_how_long(self, cache_control: str | None, seconds: int) -> None:
        assert client_keys.max_age(cache_control) == seconds

    def test_new_key_is_found_at_once(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """An unknown kid may be newer than the copy (S52)."""
        ask(app, browser)
        app.key = ECKey.generate_key("P-384", auto_kid=True)
        key_server.keys.append(app.key)
        assert_authenticated(ask(app, browser))
        assert key_server.requests == 2

    def test_unknown_kids_do_not_make_a_flood(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        for number in range(20):
            ask(app, browser, client_assertion=app.assertion(header={"kid": f"k{number}"}))
        assert key_server.requests == client_keys.REFETCHES_PER_MINUTE

    def test_withdrawn_key_lives_until_the_copy_is_out_of_date(
        self, app: App, browser: Browser, key_server: KeyServer, rsa_key: RSAKey
    ) -> None:
        ask(app, browser)
        key_server.keys = [rsa_key]
        assert_authenticated(ask(app, browser))
        Client.objects.update(jwks_fresh_until=JWKSFetch.objects.get().at)
        assert_refused(ask(app, browser), 401, "invalid_client", "no key with the kid")

    def test_unexpired_copy_outlives_a_failing_fetch(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """An expired one does not (S55)."""
        ask(app, browser)
        key_server.status = 500
        ask(app, browser, client_assertion=app.assertion(header={"kid": "unknown"}))
        assert key_server.requests == 2
        assert_authenticated(ask(app, browser))
        Client.objects.update(jwks_fresh_until=JWKSFetch.objects.latest("pk").at)
        assert_refused(ask(app, browser), 401, "invalid_client", "status 500")

    def test_fetches_can_be_looked_at(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """S56."""
        ask(app, browser)
        fetch = JWKSFetch.objects.get()
        assert (fetch.status, fetch.kids, fetch.fresh_seconds) == (200, [app.key.kid], 300)
        assert str(app.key.kid) in browser.get("/sandbox/clients").content.decode()
        page = browser.get(f"/sandbox/client?client_id={app.client_id}").content.decode()
        assert key_server.url in page
        row = page.partition(f"{fetch.at:%Y-%m-%d %H:%M:%S}")[2].partition("</tr>")[0]
        for words in ("<td>200</td>", "<td>300 s</td>", f"<code>{app.key.kid}</code>"):
            assert words in row


class TestLimits:
    """S50."""

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ({"status": 404}, "status 404"),
            ({"status": 302, "headers": {"Location": "https://evil.example/"}}, "redirect"),
            ({"body": b"<!doctype html>"}, "not JSON"),
            ({"body": b"{}"}, "no list of keys"),
            ({"body": b"[]"}, "no list of keys"),
            ({"body": b'{"keys": [' + b" " * 70_000 + b"]}"}, "longer than"),
            ({"body": b"[" * 60_000}, "not JSON"),
            ({"headers": {"Content-Length": "9"}, "body": b"{"}, "not JSON"),
            ({"headers": {"Content-Length": "x"}, "status": 99}, "the answer is no proper HTTP"),
        ],
    )
    def test_answer_that_is_no_key_set(
        self,
        app: App,
        browser: Browser,
        key_server: KeyServer,
        answer: dict[str, Any],
        words: str,
    ) -> None:
        for name, value in answer.items():
            setattr(key_server, name, value)
        assert_refused(ask(app, browser), 401, "invalid_client", words)
        assert words in JWKSFetch.objects.get().problem

    def test_slow_answer(
        self,
        app: App,
        browser: Browser,
        key_server: KeyServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        assert http.TIMEOUT_SECONDS == 5
        monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.2)
        key_server.delay_seconds = 0.5
        started = time.monotonic()
        assert_refused(ask(app, browser), 401, "invalid_client", "no complete answer")
        assert time.monotonic() - started < 2

    def test_loopback_is_for_development_only(
        self, app: App, browser: Browser, settings: Any, key_server: KeyServer
    ) -> None:
        settings.ALLOW_LOOPBACK_EHRS = False
        assert_refused(ask(app, browser), 401, "invalid_client", "not public")
        assert key_server.requests == 0

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest/meta-data",
            "https://10.0.0.1/jwks",
            "https://[::ffff:10.0.0.1]/jwks",
            "https://[fe80::1]/jwks",
            "https://0.0.0.0/jwks",
            "https://2130706434.invalid/jwks",
            "http://8.8.8.8/jwks",
            "https://127.0.0.1:99999/",
        ],
    )
    def test_address_that_is_not_public_or_not_https(self, url: str) -> None:
        """T12."""
        with pytest.raises(http.FetchFailed):
            http.fetch(url)

    @pytest.mark.parametrize(
        "address",
        [
            "64:ff9b::10.0.0.1",
            "2002:a00:1::",
            "64:ff9b:1::1",
            "fec0::1",
            "3fff::1",
            "5f00::1",
            "192.0.0.8",
        ],
    )
    def test_networks_that_are_not_public_are_named(self, address: str) -> None:
        """T12: whatever this version of Python knows of them, and also inside another address."""
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(http.FetchFailed, match="not public"):
            http.fetch(f"https://{host}/jwks")

    @pytest.mark.parametrize("url", ["https://10.0.0.1/jwks", "https://[::ffff:169.254.169.254]/k"])
    def test_private_address_is_a_refusal_to_the_client(
        self, app: App, browser: Browser, url: str
    ) -> None:
        """Quickly, with the documented status, and without a connection (T12)."""
        Client.objects.update(jwks_url=url)
        started = time.monotonic()
        assert_refused(ask(app, browser), 401, "invalid_client", "not public")
        assert time.monotonic() - started < 2
        assert "not public" in JWKSFetch.objects.get().problem

    def test_nobody_listens(self) -> None:
        """In words, not by the name of an exception class (S56)."""
        with pytest.raises(http.FetchFailed, match=r"^no connection could be made$"):
            http.fetch(f"http://127.0.0.1:{free_port()}/jwks.json")

    def test_certificate_is_checked(self, key_server: KeyServer) -> None:
        with pytest.raises(http.FetchFailed, match="no secure connection"):
            http.fetch(key_server.url.replace("http:", "https:"))


class TestKeySets:
    def published(self, *keys: dict[str, Any]) -> list[client_keys.Jwk]:
        return client_keys.parse_jwks(json.dumps({"keys": keys}).encode())

    def test_private_key_is_refused_loudly(self, ec_key: ECKey) -> None:
        with pytest.raises(client_keys.JWKSInvalid, match="private key"):
            self.published(ec_key.as_dict(private=True))

    def test_useless_keys_are_left_out(self, ec_key: ECKey) -> None:
        good = ec_key.as_dict(private=False)
        weak = {"kty": "RSA", "e": "AQAB", "n": "v" * 171}
        unusable: list[dict[str, Any]] = [weak, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "EC"}, {}]
        odd: list[dict[str, Any]] = [
            good | {"use": "enc"},
            good | {"kid": 7},
            good | {"kid": "\ud800"},
        ]
        assert self.published(*unusable, *odd, dict(good)) == [good]

    @pytest.mark.parametrize("kind", ["of its own type", "of another type"])
    def test_two_keys_of_one_kid_are_ambiguous(
        self, app: App, browser: Browser, key_server: KeyServer, rsa_key: RSAKey, kind: str
    ) -> None:
        """A kid is unique within a key set (SMART App Launch 2.2; S53)."""
        twin: Key = rsa_key if kind == "of another type" else ECKey.generate_key("P-384")
        named = twin.as_dict(private=False) | {"kid": str(app.key.kid)}
        key_server.keys.append(type(twin).import_key(named))
        assert_refused(ask(app, browser), 401, "invalid_client", "More than one key")

    def test_sixth_key_is_warned_of(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """The number is a recommendation, not a limit (S6)."""
        key_server.keys += [ECKey.generate_key("P-256", auto_kid=True) for _ in range(5)]
        assert_authenticated(ask(app, browser))
        assert "6 keys" in JWKSFetch.objects.get().problem

    def test_no_key_at_all_cannot_authenticate(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """S6."""
        key_server.keys = []
        Client.objects.update(profile="athena")
        assertion = app.assertion(header={"kid": WITHOUT})
        answer = ask(app, browser, client_assertion=assertion)
        assert_refused(answer, 401, "invalid_client", "has no key")

    def test_imported_set_needs_no_url(
        self, db: None, browser: Browser, ec_key: ECKey, tmp_path: Path
    ) -> None:
        file = tmp_path / "jwks.json"
        file.write_text(json.dumps({"keys": [ec_key.as_dict(private=False)]}))
        sandbox_client("importer", "--kind=service", f"--jwks-file={file}")
        app = App("importer", ec_key, KeyServer([]))
        fields = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
        answer = app.post(browser, "token", fields | app.authentication())
        assert answer.status_code == 200

    @given(st.binary())
    def test_any_bytes_are_a_key_set_or_refused(self, body: bytes) -> None:
        with suppress(client_keys.JWKSInvalid):
            client_keys.parse_jwks(body)

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )

    @given(
        st.fixed_dictionaries(
            {"kty": st.sampled_from(["RSA", "EC", "oct", 1, None])},
            optional=dict.fromkeys(("n", "e", "x", "y", "crv", "kid", "alg", "use"), json_values),
        )
    )
    def test_any_members_are_a_key_or_left_out(self, jwk: dict[str, Any]) -> None:
        self.published(jwk)
