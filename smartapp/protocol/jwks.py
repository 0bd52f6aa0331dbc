"""Public keys: our own for publishing, and an issuer's for verifying.

RFC 7517; RFC 7638; SMART App Launch 2.2, client-confidential-asymmetric; C92.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jwk import thumbprint as digest_of_members
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from smartapp.protocol.errors import IDTokenKeyUnknown, JWKSError
from smartapp.protocol.json import JSONInvalid, parse_json_object

MAX_KEYS = 100
MAX_NAMED = 5  # that administrators are shown
MAX_KID_CHARACTERS = 512
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192

_PUBLIC_NUMBERS = {"RSA": ("e", "n"), "EC": ("crv", "x", "y")}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
SIGNATURE_ALGORITHMS = _RSA_ALGORITHMS | frozenset(_CURVES)

# A key published for one of the other algorithms is not used here (RFC 7518 §3.1, §4.1; RFC 8037).
_REGISTERED = SIGNATURE_ALGORITHMS | {
    "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "ES256K", "EdDSA", "none",
    "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512",
    "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW",
}  # fmt: skip

# Named explicitly: joserfc's default list of recommended algorithms is shorter.
_REGISTRY = JWSRegistry(algorithms=sorted(SIGNATURE_ALGORITHMS))
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,10})\"?")


@dataclass(frozen=True, slots=True)
class VerificationKey:
    kid: str | None
    alg: str | None
    key: RSAKey | ECKey
    # Published with an unknown `alg`: used only if no other key fits.
    is_odd: bool = False

    def fits(self, alg: str) -> bool:
        """Return whether this key may verify `alg`: its own `alg`, its type and its curve must
        agree."""
        if self.alg is not None and self.alg != alg:
            return False
        if isinstance(self.key, RSAKey):
            return alg in _RSA_ALGORITHMS
        return self.key.curve_name == _CURVES.get(alg)

    def __str__(self) -> str:
        name = self.kid or "one without kid"
        return f"{name} for {self.alg}" if self.alg else name

    def verifies(self, signature: bytes, signing_input: bytes, alg: str) -> bool:
        """Return whether `signature` is this key's signature over `signing_input` (RFC 7515
        §5.2)."""
        return self.fits(alg) and _REGISTRY.get_alg(alg).verify(signing_input, signature, self.key)


@dataclass(frozen=True, slots=True)
class JWKS:
    keys: tuple[VerificationKey, ...]
    unusable: int = 0

    def find(self, kid: str | None, alg: str) -> VerificationKey:
        """Return the only key that may verify a token with this header.

        If no key has the header's `kid`, a key published without a kid is used. Raises
        IDTokenKeyUnknown if no key fits or if several different ones do (OpenID Connect Core
        §10.1): keys are not tried one by one.
        """
        fitting = [key for key in self.keys if key.fits(alg)]
        if kid is not None:
            named = [key for key in fitting if key.kid == kid]
            fitting = named or [key for key in fitting if key.kid is None]
        fitting = [key for key in fitting if not key.is_odd] or fitting
        different = {key.key.thumbprint(): key for key in fitting}
        if len(different) != 1:
            raise IDTokenKeyUnknown(
                f"{len(different)} keys fit the header",
                rule="several" if different else "kid",
                came=f"kid {kid or 'none'} and alg {alg}; usable keys: {self._listed}",
            )
        return fitting[0]

    @property
    def _listed(self) -> str:
        listed = ", ".join(map(str, self.keys[:MAX_NAMED])) or "none"
        return f"{listed}; others: {self.unusable}" if self.unusable else listed


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint, which is our `kid`."""
    kty = _supported_kty(jwk)
    # joserfc hashes all members that it is given; RFC 7638 §3.2 wants only the required ones.
    return digest_of_members({"kty": kty, **_public_numbers(jwk, kty)})


def public_jwk(jwk: Mapping[str, Any], *, kid: str, alg: str) -> dict[str, str]:
    """Return the public part of a key. Members are selected by an allow-list, so that a private one
    cannot slip through (T23)."""
    kty = _supported_kty(jwk)
    return {"kty": kty, "kid": kid, "use": "sig", "alg": alg, **_public_numbers(jwk, kty)}


def jwks_document(public_jwks: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the JWKS as bytes, which do not depend on the order of the keys: their digest is the
    ETag.

    Raises JWKSError if two keys have the same kid: a kid is unique across RSA and EC.
    """
    keys = sorted(
        (public_jwk(key, kid=key["kid"], alg=key["alg"]) for key in public_jwks),
        key=lambda key: key["kid"],
    )
    if len({key["kid"] for key in keys}) != len(keys):
        raise JWKSError("a kid is there twice")
    return json.dumps({"keys": keys}, separators=(",", ":"), sort_keys=True).encode()


def parse_jwks(body: bytes) -> JWKS:
    """Return the keys in `body` that can verify a signature; other keys are skipped.

    RFC 7517 §5: keys of unknown type, with missing members or with values out of range are ignored.
    Raises JWKSError if the body is not a JWK Set.
    """
    try:
        document = parse_json_object(body)
    except JSONInvalid as exc:
        raise JWKSError(f"the body is {exc}") from None
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise JWKSError("no list of keys")
    if len(keys) > MAX_KEYS:
        raise JWKSError("too many keys")
    read = (_verification_key(item) for item in keys if isinstance(item, dict))
    usable = tuple(key for key in read if key is not None)
    return JWKS(usable, unusable=len(keys) - len(usable))


def max_age(cache_control: str | None, *, default: int, ceiling: int) -> int:
    """Return how long a response may be cached, in seconds (RFC 9111 §5.2.2; C92).

    `no-store` and `no-cache` mean 0: Okta sends them before a rotation. With several `max-age` the
    smallest counts.
    """
    directives = (cache_control or "").lower()
    if "no-store" in directives or "no-cache" in directives:
        return 0
    ages = [int(age) for age in _MAX_AGE.findall(directives)]
    return min(*ages, ceiling) if ages else min(default, ceiling)


def _supported_kty(key: Mapping[str, Any]) -> str:
    kty = key.get("kty")
    if not isinstance(kty, str) or kty not in _PUBLIC_NUMBERS:
        raise JWKSError("neither an RSA nor an EC key")
    return kty


def _public_numbers(key: Mapping[str, Any], kty: str) -> dict[str, str]:
    numbers = {name: key.get(name) for name in _PUBLIC_NUMBERS[kty]}
    if not all(isinstance(number, str) and number for number in numbers.values()):
        raise JWKSError("a public member of the key is missing")
    return {name: str(number) for name, number in numbers.items()}


def _verification_key(item: Mapping[str, Any]) -> VerificationKey | None:
    """.NET's JsonWebKey writes members that it does not have as "" and []."""
    kid, alg = (None if item.get(name) == "" else item.get(name) for name in ("kid", "alg"))
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID_CHARACTERS):
        return None
    is_odd = isinstance(alg, str) and alg not in _REGISTERED
    alg = None if is_odd else alg
    if alg is not None and (not isinstance(alg, str) or alg not in SIGNATURE_ALGORITHMS):
        return None
    if not _is_for_verifying(item):
        return None
    try:
        key = _import_public(item)
    # ValueError: invalid base64 or numbers (binascii.Error is a subclass).
    except (JWKSError, JoseError, ValueError, KeyError):
        return None
    return None if key is None else VerificationKey(kid, alg, key, is_odd)


def _is_for_verifying(item: Mapping[str, Any]) -> bool:
    operations = item.get("key_ops") or None
    may_verify = operations is None or (isinstance(operations, list) and "verify" in operations)
    return may_verify and item.get("use") in (None, "", "sig")


def _base64url(text: str) -> str:
    """Return base64 in the alphabet of URLs, without padding and line breaks (RFC 7518 §2)."""
    return "".join(text.split()).rstrip("=").replace("+", "-").replace("/", "_")


def _import_public(item: Mapping[str, Any]) -> RSAKey | ECKey | None:
    """Import the public numbers only: private members and `x5c` are ignored (T8)."""
    kty = _supported_kty(item)
    numbers = {name: _base64url(text) for name, text in _public_numbers(item, kty).items()}
    if kty == "EC":
        known = numbers["crv"] in _CURVES.values()
        return ECKey.import_key({"kty": kty, **numbers}) if known else None
    # RFC 7518 §3.3 forbids short keys; a very long key only costs time.
    modulus = int.from_bytes(urlsafe_b64decode(numbers["n"].encode("ascii")), "big")
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        return None
    return RSAKey.import_key({"kty": kty, **numbers})
