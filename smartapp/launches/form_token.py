"""The proof that a request comes from a launch's own page, or from its own program (C159, T2)."""

import hashlib

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from smartapp.launches.cookies import SessionKey
from smartapp.middleware import FormRefused


def form_token(key: SessionKey) -> str:
    """Return the token of the forms on a launch's page: only who holds the session key can know
    it, and it needs no cookie of its own inside a frame."""
    return hashlib.sha256(b"launch form" + key.value.encode()).hexdigest()


def require(request: HttpRequest, key: SessionKey) -> None:
    """Raise FormRefused unless our own form was sent, or a program that holds the session's cookie
    asks.

    A browser that another site has set on us always says where the request comes from; a request
    without any such header is no browser's, and nobody can forge what only a program can send.
    """
    sent = request.POST.get("form_token")
    if sent is not None:
        is_meant = constant_time_compare(sent, form_token(key))
    else:
        is_meant = not {"Origin", "Sec-Fetch-Site", "Referer"} & set(request.headers)
    if not is_meant:
        raise FormRefused("form token")
