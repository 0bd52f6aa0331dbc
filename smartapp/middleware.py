"""Async versions of Django's middleware, and the conversion of exceptions into pages.

Django's own middleware is sync: under ASGI, each piece costs every request two thread switches.
Pieces that only compute run in the event loop (`Inline`). Pieces that use the session are skipped
where none is needed (`StepsAside`): the launch routes have their own cookies.
"""

import logging
import re
import secrets
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from http import HTTPStatus
from itertools import chain
from math import ceil
from typing import Any, TypeVar, cast
from urllib.parse import quote, unquote

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from csp import middleware as csp
from csp.constants import HEADER
from csp.utils import build_policy, default_config
from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import DisallowedHost
from django.db import DataError, InterfaceError, InternalError, OperationalError
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware import clickjacking, common, csrf, security
from django.shortcuts import render
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.encoding import iri_to_uri

from smartapp import alerts, frames, logs, metrics, rate_limit
from smartapp.audit import origin
from smartapp.exception_reports import cause
from smartapp.protocol.errors import (
    REOPEN,
    WAIT_AND_START,
    DiscoveryIncomplete,
    SmartError,
    TokensUnopened,
)
from smartapp.protocol.text import plain_text
from smartapp.vault import KeyMissing

logger = logging.getLogger(__name__)

ADMIN_PREFIX = "/admin/"
SESSION_PREFIXES = (ADMIN_PREFIX, "/sandbox/")
# The sandbox's FHIR API is below the same prefix; it knows bearer tokens only. Beside its views,
# which are async, there are others that need a thread.
FHIR_API = re.compile(r"/sandbox/(?:\w+/)?fhir/r4/(?!\.well-known/)")
LAUNCH_PREFIXES = ("/launch", "/connect/", "/callback/")
# Marks an address that a page loaded by itself.
AGAIN = "again"
MAX_HOST_CHARACTERS = 100
NEVER_STORED = "max-age=0, no-cache, no-store, must-revalidate, private"
# Where Django's admin site reads the filters of a list from the query.
ADMIN_LISTS = ("admin/views/main.py", "admin/filters.py", "admin/templatetags/admin_list.py")
REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
# Raised by a driver when the server does not answer, is full or read-only, or timed out.
DATABASE_IS_AWAY = (OperationalError, InterfaceError, InternalError)
# Sent for each error page, with `error` and `reference`; the launch's timeline records it.
refused = Signal()


class Inline:
    """Runs a middleware that only computes in the event loop instead of a thread."""

    get_response: Callable[[HttpRequest], Any]

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before = getattr(self, "process_request", None)
        after = getattr(self, "process_response", None)
        response: HttpResponseBase | None = before(request) if before else None
        if response is None:
            response = await self.get_response(request)
        return cast(HttpResponseBase, after(request, response) if after else response)


class SecurityMiddleware(Inline, security.SecurityMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Set headers that differ by path. Where Django's CSRF protection checks the origin,
        browsers must send it: under `no-referrer`, which launches need (C42), they send `Origin:
        null` with a form."""
        if request.path_info.startswith(SESSION_PREFIXES):
            response.headers.setdefault("Referrer-Policy", "same-origin")
        if request.path_info.startswith(LAUNCH_PREFIXES):
            # An EHR that opens the app in a popup keeps a handle on it, to notice when it is
            # closed. Any other policy on any step of the launch would cut that handle (C153).
            response.headers.setdefault("Cross-Origin-Opener-Policy", "unsafe-none")
        return super().process_response(request, response)


class CommonMiddleware(Inline, common.CommonMiddleware):
    pass


class XFrameOptionsMiddleware(Inline, clickjacking.XFrameOptionsMiddleware):
    pass


class CSPMiddleware(Inline, csp.CSPMiddleware):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the policy. Each one is built once: there are few, and building one costs more than a
        query."""
        parts = self.get_policy_parts(request=request, response=response)
        is_usual = parts.nonce is None and parts.config is None and not settings.DEBUG
        if is_usual and HEADER not in response:
            base = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
            directives = map(_frozen, (base, parts.update, parts.replace))
            response.headers[HEADER] = _policy(*directives)
            return response
        return super().process_response(request, response)


Directives = tuple[tuple[str, tuple[str, ...]], ...]


def _frozen(directives: dict[str, list[str]] | None) -> Directives:
    return tuple((name, tuple(values)) for name, values in (directives or {}).items())


@lru_cache(maxsize=256)
def _policy(base: Directives, update: Directives, replace: Directives) -> str:
    config, more, instead = (
        {name: list(values) for name, values in one} for one in (base, update, replace)
    )
    return str(build_policy(default_config(config), more, instead))


class CsrfViewMiddleware(Inline, csrf.CsrfViewMiddleware):
    async def process_view(  # type: ignore[override]
        self, request: HttpRequest, callback: Any, callback_args: Any, callback_kwargs: Any
    ) -> HttpResponseBase | None:
        """Async, because Django would call a sync `process_view` in a thread for every request."""
        return super().process_view(request, callback, callback_args, callback_kwargs)


def has_session(path: str) -> bool:
    """Return whether Django's session may be used at this path."""
    return path.startswith(SESSION_PREFIXES) and not FHIR_API.match(path)


class StepsAside:
    """Skips a middleware that needs Django's session on routes without one."""

    get_response: Callable[[HttpRequest], Any]

    def __call__(self, request: HttpRequest) -> Any:
        if has_session(request.path_info):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)


class SessionMiddleware(StepsAside, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(StepsAside, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(StepsAside, messages.MessageMiddleware):
    pass


class AuditOrigin(MiddlewareMixin):
    """Tells the audit trail which request an administrator's action came from."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(ADMIN_PREFIX):
            return self.get_response(request)
        if iscoroutinefunction(self):
            return self.__acall__(request)
        with origin.of(request):
            return self.get_response(request)

    async def __acall__(self, request: HttpRequest) -> Any:
        with origin.of(request):
            return await cast(Awaitable[HttpResponseBase], self.get_response(request))


View = TypeVar("View", bound=Callable[..., Awaitable[HttpResponseBase]])


def never_stored(view: View) -> View:
    """Forbid caches to store the answers of a view. Django's `never_cache` does the same, and adds
    an old date for caches that do not know `no-store`."""

    @wraps(view)
    async def answering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = await view(request, *args, **kwargs)
        response.headers["Cache-Control"] = NEVER_STORED
        return response

    return cast(View, answering)


def new_reference() -> str:
    """Return a reference number that can be read out on the telephone."""
    return "-".join("".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(4)) for _ in range(2))


def report(request: HttpRequest, error: SmartError, reference: str) -> None:
    """Record an error that a page is about to show: in the log, the metrics and the launch's
    timeline."""
    _log(error, request, reference)
    metrics.refusals.labels(error.code).inc()
    if metrics.where(request.path_info) in {"launch", "connect", "callback"}:
        metrics.launches.labels("unknown", "failed", error.code).inc()
    refused.send_robust(type(error), error=error, reference=reference)


def _log(error: SmartError, request: HttpRequest, reference: str) -> None:
    """Log one line per refused request: code, rule, path. Never the query or a value, nor a part of
    the path that may be one: a link of an invitation, the id of a resource.

    A flood of refusals from one network is only counted, but a fault of this app is always logged.
    """
    address = request.META.get("REMOTE_ADDR", "")
    is_ours = error.status == HTTPStatus.INTERNAL_SERVER_ERROR
    if not (is_ours or rate_limit.refusal_lines.admits(address)):
        return
    level = logging.WARNING if error.status < 500 else logging.ERROR
    logger.log(
        level,
        "%s %s rule=%s at %s: %s",
        reference,
        error.code,
        error.rule or error.error or "-",
        logs.safe_path(request.path),
        error.detail,
        extra={"reference": reference, "code": error.code},
    )


def error_response(request: HttpRequest, error: SmartError, **context: Any) -> HttpResponse:
    """Return the page for an error: what happened, what to do next, a reference number.

    `is_from_ehr` in `context` says whether this is an EHR launch, if known; in a frame it always
    is.
    """
    reference, is_framed = new_reference(), frames.is_framed(request)
    is_from_ehr = context.pop("is_from_ehr", is_framed or _is_from_ehr(request))
    can_repeat = _can_repeat(request, error)
    report(request, error, reference)
    response = render(
        request,
        "error.html",
        {
            "error": error,
            "words": error.wording(is_from_ehr=is_from_ehr),
            "reference": reference,
            "help_desk": settings.HELP_DESK,
            "can_repeat": can_repeat,
            # Patients and clinicians of a launch have no such cookie. The linked page asks for a
            # sign-in, so an invented cookie gives no access.
            "may_be_administrator": settings.SESSION_COOKIE_NAME in request.COOKIES,
            # Users who come from an EHR get no link to the start page, which cannot be framed.
            "is_from_ehr": is_from_ehr,
            **error.context,
            **context,
        },
        status=error.status,
    )
    response["Cache-Control"] = "no-store"
    if is_framed and request.path_info.startswith(LAUNCH_PREFIXES):
        frames.framable_by_any_origin(response)
    response._has_been_logged = True  # type: ignore[attr-defined] # by the line above, once
    if error.retry_after is not None:
        seconds = str(max(1, ceil(error.retry_after)))
        response["Retry-After"] = seconds
        if can_repeat:
            response["Refresh"] = f"{seconds}{_without_a_person(request)}"
    return response


def _is_from_ehr(request: HttpRequest) -> bool | None:
    """Only patients open a health system on the start page."""
    return False if request.path_info.startswith("/connect/") else None


def _without_a_person(request: HttpRequest) -> str:
    """A page that loads itself again is not being used: an open launch must not live on by it."""
    is_of_a_launch = request.path_info.startswith("/launches/")
    return f"; url={quote(request.path)}?{AGAIN}=" if is_of_a_launch else ""


def _can_repeat(request: HttpRequest, error: SmartError) -> bool:
    """Whether the same address may be good a moment later. Before the EHR was asked, and on an
    open page, nothing is used up; at the callback only where the error says so."""
    if error.is_repeatable or request.method not in {"GET", "HEAD"}:
        return error.is_repeatable
    is_callback = request.path_info.startswith("/callback/")
    is_launch = request.path_info.startswith(LAUNCH_PREFIXES) and not is_callback
    is_final = isinstance(error, DiscoveryIncomplete)  # its page says that it does not help
    return is_launch and not is_final and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class ErrorPages:
    """Turns every SmartError into its page, for sync and async views."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the page for an error; None for a fault of this app, which Django reports before
        it calls `server_error`."""
        if isinstance(exception, SmartError):
            return error_response(request, exception)
        if isinstance(exception, DATABASE_IS_AWAY):
            return _database_away(request, exception)
        if isinstance(exception, KeyMissing):
            return error_response(request, TokensUnopened(str(exception)))
        if _is_about_what_was_sent(request, exception):
            return error_response(request, RequestUnreadable(cause(exception)))
        return None


def known_error(exception: Exception) -> SmartError:
    """Return the SmartError for an exception that occurred while a page was being sent."""
    if isinstance(exception, SmartError):
        return exception
    if isinstance(exception, DATABASE_IS_AWAY):
        return DatabaseAway(cause(exception))
    return UnexpectedError(cause(exception))


def _database_away(request: HttpRequest, exception: Exception) -> HttpResponse:
    kind = DatabaseAway if request.method in {"GET", "HEAD"} else DatabaseAwayFromForm
    return error_response(request, kind(cause(exception)))


def _is_about_what_was_sent(request: HttpRequest, exception: Exception) -> bool:
    """Return whether the request contains an impossible value: a NUL, which PostgreSQL cannot store
    in text, or an impossible filter of an admin list, such as the year 99999."""
    if not isinstance(exception, ValueError | OverflowError | DataError):
        return False
    sent = [
        unquote(request.get_full_path()),
        *chain(*(values for _, values in request.POST.lists())),
    ]
    if any("\0" in str(value) for value in sent):
        return True
    frames = traceback.walk_tb(exception.__traceback__)
    return any(frame.f_code.co_filename.endswith(ADMIN_LISTS) for frame, _ in frames)


class PageNotFound(SmartError):
    code = "page-not-found"
    status = 404
    title = "There is no such page"
    happened = "The address does not lead anywhere in this app."
    next_step = "Go to the start page, or open the app from your EHR."
    in_ehr = REOPEN


class UnexpectedError(SmartError):
    code = "unexpected-error"
    status = 500
    title = "Something went wrong in this app"
    happened = "It is this app's own fault. Nothing was shown or sent that should not be."
    next_step = "Try again. If it stays, ask for help, and give the reference number."
    in_ehr = "Try again. If it stays, give the reference number to your administrator."


class DatabaseAway(SmartError):
    """The database does not answer or cannot write. This passes, and nothing is lost."""

    code = "database-away"
    status = 503
    title = "This app cannot work at this moment"
    happened = (
        "Its own database does not answer, or has no room. Nothing of yours is lost, and nothing "
        "was shown that should not be."
    )
    next_step = "Wait a few seconds and try again here. If it stays, ask for help."
    in_ehr = "Wait a few seconds and press Try again. If it stays, tell your administrator."
    retry_after: float | None = 5
    is_repeatable = True


class SignInLost(DatabaseAway):
    """The database went away after it had used up the state of a sign-in (C50)."""

    code = "sign-in-lost"
    title = "This sign-in was lost"
    happened = (
        "This app's own database stopped answering while you were being signed in. Nothing was "
        "shown that should not be."
    )
    next_step = WAIT_AND_START
    in_ehr = ""
    retry_after = None
    is_repeatable = False


class DatabaseAwayFromForm(DatabaseAway):
    """The same for a form, which "try again" does not send again."""

    next_step = "Go back, wait a few seconds and repeat what you did."
    is_repeatable = False


class RequestUnreadable(SmartError):
    code = "request-unreadable"
    status = 400
    title = "This app cannot read what was sent"
    happened = "The request is too large, or is not written in a way that this app reads."
    next_step = "Go to the start page, or open the app from your EHR, and repeat what you did."
    in_ehr = REOPEN


class FormRefused(SmartError):
    code = "form-refused"
    status = 403
    title = "This form is too old"
    happened = "The page was open for too long, or was opened in another window."
    next_step = "Go back, load the page again and repeat what you did."


# None of these pages has a form. Django's `requires_csrf_token` would parse the request's form
# again, and an unreadable form would end in a 500 without a page.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = type(exception).__name__
    if isinstance(exception, DisallowedHost):
        host = plain_text(request.META.get("HTTP_HOST", ""), MAX_HOST_CHARACTERS)
        what = f"{host} is not in ALLOWED_HOSTS" if host else "no Host came"
        detail += f": {what}; a proxy in front has to pass Host on"
    return error_response(request, RequestUnreadable(detail))


def sent_to_launch(request: HttpRequest) -> HttpResponse | None:
    """Return the redirect to the launch URL if an EHR opened another address to launch: the start
    page's, the redirect URI, or one that was typed into its portal as "/LAUNCH". None if it was not
    a launch. An answer of an EHR may have these members too, beside its code."""
    query = request.META.get("QUERY_STRING", "")
    names = {pair.partition("=")[0] for pair in query.split("&")}
    is_launch = {"iss", "launch"} <= names and names.isdisjoint({"code", "error"})
    if request.method != "GET" or not is_launch:
        return None
    # The launch URL says what is too long; Django's own redirect would only refuse it.
    address = iri_to_uri(f"{reverse('launches:launch')}?{query}")
    response = HttpResponse(status=HTTPStatus.FOUND, headers={"Location": address})
    response.headers["Cache-Control"] = NEVER_STORED
    # As on every step of a launch (C153).
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if response := sent_to_launch(request):
        return response
    return error_response(request, PageNotFound(type(exception).__name__))


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the page for an unexpected exception, and report its cause in the log and to
    ADMINS."""
    exception = sys.exc_info()[1]
    if isinstance(exception, DATABASE_IS_AWAY):
        return _database_away(request, exception)
    if exception is not None:
        alerts.report(exception)
    error = UnexpectedError(cause(exception) if exception else "")
    try:
        return error_response(request, error)
    except Exception as another:
        # The page needs templates and static files, which may be the problem.
        logger.error("the page of an error failed: %s", cause(another))
        words = f"{error.title}. {error.next_step}\n"
        response = HttpResponse(words, status=500, content_type="text/plain")
        response._has_been_logged = True  # type: ignore[attr-defined] # by both lines above
        return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_response(request, FormRefused(reason))
