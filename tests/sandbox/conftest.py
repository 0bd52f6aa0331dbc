"""An app that connects to the running sandbox over HTTP, with its key set on a separate server.

Everything here is written from the standards alone. It uses nothing of the product's client side,
because the same mistake on both sides would go unnoticed.
"""

import base64
import hashlib
import io
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey
from pytest_django import DjangoDbBlocker

from smartapp.sandbox import id_token_faults
from smartapp.sandbox.models import Client
from tests.sandbox.over_http import BrowserOverHTTP
from tests.serving import free_port, served

OAUTH = "/sandbox/oauth2/v1"
PUBLIC_URL = "http://127.0.0.1:8000"
FHIR_BASE = f"{PUBLIC_URL}/sandbox/fhir/r4"
ISSUER = f"{PUBLIC_URL}/sandbox/okta/oauth2/aussandbox0000000001"
TOKEN_ENDPOINT = f"{PUBLIC_URL}{OAUTH}/token"
REDIRECT_URI = "https://app.example/callback"
SCOPE = "openid fhirUser launch offline_access patient/Patient.rs patient/Observation.rs"
STANDALONE_SCOPE = SCOPE.replace("launch", "launch/patient")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
WITHOUT = object()
"""As a value: leave this member out."""


@dataclass
class KeyServer:
    """A web server that answers with a key set, or with whatever a test sets."""

    keys: list[Key]
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "max-age=300"})
    delay_seconds: float = 0
    requests: int = 0
    url: str = ""

    def answer(self) -> bytes:
        self.requests += 1
        time.sleep(self.delay_seconds)
        if self.body is not None:
            return self.body
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


def serve(server: KeyServer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = server.answer()
            self.send_response(server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/jwks.json"
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    return http


class Form(HTMLParser):
    """The only form of a page, as a person without JavaScript sees it."""

    def __init__(self, html: str, *, named_buttons: bool = True) -> None:
        super().__init__()
        self.named_buttons = named_buttons
        self.action = ""
        self.method = ""
        self.fields: list[tuple[str, str]] = []
        self.choices: dict[str, list[str]] = {}
        self.buttons: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = found["action"], found["method"]
        elif tag == "button" and self.named_buttons:
            self.buttons.append((found["name"], found["value"]))
        elif tag == "input" and "name" in found:
            self._input(found)

    def _input(self, found: dict[str, str]) -> None:
        name, value = found["name"], found.get("value", "")
        if found.get("type") in {"radio", "checkbox"}:
            self.choices.setdefault(name, []).append(value)
            if "checked" not in found:
                return
        self.fields.append((name, value))

    def values(self, button: int, changes: dict[str, Any]) -> dict[str, list[str]]:
        values: dict[str, list[str]] = {}
        for name, value in [*self.fields, self.buttons[button]]:
            values.setdefault(name, []).append(value)
        for name, value in changes.items():
            values[name] = value if isinstance(value, list) else [value]
        return values


def submit(browser: Browser, page: Any, *, button: int = 0, **changes: Any) -> Any:
    """Submit the page's form as filled in, with changes; follow the sandbox's own redirects."""
    form = Form(page.content.decode())
    assert form.method == "post"
    response = post_form(browser, form.action, form.values(button, changes))
    if response.status_code == 303:
        response = browser.get(response["Location"])
    return response


def post_form(browser: Browser, path: str, fields: dict[str, Any]) -> Any:
    body = urlencode(fields, doseq=True)
    return browser.post(path, body, content_type="application/x-www-form-urlencoded")


def rotate_key(browser: Browser) -> None:
    """Press the launcher's button, with the CSRF token of its form."""
    page = browser.get("/sandbox/").content.decode()
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    answer = post_form(browser, "/sandbox/keys/rotate", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 302, answer.content


@dataclass
class App:
    """A registered app: what it sends, and the one thing that a test changes."""

    client_id: str
    key: Key
    server: KeyServer
    redirect_uri: str = REDIRECT_URI
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def record(self) -> Client:
        return Client.objects.get(client_id=self.client_id)

    def challenge(self) -> str:
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(hashed).decode().rstrip("=")

    def authorization_request(self, **changes: Any) -> dict[str, Any]:
        request = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": STANDALONE_SCOPE,
            "state": self.state,
            "nonce": self.nonce,
            "aud": FHIR_BASE,
            "code_challenge": self.challenge(),
            "code_challenge_method": "S256",
        }
        return changed(request, changes)

    def launch(self, browser: Browser, **values: str) -> str:
        """Start an EHR launch as a program does; return the launch value."""
        query = {"client_id": self.client_id, "format": "json", **values}
        response = browser.get("/sandbox/launch", query)
        assert response.status_code == 200, response.content
        return str(response.json()["launch"])

    def authorize(self, browser: Browser, **changes: Any) -> Any:
        query = urlencode(self.authorization_request(**changes), doseq=True)
        return browser.get(f"{OAUTH}/authorize?{query}")

    def allowed(
        self,
        browser: Browser,
        *,
        user: str = "patient",
        patient: str | None = None,
        ticked: list[str] | None = None,
        **changes: Any,
    ) -> str:
        """Go through sign-in, picker and consent where asked; return the code."""
        if ticked:
            changes = {"prompt": "consent"} | changes
        page = self.authorize(browser, **changes)
        if b"Who can sign in" in page.content:
            page = submit(browser, page, username=user, password="sandbox")
        if "patient" in Form(page.content.decode()).choices:
            choice: dict[str, Any] = {"patient": patient} if patient else {}
            page = submit(browser, page, **choice)
        if page.status_code == 200:
            ticks: dict[str, Any] = {"scope": ticked} if ticked else {}
            page = submit(browser, page, **ticks)
        return response_parameters(page)["code"]

    def launched(
        self, browser: Browser, *, ticked: list[str] | None = None, scope: str = SCOPE, **scene: str
    ) -> str:
        """Go through an EHR launch as the clinician; return the code."""
        launch = self.launch(browser, **scene)
        return self.allowed(browser, user="clinician", ticked=ticked, launch=launch, scope=scope)

    def assertion(
        self, *, header: dict[str, Any] | None = None, key: Key | None = None, **claims: Any
    ) -> str:
        """Return a good client assertion, apart from the claims and header members given."""
        now = int(time.time())
        usual = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": TOKEN_ENDPOINT,
            "iat": now,
            "exp": now + 240,
            "jti": secrets.token_urlsafe(16),
        }
        signing = key or self.key
        alg = "ES384" if signing.key_type == "EC" else "RS384"
        head = changed({"alg": alg, "kid": self.key.kid, "typ": "JWT"}, header or {})
        text = jwt.encode(head, changed(usual, claims), signing, [str(head.get("alg"))])
        return str(text)

    def authentication(self, **claims: Any) -> dict[str, str]:
        return {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(**claims),
        }

    def exchange(self, browser: Browser, code: str, /, **changes: Any) -> Any:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **self.authentication(),
        }
        return self.post(browser, "token", changed(fields, changes))

    def refresh(self, browser: Browser, refresh_token: str, /, **changes: Any) -> Any:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            **self.authentication(),
        }
        return self.post(browser, "token", changed(fields, changes))

    def post(self, browser: Browser, endpoint: str, fields: dict[str, Any]) -> Any:
        return post_form(browser, f"{OAUTH}/{endpoint}", fields)


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (values | changes).items() if value is not WITHOUT}


def response_parameters(response: Any) -> dict[str, str]:
    """Return the parameters that an authorization response brings back to the app."""
    assert response.status_code == 302, response.content
    location = response["Location"]
    assert location.startswith(REDIRECT_URI), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def assert_refused(response: Any, status: int, error: str, words: str) -> None:
    """Check the documented form of a refusal: status, code, its own text, no-store (S4)."""
    body = json.loads(response.content)
    assert (response.status_code, body["error"]) == (status, error), body
    assert words in body["error_description"]
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"
    assert response["Content-Type"] == "application/json"


@pytest.fixture(autouse=True)
def no_key_of_another_test() -> None:
    """Clear the cached unpublished key: the pool reuses keys, so it may be another test's."""
    id_token_faults._unpublished_key.cache_clear()


@pytest.fixture(scope="session")
def ec_key() -> ECKey:
    return ECKey.generate_key("P-384", auto_kid=True)


@pytest.fixture(scope="session")
def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture
def key_server(ec_key: ECKey) -> Iterator[KeyServer]:
    server = KeyServer([ec_key])
    http = serve(server)
    yield server
    http.shutdown()
    http.server_close()


@pytest.fixture
def app(transactional_db: None, ec_key: ECKey, key_server: KeyServer) -> App:
    """A confidential web app, registered in the way the command registers it."""
    register("app-web", key_server)
    return App("app-web", ec_key, key_server)


def register(client_id: str, server: KeyServer, *options: str) -> None:
    sandbox_client(
        client_id,
        "--kind=web",
        "--name=Growth Chart",
        f"--jwks-url={server.url}",
        f"--redirect-uri={REDIRECT_URI}",
        "--launch-url=https://app.example/launch",
        *options,
    )


def sandbox_client(*options: str) -> dict[str, Any]:
    """Run the command and return the record that it prints."""
    printed = io.StringIO()
    call_command("sandbox_client", *options, "--json", stdout=printed)
    record: dict[str, Any] = json.loads(printed.getvalue())
    return record


@pytest.fixture(scope="session")
def origin(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The running sandbox over real sockets; PUBLIC_URL only sets what it says about itself."""
    with ExitStack() as running:
        with django_db_blocker.unblock():
            origin = running.enter_context(served(free_port()))
        yield origin


@pytest.fixture
def browser(transactional_db: None, origin: str) -> Browser:
    return BrowserOverHTTP(origin)
