"""The key of a second factor on its way into use: sealed in the session that was shown it.

Whoever knew a password first must not keep a key that the person then scans. So a key is shown to
one session, and only that one can take it into use: for a quarter of an hour, and only as long as
no other second factor has come into use.
"""

from datetime import timedelta

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from smartapp.administrators.models import SecondFactor
from smartapp.vault import VaultError

VALID_FOR = timedelta(minutes=15)
SHOWN = "second_factor_shown"


def show(request: HttpRequest, user: User, *, replaces: SecondFactor | None) -> SecondFactor:
    """Return a second factor with a fresh key, not stored, for this session to prove that it has
    the key; what the session was shown before is forgotten."""
    factor = SecondFactor.fresh(user)
    request.session[SHOWN] = {
        "sealed_key": factor.sealed_key,
        "until": (timezone.now() + VALID_FOR).timestamp(),
        "replaces": replaces and replaces.pk,
        "tried": False,
    }
    return factor


def shown(
    request: HttpRequest, user: User, *, replaces: SecondFactor | None
) -> SecondFactor | None:
    """Return what this session was shown last, not stored, if it may still be taken into use."""
    kept = request.session.get(SHOWN)
    if kept is None or kept["until"] <= timezone.now().timestamp():
        return None
    if kept["replaces"] != (replaces and replaces.pk):
        return None
    factor = SecondFactor.with_key(user, kept["sealed_key"])
    try:
        factor.secret  # noqa: B018 - a ring that has changed since does not open it
    except VaultError:
        return None
    return factor


def mistyped(request: HttpRequest) -> None:
    """Remember that a code was wrong: nobody shall have to scan again for a slip of the finger."""
    request.session[SHOWN] = {**request.session[SHOWN], "tried": True}


def was_mistyped(request: HttpRequest) -> bool:
    return bool(request.session.get(SHOWN, {}).get("tried"))


def forget(request: HttpRequest) -> None:
    request.session.pop(SHOWN, None)
