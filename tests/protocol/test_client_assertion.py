"""`private_key_jwt` (SMART App Launch 2.2, client-confidential-asymmetric; C63 to C68)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey, import_key

from smartapp.protocol import client_assertion
from smartapp.protocol.errors import ClientKeyError
from tests import vectors

NOW = datetime(2026, 11, 23, 12, 0, 0, 900_000, tzinfo=UTC)
CLIENT_ID = "0oaat1dzdswEgbcHy297"
AUDIENCE = "https://ehr.example/oauth2/v1/token"
GUIDE = vectors.load("smart-app-launch")
KEYS = {key["alg"]: import_key(key) for key in GUIDE["private"]["keys"]}
PUBLIC = {key["alg"]: import_key(key) for key in GUIDE["public"]["keys"]}
KIDS = {key["alg"]: key["kid"] for key in GUIDE["public"]["keys"]}


def sign(alg: str = "RS384", **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "audience": AUDIENCE,
        "private_key": KEYS.get(alg, KEYS["RS384"]),
        "alg": alg,
        "kid": KIDS.get(alg, "k"),
        "now": NOW,
    }
    return client_assertion.sign_client_assertion(**{**arguments, **changes})


def read(assertion: str, alg: str = "RS384") -> jwt.Token:
    return jwt.decode(assertion, PUBLIC[alg], algorithms=[alg])


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_the_guides_own_keys_sign_what_they_verify(alg: str) -> None:
    """C64; smart-app-launch_2.2.0@308, @320: both algorithms of the guide."""
    token = read(sign(alg), alg)
    assert token.header == {"alg": alg, "kid": KIDS.get(alg, "k"), "typ": "JWT"}
    assert token.claims["sub"] == CLIENT_ID


@pytest.mark.parametrize("vector", GUIDE["assertions"], ids=lambda vector: vector["alg"])
def test_it_has_the_shape_of_the_guides_worked_example(vector: dict[str, str]) -> None:
    """The guide's assertions have the same header members and all but our `iat`."""
    published = read(vector["compact"], vector["alg"])
    ours = read(sign(vector["alg"]), vector["alg"])
    assert published.claims == GUIDE["claims"]
    assert published.header == ours.header
    assert set(ours.claims) == {*published.claims, "iat"}


def test_rs256_is_there_for_athenahealths_example() -> None:
    """C64: a separate RSA key, with its own `alg`."""
    key = RSAKey.generate_key(2048)
    token = jwt.decode(sign(private_key=key, alg="RS256"), key, algorithms=["RS256"])
    assert token.header["alg"] == "RS256"


def test_it_says_who_to_whom_and_nothing_else() -> None:
    """C63, C65, C66; smart-app-launch_2.2.0@319 to @334: `aud` is one string, and there is no
    `nbf`."""
    claims = read(sign()).claims
    assert set(claims) == {"iss", "sub", "aud", "jti", "iat", "exp"}
    assert claims["iss"] == claims["sub"] == CLIENT_ID
    assert claims["aud"] == AUDIENCE


def test_it_lives_less_than_five_minutes_and_starts_in_the_past() -> None:
    """C66: Epic and Okta refuse an `iat` ahead of their clock, Epic `exp` - `iat` above 300 s."""
    claims = read(sign()).claims
    seconds = int(NOW.timestamp())
    assert (claims["iat"], claims["exp"]) == (seconds - 5, seconds - 5 + 240)
    assert claims["exp"] - claims["iat"] <= 300
    assert isinstance(claims["iat"], int)
    assert isinstance(claims["exp"], int)


def test_every_attempt_has_its_own_jti() -> None:
    """C67: a retry with the same one would be a replay; Epic takes 151 characters."""
    identifiers = {read(sign()).claims["jti"] for _ in range(20)}
    assert len(identifiers) == 20
    assert all(UUID(identifier).version == 4 for identifier in identifiers)


def test_the_type_can_be_rfc_7523_biss() -> None:
    """C68."""
    token = read(sign(typ="client-authentication+jwt"))
    assert token.header["typ"] == "client-authentication+jwt"


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "PS384"},
        {"alg": "ES384", "private_key": KEYS["RS384"]},
        {"private_key": KEYS["ES384"]},
        {"private_key": ECKey.generate_key("P-256"), "alg": "ES384"},
    ],
)
def test_a_key_only_signs_with_the_algorithm_that_fits_it(changes: dict[str, Any]) -> None:
    """C64, T8: never `none`, never HS*, never a key of another type or curve."""
    with pytest.raises(ClientKeyError):
        sign(**changes)


def test_the_form_fields_are_rfc_7523s() -> None:
    """RFC 7523 §2.2; smart-app-launch_2.2.0@328."""
    assert client_assertion.client_assertion_fields("a.b.c") == {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a.b.c",
    }
