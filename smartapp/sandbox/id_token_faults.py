"""How faults change an id_token (S66): each makes one thing about a valid one wrong."""

import base64
import hmac
import json
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from smartapp.sandbox import addresses, signing_keys
from smartapp.sandbox.faults import Faults
from smartapp.sandbox.models import new_secret

HOUR_SECONDS = 3600

Claims = dict[str, Any]


def claims(faults: Faults, good: Claims, *, is_refreshed: bool) -> Claims:
    """Return the claims, changed according to the faults."""
    now = good["iat"]
    wrong: dict[str, Claims] = {
        "id-token-wrong-issuer": {"iss": "https://issuer.foreign.example/oauth2/default"},
        "id-token-issuer-slash": {"iss": f"{good['iss']}/"},
        "id-token-second-issuer": {"iss": addresses.fhir_base_url()},
        "id-token-wrong-audience": {"aud": "another-client"},
        "id-token-wrong-nonce": {"nonce": new_secret()},
        "id-token-expired": {"iat": now - 2 * HOUR_SECONDS, "exp": now - HOUR_SECONDS},
        "id-token-future": {"iat": now + HOUR_SECONDS, "exp": now + 2 * HOUR_SECONDS},
        "id-token-wrong-at-hash": {"at_hash": new_secret()[:22]},
    }
    forged = dict(good)
    for name in faults:
        forged |= wrong.get(name, {})
    if "id-token-no-nonce" in faults:
        forged.pop("nonce", None)
    if "refresh-id-token-no-aud" in faults and is_refreshed:
        del forged["aud"]
    return forged


def sign(faults: Faults, good: Claims) -> str:
    """Return the signed id_token; without a fault it is signed with the current key."""
    if "id-token-alg-none" in faults:
        return f"{_segment({'alg': 'none'})}.{_segment(good)}."
    key = _key(faults)
    if "id-token-hs256" in faults:
        return _by_hmac(key, good)
    header = {"kid": key.kid, "alg": signing_keys.ALGORITHM}
    signer = _unpublished_key() if "id-token-bad-signature" in faults else key
    return jwt.encode(header, good, signer, [signing_keys.ALGORITHM], default_type=None)


def _key(faults: Faults) -> RSAKey:
    if "id-token-unknown-key" in faults:
        return _unpublished_key()
    if "id-token-late-key" in faults:
        return signing_keys.rotate(published_in_seconds=int(faults["id-token-late-key"]))
    return signing_keys.current()


def _by_hmac(key: RSAKey, good: Claims) -> str:
    """Sign by hand, because no library supports this any more."""
    signed = f"{_segment({'kid': key.kid, 'alg': 'HS256'})}.{_segment(good)}"
    mac = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@cache
def _unpublished_key() -> RSAKey:
    return RSAKey.generate_key(signing_keys.KEY_BITS, auto_kid=True)


def _segment(value: Claims) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
