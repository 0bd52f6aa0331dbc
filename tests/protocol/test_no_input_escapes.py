"""No input makes a parser raise anything but our own errors (T25).

Three kinds of input for every parser: noise, any JSON, and valid documents with one part changed.
The tests fail if a parser raises, say, KeyError, or takes seconds.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from smartapp.protocol import (
    authorization,
    discovery,
    fhir,
    id_token,
    jwks,
    launch_context,
    scopes,
    token,
    urls,
)
from smartapp.protocol.errors import SmartError
from smartapp.protocol.json import JSONInvalid, parse_json, parse_json_object
from tests import vectors
from tests.hostile import as_body, broken, json_values, mutated

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BASE = "https://ehr.example/fhir/r4"
KEY = ECKey.generate_key("P-256")
KEYS = jwks.parse_jwks(
    jwks.jwks_document([jwks.public_jwk(KEY.as_dict(private=False), kid="k", alg="ES256")])
)
CLAIMS: dict[str, Any] = {
    "iss": BASE,
    "sub": "s",
    "aud": ["c"],
    "azp": "c",
    "exp": NOW.timestamp() + 60,
    "iat": NOW.timestamp(),
    "nbf": NOW.timestamp(),
    "nonce": "n",
    "at_hash": "ypeBEsobvcr6wjGzmiPcTQ",
    "fhirUser": f"{BASE}/Patient/1",
}
CONTEXT: dict[str, Any] = {
    "patient": "1",
    "encounter": "2",
    "need_patient_banner": False,
    "smart_style_url": f"{BASE}/style.json",
    "intent": "i",
    "tenant": "t",
    "fhirContext": [{"reference": "List/1", "role": "r", "identifier": {"value": "1"}}],
    "vendor": {"a": [1]},
}

DOCUMENTS: dict[str, Any] = {
    "discovery": {
        "issuer": BASE,
        "authorization_endpoint": f"{BASE}/authorize",
        "token_endpoint": "token",
        "jwks_uri": f"{BASE}/keys",
        "capabilities": ["launch-ehr"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    },
    "openid": {"issuer": BASE, "jwks_uri": f"{BASE}/keys"},
    "token": {**vectors.load("athena-token-response"), **CONTEXT},
    "jwks": vectors.load("smart-app-launch")["public"],
    "bundle": {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": f"{BASE}/Observation?page=2"}],
        "entry": [
            {"resource": {"resourceType": "Observation", "subject": {"reference": "Patient/1"}}},
            {"resource": {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "x"}]}},
        ],
    },
    "outcome": {
        "resourceType": "OperationOutcome",
        "issue": [{"code": "x", "details": {"text": "t"}, "diagnostics": "d"}],
    },
}


def read_discovery(body: bytes) -> None:
    found = discovery.parse_discovery(body, fhir_base_url=BASE)
    discovery.hosts(found)
    discovery.validate_for_launch(found)


def read_token(status: int) -> Callable[[bytes], None]:
    def read(body: bytes) -> None:
        response = token.parse_token_response(status, body, requested_at=NOW)
        scopes.parse_scopes(response.scope or "")
        context = launch_context.parse_launch_context(response.members)
        json.dumps(context.extras, ensure_ascii=False).encode()

    return read


def read_jwks(body: bytes) -> None:
    found = jwks.parse_jwks(body)
    for alg in jwks.SIGNATURE_ALGORITHMS:
        found.find(None, alg).verifies(b"signature", b"input", alg)


def read_bundle(body: bytes) -> None:
    for resource in fhir.parse_bundle(body, fhir_base_url=BASE, url=BASE).resources:
        fhir.patient_of(resource, fhir_base_url=BASE)


PARSERS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "discovery": ("discovery", read_discovery),
    "openid": (
        "openid",
        lambda body: discovery.parse_openid_configuration(body, issuer=BASE),
    ),
    "token": ("token", read_token(200)),
    "token refused": ("token", read_token(400)),
    "jwks": ("jwks", read_jwks),
    "bundle": ("bundle", read_bundle),
    "resource": (
        "outcome",
        lambda body: fhir.parse_resource(body, resource_type="Patient", id="1"),
    ),
    "error text": ("outcome", lambda body: fhir.error_words(None, body)),
}


@pytest.mark.parametrize("name", sorted(PARSERS))
@given(data=st.data())
def test_a_body(name: str, data: st.DataObject) -> None:
    document, parser = PARSERS[name]
    good = DOCUMENTS[document]
    body = data.draw(
        st.binary(max_size=200)
        | json_values.map(as_body)
        | mutated(good).map(as_body)
        | broken(as_body(good))
    )
    with suppress(SmartError):
        parser(body)


@given(st.binary() | json_values.map(as_body) | broken(as_body(DOCUMENTS["token"])))
def test_json(body: bytes) -> None:
    """Parsed values can be stored everywhere, and parse to the same values again."""
    with suppress(JSONInvalid):
        value = parse_json(body)
        text = json.dumps(value, ensure_ascii=False)
        assert parse_json(text.encode()) == value
    with suppress(JSONInvalid):
        parse_json_object(body)


@given(json_values | mutated(DOCUMENTS["bundle"]["entry"][0]["resource"]))
def test_a_resource_in_hand(resource: Any) -> None:
    if isinstance(resource, dict):
        patient = fhir.patient_of(resource, fhir_base_url=BASE)
        assert patient is None or isinstance(patient, str)


@given(st.dictionaries(st.text(max_size=12), json_values) | mutated(CONTEXT))
def test_a_launch_context(members: Any) -> None:
    """Whatever the input, an id is a FHIR id, and the shown values are limited."""
    if not isinstance(members, dict):
        return
    with suppress(SmartError):
        context = launch_context.parse_launch_context(members)
        assert all(
            value is None or re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", value)
            for value in (context.patient, context.encounter)
        )
        assert len(context.extras) <= launch_context.MAX_EXTRAS


def validate(text: str) -> None:
    id_token.validate_id_token(
        id_token.parse_id_token(text),
        jwks=KEYS,
        expected_issuers=[BASE],
        client_id="c",
        nonce="n",
        access_token="a",
        now=NOW,
    )


def signed(header: Any, payload: bytes) -> str:
    """Return a token with a valid signature, so that every later check is reached."""
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    return jws.serialize_compact({**header, "alg": "ES256"}, payload, KEY, registry=registry)


@given(
    mutated(CLAIMS).map(as_body)
    | json_values.map(as_body)
    | broken(as_body(CLAIMS))
    | st.binary(max_size=100)
)
def test_the_claims_of_a_signed_id_token(payload: bytes) -> None:
    """T9: even a validly signed token raises nothing but IDTokenError."""
    text = signed({"kid": "k"}, payload)
    with suppress(SmartError):
        id_token.unverified_issuer(id_token.parse_id_token(text))
    with suppress(SmartError):
        validate(text)


GOOD_ID_TOKEN = signed({"kid": "k"}, as_body(CLAIMS))


@given(
    st.text()
    | st.text(alphabet="eyJ.A-_=", max_size=60)
    | broken(GOOD_ID_TOKEN.encode()).map(lambda raw: raw.decode("latin-1"))
)
def test_an_id_token_of_any_shape(text: str) -> None:
    """T8, T9; and no change of a valid token is accepted."""
    validate(GOOD_ID_TOKEN)
    assume(text != GOOD_ID_TOKEN)
    with suppress(SmartError):
        id_token.unverified_issuer(id_token.parse_id_token(text))
    with pytest.raises(SmartError):
        validate(text)


query_strings = (
    st.text()
    | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1"))
    | st.lists(
        st.tuples(
            st.sampled_from(["iss", "launch", "code", "state", "error", "error_uri", "x"]),
            st.text(max_size=30) | st.sampled_from([BASE, "", "%ff", "\x00", "access_denied"]),
        ),
        max_size=6,
    ).flatmap(
        lambda pairs: st.sampled_from(
            [
                urlencode(pairs, errors="replace"),
                "&".join(f"{name}={value}" for name, value in pairs),
                "&".join(f"{name}={quote(value, errors='replace')}" for name, value in pairs),
            ]
        )
    )
)


@given(query_strings)
def test_a_launch_request(query: str) -> None:
    with suppress(SmartError):
        request = authorization.parse_launch_request(query)
        assert request.iss.isascii()
        request.launch.encode()


@given(query_strings)
def test_an_authorization_response(query: str) -> None:
    with suppress(SmartError):
        response = authorization.parse_authorization_response(query)
        response.state.encode()
        if isinstance(response, authorization.AuthorizationErrorResponse):
            assert authorization.refusal(response).detail.isprintable()


scope_items = st.text(max_size=30) | st.from_regex(
    r"(patient|user|system|launch)?/?([A-Z][a-z]*|\*)?\.?[cruds]*(read|write|\*)?(\?\w*=\w*)?",
    fullmatch=True,
)


@given(st.lists(scope_items, max_size=6), st.lists(scope_items, max_size=6))
def test_scopes(requested: list[str], granted: list[str]) -> None:
    """Comparison never fails, every request covers itself, and every scope has a description."""
    comparison = scopes.compare(requested, granted)
    assert set(comparison.missing) <= set(requested)
    assert scopes.compare(requested, [*granted, *requested]).missing == ()
    for item in requested:
        assert " " in scopes.describe(item)
        with suppress(SmartError):
            scopes.validate_requested(item)
        with suppress(SmartError):
            scopes.validate_backend(item)
    with suppress(SmartError):
        scopes.validate_refresh(" ".join(requested), granted=granted)


url_like = st.text() | st.from_regex(r"(https?:)?/{0,2}[a-z@.:\[\]0-9]*(/[a-zA-Z.%2]*){0,4}\??#?")


@given(url_like)
def test_urls_and_references(text: str) -> None:
    """T11: a URL below the base really starts with it."""
    with suppress(ValueError):
        urls.parse_endpoint_url(text, base=BASE)
    with suppress(ValueError):
        urls.host_of(text)
    if fhir.is_below_base(text, BASE):
        assert text.lower().startswith(("https://ehr.example/", "https://ehr.example:443/"))
    with suppress(SmartError):
        fhir.parse_fhir_user(text, fhir_base_url=BASE)


@given(st.text() | st.none(), st.integers(0, 10**6))
def test_cache_control(header: str | None, ceiling: int) -> None:
    assert 0 <= jwks.max_age(header, default=60, ceiling=ceiling) <= ceiling
