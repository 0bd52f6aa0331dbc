"""Validation of the id_token, rule by rule (OpenID Connect Core §3.1.3.7; C90 to C98).

The token does not choose its algorithm (RFC 8725 §3.1): the header's `alg` must be on our list and
must fit the key that the issuer publishes. `jku`, `x5u`, `jwk` and `x5c` in the header are not read
(T8).
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from authlib.oidc.core.util import create_half_hash
from joserfc.util import urlsafe_b64decode

from smartapp.protocol.errors import IDTokenError
from smartapp.protocol.json import JSONInvalid, parse_json_object
from smartapp.protocol.jwks import JWKS, MAX_KID_CHARACTERS, SIGNATURE_ALGORITHMS

MAX_ID_TOKEN_CHARACTERS = 16_384
MAX_SUB_CHARACTERS = 255
MAX_NAMED = 5  # audiences that administrators are shown
CLOCK_SKEW_SECONDS = 60
MAX_AGE_SECONDS = 24 * 3600
LAST_SECOND = 253_402_300_799


@dataclass(frozen=True, slots=True)
class IDToken:
    """A verified id_token. A person is identified by (`iss`, `sub`), never by e-mail or fhirUser
    (C94)."""

    iss: str
    sub: str
    aud: tuple[str, ...]
    expires_at: datetime
    issued_at: datetime
    fhirUser: str | None
    claims: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A signed JWT of which nothing is checked yet."""

    header: dict[str, Any]
    claims: dict[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_id_token(id_token: str) -> ParsedToken:
    """Return the parts of an id_token. Raises IDTokenError with rule "format"."""
    if len(id_token) > MAX_ID_TOKEN_CHARACTERS:
        raise _error("format", "too long")
    segments = id_token.split(".")
    # Five segments are an encrypted token, which this app never requests.
    if len(segments) != 3:
        raise _error("format", "not a signed JWT")
    header, payload, signature = (_decode(segment) for segment in segments)
    try:
        return ParsedToken(
            header=parse_json_object(header),
            claims=parse_json_object(payload),
            signing_input=f"{segments[0]}.{segments[1]}".encode("ascii"),
            signature=signature,
        )
    except JSONInvalid as exc:
        raise _error("format", f"a part is {exc}") from None


def validate_id_token(
    parsed: ParsedToken,
    *,
    jwks: JWKS,
    expected_issuers: Collection[str],
    client_id: str,
    nonce: str | None,
    access_token: str | None,
    now: datetime,
    aud_may_be_absent: bool = False,
) -> IDToken:
    """Return the verified id_token. Its `aud` is empty only with `aud_may_be_absent`.

    Raises IDTokenKeyUnknown if the issuer's keys do not include the one in the header; the caller
    then fetches fresh keys once (C92). Raises IDTokenError with the failed `rule` for everything
    else. `nonce` is None if none was sent, as in a refresh.
    """
    alg = _verify_signature(parsed, jwks)
    claims = parsed.claims
    iss = _issuer(claims, expected_issuers)
    aud = _audience(claims, client_id, may_be_absent=aud_may_be_absent)
    issued_at, expires_at = _times(claims, now)
    if nonce is not None:
        _check_nonce(claims, nonce)
    if access_token is not None and "at_hash" in claims:
        _check_at_hash(claims["at_hash"], access_token, alg)
    fhir_user = claims.get("fhirUser")
    return IDToken(
        iss=iss,
        sub=_subject(claims),
        aud=aud,
        expires_at=expires_at,
        issued_at=issued_at,
        fhirUser=fhir_user if isinstance(fhir_user, str) else None,
        claims=claims,
    )


def unverified_issuer(parsed: ParsedToken) -> str:
    """Return the `iss` that the token claims, for comparing it with the expected issuers before any
    key is fetched: no request is sent to an unknown issuer (C91; T12)."""
    iss = parsed.claims.get("iss")
    if not isinstance(iss, str) or not iss:
        raise _error("iss", "no issuer")
    return iss


def validate_refreshed_id_token(new: IDToken, *, iss: str, sub: str) -> None:
    """Refuse an id_token from a refresh that is for another person (OpenID Connect Core §12.2;
    C98)."""
    if new.iss != iss:
        raise _error("iss", "another issuer than at sign-in")
    if new.sub != sub:
        raise _error("sub", "another person than at sign-in")


def _error(rule: str, detail: str, *, came: str = "") -> IDTokenError:
    return IDTokenError(f"{rule}: {detail}", rule=rule, came=came)


def _decode(segment: str) -> bytes:
    try:
        return urlsafe_b64decode(segment.encode("ascii"))
    except ValueError:
        raise _error("format", "not base64url") from None


def _verify_signature(parsed: ParsedToken, jwks: JWKS) -> str:
    """Return the algorithm that the signature was verified with."""
    alg, kid = parsed.header.get("alg"), parsed.header.get("kid")
    if not isinstance(alg, str) or alg not in SIGNATURE_ALGORITHMS:
        raise _error("alg", "not an algorithm that is accepted here", came=str(alg))
    # RFC 7515 §4.1.11: critical headers must be understood, and this app understands none.
    if "crit" in parsed.header:
        raise _error("crit", "a critical header that is not understood")
    if kid == "":
        kid = None  # as in a key set: some libraries write what they do not have as ""
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID_CHARACTERS):
        raise _error("kid", "not a key id")
    if not jwks.find(kid, alg).verifies(parsed.signature, parsed.signing_input, alg):
        raise _error("signature", "does not verify with the issuer's key")
    return alg


def _issuer(claims: dict[str, Any], expected_issuers: Collection[str]) -> str:
    iss = claims.get("iss")
    # A set, because `in` on a single string, passed by mistake, would match any part of it.
    if not isinstance(iss, str) or iss not in frozenset(expected_issuers):
        raise _error("iss", "not an issuer that this EHR is registered with", came=str(iss))
    return iss


def _audience(claims: dict[str, Any], client_id: str, *, may_be_absent: bool) -> tuple[str, ...]:
    """Return the `aud` claim. An absent audience may be allowed; another client's audience never
    is."""
    aud = claims.get("aud")
    is_absent = aud in (None, "", [])
    if is_absent and not may_be_absent:
        raise _error("aud-missing", "no audience")
    audiences = [] if is_absent else aud if isinstance(aud, list) else [aud]
    is_ours = all(isinstance(item, str) for item in audiences) and client_id in audiences
    if not is_absent and not is_ours:
        named = ", ".join(str(item) for item in audiences[:MAX_NAMED])
        raise _error("aud", "not for this client", came=named)
    azp = claims.get("azp") or None  # some libraries write what they do not have as ""
    if azp is None and len(set(audiences)) > 1:
        raise _error("azp-missing", "the token is for several, and has no azp")
    if azp is not None and azp != client_id:
        raise _error("azp", "issued to another client", came=str(azp))
    return tuple(audiences)


def _times(claims: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    seconds = now.timestamp()
    iat, exp = _seconds(claims, "iat"), _seconds(claims, "exp")
    if exp <= seconds - CLOCK_SKEW_SECONDS:
        raise _error("exp", f"over for {seconds - exp:.0f} s")
    if iat > seconds + CLOCK_SKEW_SECONDS:
        raise _error("iat", f"{iat - seconds:.0f} s in the future")
    if iat < seconds - MAX_AGE_SECONDS or iat > exp:
        raise _error("iat", "too old, or after its own expiry")
    if claims.get("nbf") is not None and _seconds(claims, "nbf") > seconds + CLOCK_SKEW_SECONDS:
        raise _error("nbf", f"valid in {claims['nbf'] - seconds:.0f} s only")
    return datetime.fromtimestamp(iat, UTC), datetime.fromtimestamp(exp, UTC)


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _error("times", f"{name} is missing, or not a number")
    if not 0 <= value <= LAST_SECOND:
        raise _error("times", f"{name} is not a time in seconds")
    return value


def _check_nonce(claims: dict[str, Any], nonce: str) -> None:
    value = claims.get("nonce")
    if not isinstance(value, str) or not hmac.compare_digest(value.encode(), nonce.encode()):
        raise _error("nonce", "not the one of this sign-in")


def _check_at_hash(at_hash: object, access_token: str, alg: str) -> None:
    expected = create_half_hash(access_token, alg)
    if expected is None or not isinstance(at_hash, str):
        raise _error("at_hash", "not a hash")
    if not hmac.compare_digest(at_hash.encode(), expected):
        raise _error("at_hash", "the access token is not the one that belongs to it")


def _subject(claims: dict[str, Any]) -> str:
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 0 < len(sub) <= MAX_SUB_CHARACTERS:
        raise _error("sub", "missing, or not a name")
    return sub
