"""The keys that sign id_tokens: in the sandbox's own table, rotated by a button (S43)."""

from datetime import timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from joserfc.jwk import RSAKey

from smartapp.sandbox.models import SigningKey

ALGORITHM = "RS256"
KEY_BITS = 2048
KEPT_KEYS = 4
"""The newest keys; id_tokens of older ones have long expired."""


def current() -> RSAKey:
    """Return the newest published signing key; created on first use."""
    row = _published().first() or _create(0)
    return _opened(row.kid, row.encrypted_private_key)


def rotate(*, published_in_seconds: int = 0) -> RSAKey:
    """Return a new key. With `published_in_seconds` the JWKS contains it only later."""
    current()
    row = _create(published_in_seconds)
    SigningKey.objects.exclude(
        pk__in=list(SigningKey.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT_KEYS])
    ).delete()
    return _opened(row.kid, row.encrypted_private_key)


def public_jwks() -> dict[str, Any]:
    current()
    return {"keys": [_public(_opened(r.kid, r.encrypted_private_key)) for r in _published()]}


def _published() -> QuerySet[SigningKey]:
    return SigningKey.objects.filter(published_at__lte=timezone.now()).order_by("-pk")


def _create(published_in_seconds: int) -> SigningKey:
    key = RSAKey.generate_key(KEY_BITS)
    pem = key.as_pem(private=True, password=_password()).decode()
    published_at = timezone.now() + timedelta(seconds=published_in_seconds)
    return SigningKey.objects.create(
        kid=key.thumbprint(), encrypted_private_key=pem, published_at=published_at
    )


@cache
def _opened(kid: str, encrypted_private_key: str) -> RSAKey:
    """Parse a private key, once per process. OpenSSL's check of an RSA key, which takes 36 ms, is
    skipped: `_create` made the key."""
    private_key: Any = load_pem_private_key(
        encrypted_private_key.encode(), _password().encode(), unsafe_skip_rsa_key_validation=True
    )
    return RSAKey.import_key(private_key, {"kid": kid})


def _password() -> str:
    return salted_hmac("sandbox.signing-key", settings.SECRET_KEY, algorithm="sha256").hexdigest()


def _public(key: RSAKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}
