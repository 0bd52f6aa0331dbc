"""Client authentication with `private_key_jwt`.

SMART App Launch 2.2, client-confidential-asymmetric; RFC 7523 §3; C63 to C67.
"""

from datetime import datetime
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from smartapp.protocol.errors import ClientKeyError

LIFETIME_SECONDS = 240
SHORTEST_LIFETIME_SECONDS = 60
LONGEST_LIFETIME_SECONDS = 300
CLOCK_SKEW_SECONDS = 5
ALGORITHMS = ("RS384", "ES384", "RS256")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def sign_client_assertion(
    *,
    client_id: str,
    audience: str,
    private_key: RSAKey | ECKey,
    alg: str,
    kid: str,
    now: datetime,
    typ: str = "JWT",
    lifetime_seconds: int = LIFETIME_SECONDS,
    jku: str = "",
) -> str:
    """Return a signed client assertion for one HTTP request; a retry needs a new one (C67).

    `audience` is one string: the token endpoint from discovery, or what the registration sets
    instead (C65). `iat` is 5 seconds in the past, because Epic and Okta refuse one that is ahead of
    their clock. `exp` is `lifetime_seconds` after it, at most 300 as in SMART and at Epic. There is
    no `nbf` (C66). `jku`, if the EHR wants it, is the registered JWKS URL (C63). Raises
    ClientKeyError if the key does not fit `alg`.
    """
    if alg not in ALGORITHMS:
        raise ClientKeyError(f"client assertions are not signed with {alg}")
    issued_at = int(now.timestamp()) - CLOCK_SKEW_SECONDS
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": str(uuid4()),
        "iat": issued_at,
        "exp": issued_at + min(lifetime_seconds, LONGEST_LIFETIME_SECONDS),
    }
    header = {"alg": alg, "kid": kid, "typ": typ} | ({"jku": jku} if jku else {})
    try:
        return jwt.encode(header, claims, private_key, algorithms=[alg])
    except JoseError as exc:
        raise ClientKeyError(f"the key cannot sign with {alg}: {exc.error}") from None


def client_assertion_fields(assertion: str) -> dict[str, str]:
    """Return the two form fields that carry an assertion (RFC 7523 §2.2)."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
