"""The proof that a request comes from a launch's own page or from its own program (C159, T2)."""

import hashlib
import secrets

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from smartapp.launches.cookies import SessionKey
from smartapp.middleware import FormRefused

SECRET_BYTES = 32


def form_token(key: SessionKey) -> str:
    """Return a token for the forms of one page of a launch. Only the holder of the session key can
    make one, and it needs no cookie of its own in a frame.

    Each page gets a different token, a random mask and the masked secret, because the page is
    compressed: an attacker could guess a constant secret from the page's length (BREACH).
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
    """Raise FormRefused unless the request comes from our own form or from a program that holds the
    session's cookie.

    A browser sent by another site always says where its request comes from. A request without any
    of these headers comes from a program, not a browser, and another site cannot make a browser
    send it.
    """
    sent = request.POST.get("form_token")
    if sent is not None:
        is_meant = _is_of(sent, key)
    else:
        is_meant = not {"Origin", "Sec-Fetch-Site", "Referer"} & set(request.headers)
    if not is_meant:
        raise FormRefused("form token")
