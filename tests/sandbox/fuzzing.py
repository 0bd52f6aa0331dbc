"""Requests as strangers might send them: good ones with something wrong, and nonsense.

`World` holds what a good request needs: registered clients, tokens, a sign-in. A request is drawn
from it, changed at a few points, and sent over a socket byte for byte.
"""

import json
import time
from base64 import b64encode
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from hypothesis import strategies as st

from tests.sandbox.conftest import ASSERTION_TYPE, OAUTH

FORM = "application/x-www-form-urlencoded"
FHIR = "/sandbox/fhir/r4"
PATIENT = "a-1.E-1001"
MEGABYTE = 1_000_000
Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        joint = "&" if "?" in self.path else "?"
        return f"{self.path}{joint}{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Wire:
    """A connection to the running server that counts the bytes it carries."""

    def __init__(self, origin: str) -> None:
        self.address = urlsplit(origin).netloc
        self.connection = HTTPConnection(self.address, timeout=30)
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, request: Request) -> Answer:
        """Send it and wait for the whole answer; a closed connection is opened again."""
        self.sent += 1
        try:
            return self._sent(request)
        except (HTTPException, BrokenPipeError, ConnectionResetError):
            self.connection.close()
            return self._sent(request)

    def _sent(self, request: Request) -> Answer:
        began = time.monotonic()
        self.connection.request(request.method, request.target, request.body, request.headers)
        answer: HTTPResponse = self.connection.getresponse()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, body, time.monotonic() - began)


@dataclass(frozen=True)
class World:
    """What good requests are made of."""

    authorization_request: dict[str, Any]
    basic: str
    bearer: str
    refresh_token: str
    cookie: str
    consent_check: str
    csrf: tuple[str, str]
    """The token of the form and the cookie that belongs to it."""

    def good(self) -> list[tuple[Request, Fields]]:
        """Return one good request for each thing that can be done here, and its parameters."""
        basic = {"Authorization": self.basic}
        signed_in = {"Cookie": f"{self.cookie}; {self.csrf[1]}"}
        carried = urlencode(self.authorization_request)
        person = ("authorization_request", carried)
        token = [("token", self.bearer), ("token_type_hint", "access_token")]
        scene = [("client_id", "app-public"), ("patient", PATIENT), ("user", "clinician"),
                 ("encounter", ""), ("intent", "order-detail"), ("fault", "token-jwt")]  # fmt: skip
        bearer = {"Authorization": f"Bearer {self.bearer}"}
        search = [("patient", PATIENT), ("_count", "3"), ("category", "vital-signs"),
                  ("date", "ge2020-01-01"), ("_sort", "-date"), ("code", "8302-2")]  # fmt: skip
        posts = [
            ("token", [("grant_type", "client_credentials"), ("scope", "system/*.rs")], basic),
            ("token", [("grant_type", "refresh_token"), ("client_id", "app-public"),
                       ("refresh_token", self.refresh_token), ("scope", "openid")], {}),
            ("token", [("grant_type", "authorization_code"), ("client_id", "app-public"),
                       ("code", "c"), ("code_verifier", "v" * 43),
                       ("redirect_uri", self.authorization_request["redirect_uri"])], {}),
            ("token", [("grant_type", "client_credentials"), ("client_assertion", "e30.e30.e30"),
                       ("client_assertion_type", ASSERTION_TYPE)], {}),
            ("introspect", token, basic),
            ("revoke", [("token", "made-up"), ("token_type_hint", "refresh_token")], basic),
            ("authorize", list(self.authorization_request.items()), signed_in),
            ("sign-in", [person, ("username", "patient"), ("password", "sandbox")], signed_in),
            ("consent", [person, ("decision", "allow"), ("check", self.consent_check),
                         ("scope", "openid"), ("patient", PATIENT)], signed_in),
            ("logout", [("client_id", "app-public"), ("state", "s"),
                        ("post_logout_redirect_uri", "https://app.example/bye")], {}),
        ]  # fmt: skip
        gets = [
            (f"{OAUTH}/authorize", list(self.authorization_request.items()), signed_in),
            (f"{OAUTH}/introspect", token, basic),
            (f"{OAUTH}/keys", [("client_id", "app-public")], {}),
            (f"{OAUTH}/logout", [("client_id", "app-public"), ("id_token_hint", "e30.e30.e30"),
                                 ("post_logout_redirect_uri", "https://app.example/bye")], {}),
            (f"{OAUTH}/unknown", [], {}),
            ("/sandbox/", [("client_id", "app-public"), ("search", "a")], {}),
            ("/sandbox/launch", [*scene, ("format", "json")], {}),
            ("/sandbox/launch", scene, {}),
            ("/sandbox/standalone", [("client_id", "service"), ("fault", "token-jwt")], {}),
            ("/sandbox/frame", scene, {}),
            ("/sandbox/clients", [], {}),
            ("/sandbox/clients/register", [("client_id", "app-public")], {}),
            ("/sandbox/client", [("client_id", "app-public")], {}),
            ("/sandbox/requests", [("client_id", "app-public")], {}),
            ("/sandbox/smart-style.json", [], {}),
            ("/sandbox/bcp/okta/oauth2/aussandbox0000000004/.well-known/openid-configuration",
             [], {}),
            (f"{FHIR}/.well-known/smart-configuration", [], {}),
            (f"{FHIR}/metadata", [], {}),
            (f"{FHIR}/Patient/{PATIENT}", [], bearer),
            (f"{FHIR}/Patient", [("name", "a"), ("birthdate", "lt2000"), ("_id", "x")], bearer),
            (f"{FHIR}/Observation", search, bearer),
        ]  # fmt: skip
        forms = [
            (f"{FHIR}/Observation/_search", search, bearer),
            ("/sandbox/keys/rotate", [("csrfmiddlewaretoken", "wrong")], signed_in),
            ("/sandbox/clients/register", self._registration(), signed_in),
            (
                "/sandbox/client/keys?client_id=app-web",
                [("csrfmiddlewaretoken", self.csrf[0])],
                signed_in,
            ),
        ]
        return [
            *((Request("GET", path, headers=headers), fields) for path, fields, headers in gets),
            *(_post(f"{OAUTH}/{name}", fields, headers) for name, fields, headers in posts),
            *(_post(path, fields, headers) for path, fields, headers in forms),
        ]

    def _registration(self) -> Fields:
        return [
            ("csrfmiddlewaretoken", self.csrf[0]), ("name", "Stranger"), ("kind", "public"),
            ("world", "production"), ("auth_method", "none"), ("profile", "strict"),
            ("redirect_uris", "https://app.example/cb"), ("access_token_seconds", "3600"),
            ("token_requests_per_minute", "0"), ("jwks_url", ""), ("jwks", ""),
        ]  # fmt: skip


def _post(path: str, fields: Fields, headers: dict[str, str]) -> tuple[Request, Fields]:
    return Request("POST", path, headers=headers | {"Content-Type": FORM}), fields


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{quote(client_id)}:{quote(secret)}".encode()).decode()


NAMES = st.sampled_from(
    ["fault", "scope", "client_id", "client_secret", "redirect_uri", "state", "launch", "prompt",
     "token_type_hint", "_cursor", "_count", "format", "grant_type", "aud", "nonce"]
)  # fmt: skip
ODD = st.sampled_from(
    ["", "\x00", "\ufffd", "💥", "a" * 20_000, "%", "%ff", "{}", "[]", '{"keys": [null]}', "-1",
     "1e999", "NaN", "9" * 400, "http://[::1", "javascript:alert(1)", "https://evil.example/cb",
     "a,b", "patient/*.cruds?category=x|y", "../..", "\r\nSet-Cookie: a=b", "none login",
     "authorization_code", "nonsense", "token-slow:99", "fhir-html:Patient", "e30.e30.e30"]
) | st.text(max_size=40)  # fmt: skip
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["drop", "replace", "repeat", "add"]), st.integers(0, 12), NAMES, ODD
    ),
    max_size=3,
)
METHODS = st.sampled_from(["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "GET", "POST", "PROPFIND"])
BODIES = st.sampled_from(
    [
        (FORM, b"\xff\xfe=%ff&\x00=%00&grant_type=\xe9"),
        (FORM, b"grant_type=" + b"x" * MEGABYTE),
        (FORM, b"x" * MEGABYTE),
        (FORM, b"&".join(b"f%d=1" % number for number in range(5_000))),
        (FORM, b"a=1" + b"&" * MEGABYTE),
        (FORM, b"x" * 3 * MEGABYTE),
        (f"{FORM}; charset=utf-16", b"grant_type=x"),
        (f"{FORM}; charset=nonsense", b"grant_type=x"),
        ("application/json", json.dumps({"grant_type": "client_credentials"}).encode()),
        ("application/json", b"[" * 100_000),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\n"),
        ("text/plain", b"grant_type=client_credentials"),
        ("", b"grant_type=client_credentials"),
    ]
)
AUTHORIZATIONS = st.sampled_from(
    ["Basic", "Basic ====", "Basic " + b64encode(b"\xff\xfe:\xff").decode(), "Basic YWJj",
     "Bearer", "Bearer a b c", "Basic " + "A" * 20_000, "Digest x", "basic Og==", "\xff\xfe"]
)  # fmt: skip


ADDRESSES = st.sampled_from(
    ["fault=nonsense", "fault=token-jwt", "fault=token-slow:", f"fault={'a' * 600}", "%ff=%fe",
     "%zz=%", "a=%00", "a[]=1;b", "=", "f=1&" * 1_500, f"a={'b' * 30_000}"]
)  # fmt: skip
"""What stands behind the question mark besides."""


def with_fields(request: Request, fields: Fields) -> Request:
    text = urlencode(fields)
    if request.method == "GET":
        return replace(request, query=text)
    return replace(request, body=text.encode())


def changed(fields: Fields, changes: list[tuple[str, int, str, str]]) -> Fields:
    found = list(fields)
    for kind, position, name, value in changes:
        place = position % len(found) if found else 0
        if kind == "add" or not found:
            found.append((name, value))
        elif kind == "drop":
            del found[place]
        elif kind == "replace":
            found[place] = (found[place][0], value)
        else:
            found.append((found[place][0], value))
    return found


def requests(world: World) -> st.SearchStrategy[Request]:
    """Good requests with a few changes, sometimes with another method, body or authorization."""

    def built(
        good: tuple[Request, Fields],
        changes: list[tuple[str, int, str, str]],
        place: str,
        method: str | None,
        body: tuple[str, bytes] | None,
        authorization: str | None,
        address: str | None,
    ) -> Request:
        request, fields = good
        request = with_fields(request, changed(fields, changes))
        if body:
            headers = request.headers | {"Content-Type": body[0]}
            request = replace(request, body=body[1], headers=headers)
        if authorization is not None:
            request = replace(request, headers=request.headers | {"Authorization": authorization})
        path = request.path.replace("/sandbox/", place, 1)
        query = "&".join(filter(None, (request.query, address)))
        return replace(request, path=path, query=query, method=method or request.method)

    seldom = st.sampled_from([False] * 9 + [True])

    def now_and_then(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return seldom.flatmap(lambda wanted: strategy if wanted else st.none())

    places = ["/sandbox/"] * 7 + [f"/sandbox/{name}/" for name in ("preview", "strict", "bcp")]
    return st.builds(
        built,
        st.sampled_from(world.good()),
        CHANGES,
        st.sampled_from(places),
        now_and_then(METHODS),
        now_and_then(BODIES),
        now_and_then(AUTHORIZATIONS),
        now_and_then(ADDRESSES),
    )
