"""Setting up a second factor: its key, sealed in the session that it was shown to.

An attacker who learned the password first must not keep a key that the administrator then scans. So
a key is shown to one session, and only this session can activate it, within 15 minutes and unless
another second factor was activated meanwhile.
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
    """Return an unsaved second factor with a new key, for this session to prove that the app has
    it. Replaces whatever the session was shown before."""
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
    """Return the unsaved second factor that this session was last shown; None if it must not be
    activated any more."""
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
    """Remember that a code was wrong, so that after a typo the same QR code stays valid."""
    request.session[SHOWN] = {**request.session[SHOWN], "tried": True}


def was_mistyped(request: HttpRequest) -> bool:
    return bool(request.session.get(SHOWN, {}).get("tried"))


def forget(request: HttpRequest) -> None:
    request.session.pop(SHOWN, None)
