"""No request of a stranger causes a 5xx, a long wait or a redirect to a foreign address."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from hypothesis import given, settings
from hypothesis import strategies as st

from smartapp.sandbox.models import Client
from tests.sandbox.conftest import PUBLIC_URL, App, assert_refused, sandbox_client
from tests.sandbox.fuzzing import Answer, Request, Wire, World, basic, requests, with_fields

SECRET = "a secret: with ü"
MAX_SECONDS = 2
TRIES = 3
TOKEN_ENDPOINTS = ("token", "introspect", "revoke")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def members(**known: str) -> st.SearchStrategy[Any]:
    """Objects with most of the known members, right or wrong, or no object at all."""
    right_or_wrong = {name: st.just(value) | json_values for name, value in known.items()}
    return st.fixed_dictionaries({}, optional=right_or_wrong) | json_values


assertions = st.tuples(
    members(alg="ES384", kid="kid", jku="https://app.example/", b64="", crit=""),
    members(iss="app-web", sub="app-web", aud="aud", exp="9999999999", iat="0", jti="jti"),
)


@pytest.fixture
def wire(origin: str) -> Iterator[Wire]:
    with Wire(origin) as wire:
        yield wire


@pytest.fixture
def world(app: App, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> World:
    """Clients of every kind, a person who is signed in, and tokens that work."""
    monkeypatch.setenv("SERVICE_SECRET", SECRET)
    sandbox_client("service", "--kind=service", "--client-secret-env=SERVICE_SECRET")
    sandbox_client(
        "app-public", "--kind=public", f"--redirect-uri={app.redirect_uri}",
        "--launch-url=https://app.example/launch",
        "--post-logout-redirect-uri=https://app.example/bye",
    )  # fmt: skip
    public = App("app-public", app.key, app.server)
    code = public.allowed(browser)
    proof = {"code": code, "code_verifier": public.verifier, "redirect_uri": public.redirect_uri}
    fields = {"grant_type": "authorization_code", "client_id": "app-public", **proof}
    tokens = public.post(browser, "token", fields).json()
    service = basic("service", SECRET)
    given = browser.post(
        "/sandbox/oauth2/v1/token",
        "grant_type=client_credentials&scope=system/*.rs",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": service},
    ).json()
    consent = public.authorize(browser).content.decode()
    form = browser.get("/sandbox/clients/register").content.decode()
    return World(
        authorization_request=public.authorization_request(),
        basic=service,
        bearer=given["access_token"],
        refresh_token=tokens["refresh_token"],
        cookie=f"sandbox_sign_in={browser.cookies['sandbox_sign_in'].value}",
        consent_check=_hidden(consent, "check"),
        csrf=(
            _hidden(form, "csrfmiddlewaretoken"),
            f"csrftoken={browser.cookies['csrftoken'].value}",
        ),
    )


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"\s+value="([^"]*)"', page)
    assert found, page
    return found[1]


def registered_addresses() -> tuple[str, ...]:
    """Return every address that any client has registered."""
    found = ["/sandbox/", f"{PUBLIC_URL}/sandbox/"]
    for client in Client.objects.all():
        found += [*client.redirect_uris, *client.post_logout_redirect_uris]
        found += [url for url in (client.launch_url, client.standalone_url) if url]
    return tuple(found)


def quickest(wire: Wire, request: Request) -> Answer:
    """Return the first answer in time, otherwise the last one: the machine may only be busy."""
    for _ in range(TRIES):
        answer = wire.send(request)
        if answer.seconds <= MAX_SECONDS:
            break
    return answer


def check(request: Request, answer: Answer) -> None:
    assert answer.status < 500, answer.body[:2_000]
    assert answer.seconds <= MAX_SECONDS
    if "location" in answer.headers:
        assert answer.headers["location"].startswith(registered_addresses())
    if answer.status >= 400 and request.path.endswith(TOKEN_ENDPOINTS) and "oauth2" in request.path:
        if request.method != "HEAD":
            assert json.loads(answer.body)["error"]
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("number", [200, pytest.param(1_000, marks=pytest.mark.endurance)])
def test_every_request_has_an_answer_in_time(world: World, wire: Wire, number: int) -> None:
    """Every endpoint over real sockets, with something wrong in each request (E7, S10, S20)."""

    @settings(max_examples=number)
    @given(requests(world))
    def every(request: Request) -> None:
        check(request, quickest(wire, request))

    every()
    assert wire.sent >= number * 0.9


def test_good_requests_are_good(world: World, wire: Wire) -> None:
    """The unchanged requests are accepted; otherwise the fuzz run only tests the first check."""
    answers = [(one.path, wire.send(with_fields(one, fields))) for one, fields in world.good()]
    refused = [(path, answer.status) for path, answer in answers if answer.status >= 400]
    assert sorted(refused) == [
        ("/sandbox/keys/rotate", 403),
        ("/sandbox/oauth2/v1/token", 400),  # a code can be used only once
        ("/sandbox/oauth2/v1/token", 401),  # and so can an assertion
        ("/sandbox/oauth2/v1/unknown", 404),
    ]


@given(assertions)
def test_every_assertion_is_refused_with_401(
    app: App, browser: Browser, assertion: tuple[Any, Any]
) -> None:
    """Whatever JSON the header and the claims contain (E3 to E6)."""
    header, claims = assertion
    text = f"{segment(header)}.{segment(claims)}.c2lnbmF0dXJl"
    fields = {"grant_type": "refresh_token", "refresh_token": "r"} | app.authentication()
    answer = app.post(browser, "token", fields | {"client_assertion": text})
    assert_refused(answer, 401, "invalid_client", "")


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
