"""The proof that a request comes from a launch's own page, or from its own program (C159, T2)."""

import hashlib
import secrets

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from smartapp.launches.cookies import SessionKey
from smartapp.middleware import FormRefused

SECRET_BYTES = 32


def form_token(key: SessionKey) -> str:
    """Return a token for the forms of one page of a launch: only who holds the session key can make
    one, and it needs no cookie of its own inside a frame.

    Each page has another, a random mask beside the masked secret: the page is sent compressed, and
    a secret that stays the same could be guessed from its length (BREACH).
    """
    mask = secrets.token_bytes(SECRET_BYTES)
    return (mask + _masked(_secret(key), mask)).hex()


def _secret(key: SessionKey) -> bytes:
    return hashlib.sha256(b"launch form" + key.value.encode()).digest()


def _masked(secret: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(secret, mask, strict=True))


def _is_of(sent: str, key: SessionKey) -> bool:
    try:
        token = bytes.fromhex(sent)
    except ValueError:
        return False
    mask, masked = token[:SECRET_BYTES], token[SECRET_BYTES:]
    if len(masked) != SECRET_BYTES:
        return False
    return constant_time_compare(_masked(masked, mask), _secret(key))


def require(request: HttpRequest, key: SessionKey) -> None:
    """Raise FormRefused unless our own form was sent, or a program that holds the session's cookie
    asks.

    A browser that another site has set on us always says where the request comes from; a request
    without any such header is no browser's, and nobody can forge what only a program can send.
    """
    sent = request.POST.get("form_token")
    if sent is not None:
        is_meant = _is_of(sent, key)
    else:
        is_meant = not {"Origin", "Sec-Fetch-Site", "Referer"} & set(request.headers)
    if not is_meant:
        raise FormRefused("form token")
