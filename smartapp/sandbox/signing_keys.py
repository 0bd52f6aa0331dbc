"""The key that signs id_tokens: made once, kept in the sandbox's own table."""

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac
from joserfc.jwk import RSAKey

from smartapp.sandbox.models import SigningKey

ALGORITHM = "RS256"
KEY_BITS = 2048


def current() -> RSAKey:
    """Return the signing key, made on first use."""
    row = SigningKey.objects.order_by("-pk").first() or _create()
    return _opened(row.kid, row.encrypted_private_key)


def public_jwks() -> dict[str, Any]:
    rows = SigningKey.objects.order_by("-pk") if SigningKey.objects.exists() else [_create()]
    return {"keys": [_public(_opened(row.kid, row.encrypted_private_key)) for row in rows]}


def _create() -> SigningKey:
    key = RSAKey.generate_key(KEY_BITS)
    pem = key.as_pem(private=True, password=_password()).decode()
    return SigningKey.objects.create(kid=key.thumbprint(), encrypted_private_key=pem)


@cache
def _opened(kid: str, encrypted_private_key: str) -> RSAKey:
    """Parsing a private key costs 36 ms: once per process."""
    return RSAKey.import_key(encrypted_private_key, {"kid": kid}, password=_password())


def _password() -> str:
    return salted_hmac("sandbox.signing-key", settings.SECRET_KEY, algorithm="sha256").hexdigest()


def _public(key: RSAKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}
