import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, RSAKey

from smartapp.keys import material
from smartapp.keys.importing import KeyRefused, read_private_key
from smartapp.protocol import jwks

P384 = ec.generate_private_key(ec.SECP384R1())
RSA2048 = rsa.generate_private_key(65537, 2048)
RSA1024 = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
ED25519 = ed25519.Ed25519PrivateKey.generate()
PKCS1 = PrivateFormat.TraditionalOpenSSL


def pem(key: Any, passphrase: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, form, encryption).decode())


def public_pem(key: Any) -> str:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return str(public.decode())


def jwk(key: Any, **changes: Any) -> str:
    kind = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    members = dict(kind.import_key(key).as_dict(private=True)) | changes
    return json.dumps({name: value for name, value in members.items() if value is not None})


class TestGoodKeys:
    @pytest.mark.parametrize(
        ("text", "alg", "passphrase"),
        [
            (pem(P384), "ES384", ""),
            (pem(P384, form=PKCS1), "ES384", ""),
            (pem(P384, "correct horse"), "ES384", "correct horse"),
            (jwk(P384), "ES384", ""),
            (jwk(P384, use="sig", alg="ES384", kid="theirs"), "ES384", ""),
            (pem(RSA2048), "RS384", ""),
            (pem(RSA2048, "pässwörd", PKCS1), "RS256", "pässwörd"),
            ("\n  " + jwk(RSA2048), "RS384", ""),
        ],
    )
    def test_is_the_same_key_under_its_thumbprint(
        self, text: str, alg: str, passphrase: str
    ) -> None:
        """Whatever kid it had, ours is the RFC 7638 thumbprint."""
        new = read_private_key(text, alg=alg, passphrase=passphrase)
        original = P384 if alg == "ES384" else RSA2048
        kind = ECKey if alg == "ES384" else RSAKey
        public = kind.import_key(original.public_key()).as_dict(private=False)  # type: ignore[arg-type]
        assert new.kid == jwks.thumbprint(public)
        assert new.public_jwk["alg"] == alg
        row = material.sealed_row(new)
        assert material.open_private_key(row).as_dict(private=True)["d"]


class TestRefusals:
    """Each says what to do, and repeats nothing of the input."""

    @pytest.mark.parametrize(
        ("text", "alg", "passphrase", "reason"),
        [
            ("", "RS384", "", "not one private key"),
            ("hello", "RS384", "", "not one private key"),
            (pem(RSA2048) + pem(P384), "RS384", "", "not one private key"),
            ("x" * 20_000, "RS384", "", "longer than a private key"),
            (public_pem(RSA2048), "RS384", "", "only the public half"),
            (pem(RSA2048, "right"), "RS384", "wrong", "does not open with this passphrase"),
            (pem(RSA2048, "right"), "RS384", "", "give its passphrase too"),
            (pem(RSA2048), "RS384", "needless", "leave it empty"),
            (pem(RSA2048)[:200] + "-----END PRIVATE KEY-----", "RS384", "", "damaged"),
            (pem(RSA1024), "RS384", "", "has 1024 bits"),
            (pem(rsa.generate_private_key(3, 2048)), "RS384", "", "public exponent"),
            (pem(ec.generate_private_key(ec.SECP256R1())), "ES384", "", "curve P-384"),
            (jwk(ec.generate_private_key(ec.SECP521R1())), "ES384", "", "curve P-384"),
            (pem(P384), "RS384", "", "needs an RSA key"),
            (pem(RSA2048), "ES384", "", "needs an elliptic-curve key"),
            (pem(ED25519), "ES384", "", "needs an elliptic-curve key"),
            ("{", "RS384", "", "not valid JSON"),
            ('{"keys": []}', "RS384", "", "whole JWK Set"),
            ('{"kty": "oct", "k": "AAAA"}', "RS384", "", "kty is RSA"),
            (jwk(RSA2048, d=None), "RS384", "", "only the public half"),
            (jwk(RSA2048, alg="RS256"), "RS384", "", "another algorithm than RS384"),
            (jwk(RSA2048, use="enc"), "RS384", "", "for encryption"),
            (jwk(RSA2048, n="AQAB"), "RS384", "", "do not make a key"),
            (jwk(P384, x=base64.urlsafe_b64encode(b"x" * 48).decode()), "ES384", "", "do not make"),
            (jwk(P384, d=7), "ES384", "", "do not make a key"),
        ],
    )
    def test_bad_key(self, text: str, alg: str, passphrase: str, reason: str) -> None:
        with pytest.raises(KeyRefused, match=reason) as refusal:
            read_private_key(text, alg=alg, passphrase=passphrase)
        for secret in [*text.split("\n"), passphrase]:
            assert len(secret) < 8 or "-----" in secret or secret not in str(refusal.value)

    def test_an_algorithm_that_is_not_ours(self) -> None:
        with pytest.raises(ValueError, match="HS256"):
            read_private_key(pem(RSA2048), alg="HS256")
