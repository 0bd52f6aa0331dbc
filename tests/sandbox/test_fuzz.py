"""Nothing that a stranger sends is an error of ours: no 5xx, whatever the parameters."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

from django.test import Client as Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.conftest import (
    ASSERTION_TYPE,
    FHIR_BASE,
    OAUTH,
    REDIRECT_URI,
    SCOPE,
    App,
    assert_refused,
)

KNOWN = {
    "aud": FHIR_BASE,
    "authorization_request": f"client_id=app-web&redirect_uri={REDIRECT_URI}",
    "client_assertion": "e30.e30.e30",
    "client_assertion_type": ASSERTION_TYPE,
    "client_id": "app-web",
    "client_secret": "secret",
    "code": "code",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
    "code_verifier": "v" * 43,
    "decision": "allow",
    "fault": "token-500,fhir-html:Patient",
    "format": "json",
    "grant_type": "authorization_code",
    "launch": "launch",
    "id_token_hint": "e30.e30.e30",
    "nonce": "nonce",
    "patient": "a-1.E-1001",
    "post_logout_redirect_uri": REDIRECT_URI,
    "prompt": "none",
    "redirect_uri": REDIRECT_URI,
    "refresh_token": "token",
    "response_type": "code",
    "scope": SCOPE,
    "state": "state",
    "token": "token",
    "token_type_hint": "access_token",
    "user": "patient",
    "username": "patient",
}
parameters = st.lists(
    st.one_of(
        st.sampled_from(sorted(KNOWN.items())),
        st.tuples(st.sampled_from(sorted(KNOWN)), st.text(max_size=50)),
        st.tuples(st.text(max_size=10), st.text(max_size=50)),
    ),
    max_size=14,
)
paths = st.sampled_from(
    [
        f"{OAUTH}/authorize", f"{OAUTH}/sign-in", f"{OAUTH}/consent", f"{OAUTH}/token",
        f"{OAUTH}/introspect", f"{OAUTH}/revoke", f"{OAUTH}/keys", f"{OAUTH}/logout",
        f"{OAUTH}/unknown", "/sandbox/preview/oauth2/v1/token",
        "/sandbox/preview/oauth2/v1/authorize",
        "/sandbox/", "/sandbox/launch", "/sandbox/standalone", "/sandbox/frame",
        "/sandbox/clients", "/sandbox/clients/register", "/sandbox/client", "/sandbox/requests",
        "/sandbox/keys/rotate", "/sandbox/fhir/r4/Patient", "/sandbox/fhir/r4/Patient/_search",
    ]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def members(**known: str) -> st.SearchStrategy[Any]:
    """Objects that have most of the known members, right or wrong, or no object at all."""
    right_or_wrong = {name: st.just(value) | json_values for name, value in known.items()}
    return st.fixed_dictionaries({}, optional=right_or_wrong) | json_values


assertions = st.tuples(
    members(alg="ES384", kid="kid", jku="https://app.example/", b64="", crit=""),
    members(iss="app-web", sub="app-web", aud="aud", exp="9999999999", iat="0", jti="jti"),
)
headers = st.fixed_dictionaries(
    {}, optional={"Authorization": st.text(max_size=40).map(lambda text: f"Basic {text}")}
)


fuzzing = settings(
    max_examples=1_000, deadline=2_000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@fuzzing
@given(assertions)
def test_every_assertion_is_refused_with_401(app: App, assertion: tuple[Any, Any]) -> None:
    header, claims = assertion
    text = f"{segment(header)}.{segment(claims)}.c2lnbmF0dXJl"
    fields = {"grant_type": "refresh_token", "refresh_token": "r"} | app.authentication()
    answer = app.post(Browser(), "token", fields | {"client_assertion": text})
    assert_refused(answer, 401, "invalid_client", "")


@fuzzing
@given(st.sampled_from(["GET", "POST", "PUT", "OPTIONS"]), paths, parameters, headers)
def test_every_request_has_an_answer(
    app: App,
    method: str,
    path: str,
    parameters: list[tuple[str, str]],
    headers: dict[str, Any],
) -> None:
    browser = Browser(raise_request_exception=True)
    text = urlencode(parameters, errors="replace")
    query, body = (text, "") if method == "GET" else ("", text)
    answer = browser.generic(
        method, f"{path}?{query}", body, "application/x-www-form-urlencoded", headers=headers
    )
    assert answer.status_code < 500
