"""Signing key material: generated, sealed and opened here. No page or log shows it.

New RSA keys have 2048 bits; RFC 7518 §3.3 requires at least that. 3072 bits were measured and
rejected: a signature takes 0.88 ms instead of 0.34 ms. It is made in the event loop at each launch,
for an assertion that is valid for 240 seconds, with a key that is replaced long before 2048 bits
are too few.
"""

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from joserfc.jwk import ECKey, RSAKey

from smartapp import vault
from smartapp.keys.models import Algorithm, SigningKey
from smartapp.protocol import jwks

RSA_BITS = 2048
RSA_PUBLIC_EXPONENT = 65537

PrivateKey = RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is not in the database yet. `pkcs8`: the private key, DER."""

    kid: str
    alg: str
    public_jwk: dict[str, Any]
    pkcs8: bytes = field(repr=False)


def generate(alg: str) -> NewKey:
    """Return a new key for `alg`. Raises ValueError for an unsupported algorithm (C64).

    RSA takes 40 ms of CPU time or more: never call it inside a transaction.
    """
    if Algorithm(alg) is Algorithm.ES384:
        return new_key(ec.generate_private_key(ec.SECP384R1()), alg)
    return new_key(rsa.generate_private_key(RSA_PUBLIC_EXPONENT, RSA_BITS), alg)


def new_key(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, alg: str) -> NewKey:
    """Return a private key with its kid (RFC 7638 thumbprint) and public JWK."""
    kind = ECKey if isinstance(private, ec.EllipticCurvePrivateKey) else RSAKey
    public = kind.import_key(private.public_key()).as_dict(private=False)  # type: ignore[arg-type]
    pkcs8 = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    kid = jwks.thumbprint(public)
    return NewKey(kid, alg, jwks.public_jwk(public, kid=kid, alg=alg), pkcs8)


def sealed_row(key: NewKey, **columns: Any) -> SigningKey:
    """Return the unsaved row of a new key, with the private key sealed for this row."""
    row = SigningKey(kid=key.kid, alg=key.alg, public_jwk=key.public_jwk, **columns)
    row.sealed_private_key = vault.seal(key.pkcs8, row.private_key_context)
    return row


def open_private_key(row: SigningKey) -> PrivateKey:
    """Return the private key of a row, ready to sign. Raises VaultError if it cannot be unsealed.

    OpenSSL's check of an RSA key takes 40 ms, loading it 0.05 ms. The check is skipped: the vault
    has just authenticated every bit, and `generate` or `importing` made or checked the key.
    """
    pkcs8 = vault.unseal(row.sealed_private_key, row.private_key_context)
    private_key: Any = load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    return (ECKey if row.alg == Algorithm.ES384 else RSAKey).import_key(private_key)
