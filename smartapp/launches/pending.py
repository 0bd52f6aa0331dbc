"""A launch between its start and its callback: sealed in a cookie, one for each state.

Nothing is written to the database before the EHR has answered, so launches that never come back
cost nothing. And because only the browser that started has the cookie, only that browser has the
state (C32, C50).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from smartapp.launches import cookies
from smartapp.launches.models import LaunchKind
from smartapp.protocol.errors import StateUnopened
from smartapp.vault import Form, KeyMissing, OtherRelease, VaultError

PENDING_LIFETIME = timedelta(minutes=10)  # people take long to sign in (C43)
# Faster than this nobody looks at a sign-in page, closes it and opens the app again.
SOONEST_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class PendingLaunch:
    """What the callback needs to know about the request that it answers."""

    endpoint_id: int
    registration_slug: str
    kind: LaunchKind
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    scope: str
    # The token endpoint that discovery named at the start: a later change of the EHR's documents
    # must not send the code elsewhere (T6).
    token_endpoint: str
    issuer_required: bool
    launched_at: datetime
    # The id of the brand that the person chose.
    brand_id: int | None = None

    def expired(self, now: datetime) -> bool:
        return now - self.launched_at > PENDING_LIFETIME


def _context(cookie_name: str) -> str:
    return f"launches.pending:{cookie_name}"


# Browsers silently drop a cookie of more than 4096 octets, and scopes alone may be longer.
FORM = Form(PendingLaunch, is_compressed=True)


def _seal(pending: PendingLaunch, cookie_name: str) -> str:
    return FORM.seal(pending, _context(cookie_name))


def _unseal(sealed: str, cookie_name: str) -> PendingLaunch | None:
    """Return the pending launch in a cookie; None if it was not sealed under this name or was
    sealed by another release in another form."""
    try:
        pending = FORM.unseal(sealed, _context(cookie_name))
    except VaultError:
        return None
    launched_at = datetime.fromisoformat(str(pending.launched_at))
    return replace(pending, kind=LaunchKind(pending.kind), launched_at=launched_at)


def remember(
    request: HttpRequest, response: HttpResponse, state: str, pending: PendingLaunch
) -> None:
    """Put the pending launch into its cookie, and remove the oldest cookies beyond the limit."""
    name = cookies.pending_cookie_name(state)
    lifetime = cookies.PENDING_COOKIE_LIFETIME
    cookies.set_cookie(request, response, name, _seal(pending, name), lifetime)
    for surplus in _surplus(request):
        cookies.delete_cookie(request, response, surplus)


def _surplus(request: HttpRequest) -> list[str]:
    held = cookies.pending_cookies(request)
    if len(held) < cookies.MAX_PENDING_COOKIES:
        return []
    started = {
        name: pending.launched_at.timestamp() if (pending := _unseal(sealed, name)) else 0.0
        for name, sealed in held.items()
    }
    newest_first = sorted(held, key=lambda name: started[name], reverse=True)
    return newest_first[cookies.MAX_PENDING_COOKIES - 1 :]


def recall(request: HttpRequest, state: str) -> PendingLaunch | None:
    """Return the pending launch that this browser started with this state."""
    name = cookies.pending_cookie_name(state)
    sealed = request.COOKIES.get(name)
    return _unseal(sealed, name) if sealed else None


def refuse_unopened(request: HttpRequest, state: str) -> None:
    """Raise StateUnopened if this state's cookie came and another process may be able to open it.
    One that was planted opens nowhere."""
    name = cookies.pending_cookie_name(state)
    if name not in request.COOKIES:
        return
    try:
        FORM.unseal(request.COOKIES[name], _context(name))
    except (KeyMissing, OtherRelease) as error:
        raise StateUnopened(f"the launch's cookie does not open: {error}") from error
    except VaultError:
        return


def waiting(request: HttpRequest, registration_slug: str) -> tuple[str, PendingLaunch | None]:
    """Return the newest launch that this browser started with this registration and that may still
    be answered, after the digest in the name of its cookie; "" and None if there is none. It
    resumes nothing."""
    now = timezone.now()
    began: dict[str, PendingLaunch] = {}
    for name, sealed in cookies.pending_cookies(request).items():
        one = _unseal(sealed, name)
        if one and one.registration_slug == registration_slug and not one.expired(now):
            began[name] = one
    if not began:
        return "", None
    newest = max(began, key=lambda name: began[name].launched_at)
    return newest.rpartition("-")[2], began[newest]


def forget(request: HttpRequest, response: HttpResponse, state: str) -> None:
    cookies.delete_cookie(request, response, cookies.pending_cookie_name(state))


def is_unanswered(request: HttpRequest, endpoint_id: int, now: datetime) -> bool:
    """Return whether this browser asked this EHR a moment ago and got no answer. In a frame that
    happens if the EHR's sign-in refuses to be framed: the frame stays grey and people open the app
    again."""
    return any(
        begun is not None
        and begun.endpoint_id == endpoint_id
        and not begun.expired(now)
        and now - begun.launched_at > SOONEST_AGAIN
        for name, sealed in cookies.pending_cookies(request).items()
        for begun in [_unseal(sealed, name)]
    )
