"""The app's own cookies: one for each pending launch, one for each launch.

A launch has a session of its own, with a new key made at its callback. A key that existed before is
never accepted (session fixation, T18). Earlier launches keep their keys, and two launches that
finish at the same moment in one browser cannot overwrite each other. The browser has the key and
the database only its digest, so a stolen table opens no page.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from smartapp.frames import is_framed

PENDING = "pending-"
LAUNCH = "launch-"
# Has no content: if it comes back, this browser keeps cookies in this frame.
TRIED = "tried"
PENDING_NAME_CHARACTERS = 32  # of the state's digest
MAX_PENDING_COOKIES = 5
MAX_LAUNCH_COOKIES = 20
# The cookie outlives the ten minutes of a pending launch, so that a late callback gets a reason.
PENDING_COOKIE_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The key of one launch's session. `value` is given to the browser only."""

    value: str = field(repr=False)

    @property
    def digest(self) -> str:
        """The primary key of the session row: 160 bits, because Django's column has 40
        characters."""
        return hashlib.sha256(b"launch session" + self.value.encode()).hexdigest()[:40]


def new_session_key(now: datetime) -> SessionKey:
    """Return a new key. It starts with the time, so that the oldest cookies can be removed."""
    return SessionKey(f"{int(now.timestamp()):x}.{secrets.token_urlsafe(32)}")


def state_digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _prefix() -> str:
    return "__Host-" if settings.PUBLIC_URL_IS_HTTPS else ""


def pending_cookie_name(state: str) -> str:
    return f"{_prefix()}{PENDING}{state_digest(state)[:PENDING_NAME_CHARACTERS]}"


def launch_cookie_name(uuid: UUID) -> str:
    return f"{_prefix()}{LAUNCH}{uuid.hex}"


def set_cookie(
    request: HttpRequest,
    response: HttpResponse,
    name: str,
    value: str,
    lifetime: timedelta | None,
) -> None:
    """Set one of our cookies with the attributes that it needs in a frame or outside (C151).

    In an EHR's frame only a `Partitioned` cookie comes back. It must be Secure; browsers accept it
    over https and from a loopback address. With `lifetime` None it lasts until the browser is
    closed.
    """
    framed = is_framed(request)
    response.cookies[name] = value
    cookie = response.cookies[name]
    cookie["path"], cookie["httponly"] = "/", True
    cookie["samesite"] = "None" if framed else "Lax"
    cookie["secure"] = framed or settings.PUBLIC_URL_IS_HTTPS
    if lifetime is not None:
        cookie["max-age"] = int(lifetime.total_seconds())
    if framed:
        cookie["partitioned"] = True


def delete_cookie(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Expire a cookie. Browsers remove a partitioned one only with the same attributes."""
    set_cookie(request, response, name, "", timedelta(0))


def try_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Set a cookie only to test whether it comes back."""
    set_cookie(request, response, _prefix() + TRIED, "1", None)


def comes_back(request: HttpRequest) -> bool:
    return f"{_prefix()}{TRIED}" in request.COOKIES


def _named(request: HttpRequest, kind: str) -> dict[str, str]:
    prefix = _prefix() + kind
    return {name: value for name, value in request.COOKIES.items() if name.startswith(prefix)}


def pending_cookies(request: HttpRequest) -> dict[str, str]:
    return _named(request, PENDING)


def session_key(request: HttpRequest, uuid: UUID) -> SessionKey | None:
    """Return this browser's key for the launch."""
    value = request.COOKIES.get(launch_cookie_name(uuid))
    return SessionKey(value) if value else None


def launch_cookies(request: HttpRequest) -> list[tuple[str, SessionKey]]:
    """Return the name and the key of this browser's launch cookies, newest first."""
    held = sorted(_named(request, LAUNCH).items(), key=lambda item: _started(item[1]), reverse=True)
    return [(name, SessionKey(value)) for name, value in held]


def session_digests(request: HttpRequest) -> list[str]:
    """Return the digests of this browser's session keys, newest launch first."""
    return [key.digest for _, key in launch_cookies(request)[: MAX_LAUNCH_COOKIES * 2]]


def _started(value: str) -> int:
    """Return the time in a key. A browser that fakes it only loses its own oldest launch sooner."""
    try:
        return int(value.partition(".")[0], 16)
    except ValueError:
        return 0
