"""Read private keys that were made elsewhere: PEM, encrypted PEM or JWK.

Each refusal says what to do. No refusal and no log repeats any character of the input.
"""

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from smartapp.keys.material import RSA_PUBLIC_EXPONENT, NewKey, new_key
from smartapp.keys.models import Algorithm
from smartapp.protocol.json import JSONInvalid, parse_json_object

MAX_CHARACTERS = 16_384
MIN_RSA_BITS = 2048
# Each launch signs once in the event loop: 4096 bits take 2 ms, and the time grows with the cube.
MAX_RSA_BITS = 4096

PrivateNumbers = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyRefused(ValueError):
    """Why a key is not imported, and what to do. Never contains any character of the key."""


def read_private_key(text: str, *, alg: str, passphrase: str = "") -> NewKey:
    """Return the private key in `text`, checked to be fit for `alg`. Raises KeyRefused."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        raise KeyRefused("This is longer than a private key: give one key and nothing else.")
    key = _from_jwk(text, alg) if text.startswith("{") else _from_pem(text, passphrase)
    if Algorithm(alg) is Algorithm.ES384:
        return new_key(_fit_for_es384(key), alg)
    return new_key(_fit_for_rsa(key, alg), alg)


def _from_pem(text: str, passphrase: str) -> Any:
    if "PUBLIC KEY-----" in text or "BEGIN CERTIFICATE" in text:
        raise KeyRefused(
            "This is only the public half, which cannot sign: give the file with the private key."
        )
    if text.count("-----BEGIN ") != 1:
        raise KeyRefused(
            "This is not one private key in PEM (-----BEGIN PRIVATE KEY-----) or as a JWK ({...})."
        )
    try:
        return load_pem_private_key(text.encode(), passphrase.encode() or None)
    except TypeError:
        raise KeyRefused(
            "A passphrase was given, but the key has none: leave it empty."
            if passphrase
            else "This key is encrypted: give its passphrase too."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused(
            "The key does not open with this passphrase, or is damaged: try the passphrase again."
            if passphrase
            else "The key is damaged or of a kind that nobody signs with: export it once more."
        ) from None


def _from_jwk(text: str, alg: str) -> Any:
    try:
        jwk = parse_json_object(text.encode())
    except JSONInvalid:
        raise KeyRefused("This begins like a JWK but is not valid JSON.") from None
    if "keys" in jwk:
        raise KeyRefused("This is a whole JWK Set: give one key of it, with its private members.")
    kinds: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    kind = kinds.get(str(jwk.get("kty")))
    if kind is None:
        raise KeyRefused(f"{alg} needs a JWK whose kty is {'EC' if alg == 'ES384' else 'RSA'}.")
    if "d" not in jwk:
        raise KeyRefused(
            "This JWK is only the public half, which cannot sign: give the one that has a `d`."
        )
    if jwk.get("alg", alg) != alg:
        raise KeyRefused(f"This JWK says that it is for another algorithm than {alg}: choose that.")
    if jwk.get("use", "sig") != "sig":
        raise KeyRefused("This JWK says that it is for encryption: a signing key is needed.")
    try:
        return kind.import_key(jwk).private_key
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused(
            "The members of this JWK do not make a key: export it once more."
        ) from None


def _fit_for_es384(key: Any) -> PrivateNumbers:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyRefused("ES384 needs an elliptic-curve key: choose an RSA algorithm for this one.")
    if not isinstance(key.curve, ec.SECP384R1):
        raise KeyRefused("ES384 needs a key on the curve P-384, and this one is on another.")
    return key


def _fit_for_rsa(key: Any, alg: str) -> PrivateNumbers:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyRefused(f"{alg} needs an RSA key: choose ES384 for one on the curve P-384.")
    if key.key_size < MIN_RSA_BITS:
        raise KeyRefused(
            f"This RSA key has {key.key_size} bits, and fewer than {MIN_RSA_BITS} are too weak: "
            "let a new key be made instead."
        )
    if key.key_size > MAX_RSA_BITS:
        raise KeyRefused(
            f"This RSA key has {key.key_size} bits; more than {MAX_RSA_BITS} would slow every "
            "launch down: let a new key be made instead."
        )
    if key.public_key().public_numbers().e != RSA_PUBLIC_EXPONENT:
        raise KeyRefused(
            f"The public exponent of this RSA key is not {RSA_PUBLIC_EXPONENT}, which some EHRs "
            "refuse: let a new key be made instead."
        )
    return key
