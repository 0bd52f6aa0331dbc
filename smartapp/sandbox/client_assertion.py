"""private_key_jwt: validates a client assertion check by check, in the order of S24.

Every refusal has its own text (E3 to E6), so that a client's developer learns which check failed.
Sources: SMART App Launch 2.2, client-confidential-asymmetric; RFC 7523 §3; athenahealth's Token
Endpoint page.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from authlib.oauth2.rfc7523.client import ASSERTION_TYPE
from django.db import IntegrityError, transaction
from django.utils import timezone
from joserfc import jws
from joserfc.errors import JoseError

from smartapp.sandbox import addresses, client_keys, registering, worlds
from smartapp.sandbox.models import Client, UsedAssertion, digest, registered_client
from smartapp.sandbox.refusals import invalid_client

ALLOWED_LIFETIME_SECONDS = {
    # athenahealth: "less than an hour into the future", so 3600 is too far. SMART: at most 300.
    Client.Profile.ATHENA: 3599,
    Client.Profile.STRICT: 300,
    Client.Profile.BCP: 300,
}
EXPIRED_SKEW_SECONDS = 10
FUTURE_SKEW_SECONDS = 60
MAX_ASSERTION_CHARACTERS = 8_192
MAX_JTI_CHARACTERS = 255
MAX_NUMERIC_DATE = 253_402_300_800
"""The first second of the year 10000."""

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assertion:
    """A parsed assertion, not yet verified."""

    text: str
    header: dict[str, Any]
    claims: Claims


def authenticate(
    assertion_type: str | None,
    text: str,
    *,
    invoked: str,
    has_stale_keys: Callable[[Client], bool],
) -> Client:
    """Return the client that signed the assertion. `invoked` is the endpoint it was sent to.

    For a client with stale keys only the stored copy of its key set is used (S66). For an app that
    is tried without a registration the signature is not checked, because its key is unknown (S8).
    """
    if assertion_type != ASSERTION_TYPE:
        raise invalid_client("S24", f"client_assertion_type must be {ASSERTION_TYPE}.")
    assertion = parse(text)
    client = _claimed_client(assertion)
    if client.profile == Client.Profile.LOOSE:
        return client
    if not client.is_tried:
        jwk = _validate_key(client, assertion, stale_keys=has_stale_keys(client))
        _validate_signature(client, assertion, jwk)
    _validate_parties(client, assertion.claims)
    _validate_audience(client, assertion.claims, invoked)
    expires_at = _validate_times(client, assertion.claims)
    _use_jti(client, assertion.claims, expires_at)
    return client


def parse(text: str) -> Assertion:
    if len(text) > MAX_ASSERTION_CHARACTERS:
        raise invalid_client("S24", "The client assertion is too long.")
    try:
        parts = jws.extract_compact(text.encode())
        claims = json.loads(parts.payload)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise invalid_client("S24", "The client assertion is not a signed JWT.") from exc
    if not isinstance(claims, dict) or not isinstance(parts.headers(), dict):
        raise invalid_client("S24", "The client assertion is not a signed JWT of claims.")
    return Assertion(text, parts.headers(), claims)


def _claimed_client(assertion: Assertion) -> Client:
    """Return the client that the assertion claims to come from, not yet verified."""
    client = registered_client(assertion.claims.get("sub"))
    if client is None:
        words = "The sub of the client assertion is no client of this server's world"
        why = registering.why_unknown(assertion.claims.get("sub"))
        raise invalid_client("E2", f"{words} {worlds.current()}.", why)
    if client.auth_method not in (Client.AuthMethod.PRIVATE_KEY_JWT, Client.AuthMethod.ANY):
        raise invalid_client("E2", f"This client is registered for {client.auth_method}.")
    return client


def _validate_key(client: Client, assertion: Assertion, *, stale_keys: bool) -> client_keys.Jwk:
    """Check that the kid is known, then that alg fits its key; never the other way round (S24, S53,
    S54)."""
    header = assertion.header
    if "jku" in header and header["jku"] != client.jwks_url:
        raise invalid_client("S54", "The jku header is not the registered JWKS URL.")
    kid = header.get("kid")
    if kid is None and client.profile != Client.Profile.ATHENA:
        raise invalid_client("E5", "The client assertion names no kid.")
    if kid is not None and not _is_text(kid):
        raise invalid_client("E5", "The kid of the client assertion is not a string.")
    if header.get("alg") not in client_keys.ALGORITHMS:
        raise invalid_client("E5", "The alg of the client assertion is not allowed here.")
    jwk = client_keys.find_key(client, kid, stale=stale_keys)
    if header["alg"] not in client_keys.algorithms(jwk):
        raise invalid_client("E5", "The alg of the client assertion does not belong to this key.")
    return jwk


def _validate_signature(client: Client, assertion: Assertion, jwk: client_keys.Jwk) -> None:
    try:
        key = client_keys.import_key(jwk)
        jws.deserialize_compact(assertion.text.encode(), key, algorithms=[assertion.header["alg"]])
    except (JoseError, ValueError) as exc:
        words = "The signature of the client assertion is not valid."
        checked_against = client_keys.origin_in_words(client)
        raise invalid_client("E5", words, f"{words} {checked_against}") from exc


def _validate_parties(client: Client, claims: Claims) -> None:
    if claims.get("iss") != client.client_id:
        raise invalid_client("E6", "iss and sub of the client assertion must be the client_id.")


def _validate_audience(client: Client, claims: Claims, invoked: str) -> None:
    """Require one string, equal to the expected audience; lists are refused (S25)."""
    expected = addresses.assertion_audience(client.profile)
    if claims.get("aud") != expected:
        words = f"The aud of the client assertion must be {expected}."
        # Of the token endpoint itself, that would read as if it were the wrong audience.
        elsewhere = f" It was sent to {invoked}." if invoked != expected else ""
        raise invalid_client("E3", words + elsewhere)


def _validate_times(client: Client, claims: Claims) -> datetime:
    now = timezone.now().timestamp()
    exp, iat = _expiry(claims), claims.get("iat")
    allowed = ALLOWED_LIFETIME_SECONDS[Client.Profile(client.profile)]
    is_ahead = _is_number(iat) and iat > now + FUTURE_SKEW_SECONDS
    clocks = f" {_clocks(iat, now)}" if _is_number(iat) and is_ahead else ""
    if exp <= now - EXPIRED_SKEW_SECONDS:
        words = f"The client assertion is expired; it ended {int(now - exp)} seconds ago"
        raise invalid_client("E4", f"{words}, at {_utc(exp)}, and here it is {_utc(now)}.")
    if exp > int(now) + allowed:
        raise invalid_client("E4", f"The exp is more than {allowed} seconds ahead.{clocks}")
    if iat is not None and not _is_number(iat):
        raise invalid_client("E6", f"The iat of the client assertion {_why_no_date(iat)}.")
    if is_ahead:
        raise invalid_client("E6", f"The iat of the client assertion lies in the future.{clocks}")
    return datetime.fromtimestamp(exp, UTC)


def _expiry(claims: Claims) -> int | float:
    """Return the required exp as a number of seconds (E4)."""
    if "exp" not in claims:
        raise invalid_client("E4", "The client assertion has no exp.")
    exp = claims["exp"]
    if not _is_number(exp):
        raise invalid_client("E4", f"The exp of the client assertion {_why_no_date(exp)}.")
    return exp


def _why_no_date(value: object) -> str:
    """Return why a value is not a NumericDate (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "has to be a JSON number of seconds since 1970, not a string or anything else"
    if 0 <= value < MAX_NUMERIC_DATE * 1000:
        return "seems to be in milliseconds; it is a number of seconds since 1970"
    return "is no number of seconds since 1970"


def _clocks(iat: int | float, now: float) -> str:
    ahead = f"Its iat is {int(iat - now)} seconds ahead"
    return f"{ahead}: here it is {_utc(now)}. Is the clock of the app right?"


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _use_jti(client: Client, claims: Claims, expires_at: datetime) -> None:
    """Accept a jti once until its assertion expires (S27)."""
    jti = claims.get("jti")
    if jti is None and client.profile == Client.Profile.ATHENA:
        return
    if not _is_text(jti) or len(jti) > MAX_JTI_CHARACTERS:
        raise invalid_client("E6", "The client assertion has no usable jti.")
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(
                client=client, jti_digest=digest(jti), expires_at=_forget_at(expires_at)
            )
    except IntegrityError as exc:
        raise invalid_client("E6", "The jti of the client assertion was used before.") from exc


def _forget_at(expires_at: datetime) -> datetime:
    """Return when a jti may be forgotten: after exp plus the allowed clock difference."""
    return expires_at + timedelta(seconds=EXPIRED_SKEW_SECONDS + 1)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a valid NumericDate: no NaN, no infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < MAX_NUMERIC_DATE
