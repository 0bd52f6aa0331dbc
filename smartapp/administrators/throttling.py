"""Limits on wrong passwords, and the page that is shown when sign-in is locked."""

import ipaddress
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.db.models import Max, Sum
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from smartapp import rate_limit
from smartapp.administrators import pages
from smartapp.administrators.models import SignInAttempt
from smartapp.database import delete_batch

NO_ADDRESS = "::"
UNKNOWN = "somebody unknown"
# The longest that a password check may take. Older rows are from a process that died.
JUDGED_WITHIN = timedelta(minutes=1)


def counted_as(address: str) -> str:
    """Return the network that sign-ins from this address count for, as one IP address. For IPv6 it
    is the first address of the network, because django-axes stores addresses only and a subscriber
    has 2^64 of them. Raises ValueError if it is no address."""
    return str(ipaddress.ip_address(rate_limit.network_of(address).partition("/")[0]))


def network_of(request: HttpRequest) -> str:
    """Return the network that sign-ins of this request count for.

    Requests without an address, as over a Unix socket, are counted together: django-axes would not
    count them. So are those whose proxy says `unknown` (RFC 7239 §6.2) or anything else that is no
    address.
    """
    try:
        return counted_as(request.META.get("REMOTE_ADDR") or NO_ADDRESS)
    except ValueError:
        return NO_ADDRESS


def known_name(_request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """Return the name that was typed if such a user exists, else UNKNOWN. People type passwords
    into the wrong field, and neither django-axes nor the audit trail may store those."""
    typed = str((credentials or {}).get("username") or "")
    is_known = "\0" not in typed and User.objects.filter(username=typed[:151]).exists()
    return typed if is_known else UNKNOWN


class CountFirst:
    """The first authentication backend: it counts an attempt before its password is checked.

    django-axes checks the limit first and counts afterwards. Of forty passwords sent at once it
    would check all forty, because none of them sees a failure yet.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, **_credentials: Any
    ) -> None:
        """Return None to let the next backend check, or raise PermissionDenied to end the
        sign-in."""
        if request is None or not AxesProxyHandler.is_allowed(request, {"username": username}):
            return
        network, now = network_of(request), timezone.now()
        attempt = SignInAttempt.objects.create(network=network, at=now)
        request.sign_in_attempt = attempt  # type: ignore[attr-defined]
        if _failures(network, now) + _being_judged(network, now) > settings.AXES_FAILURE_LIMIT:
            attempt.delete()
            request.axes_locked_out = True  # type: ignore[attr-defined]
            raise PermissionDenied("too many sign-ins at once from one network")


def _failures(network: str, now: datetime) -> int:
    recent = AccessAttempt.objects.filter(
        ip_address=network, attempt_time__gt=now - settings.AXES_COOLOFF_TIME
    )
    return int(recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0)


def _being_judged(network: str, now: datetime) -> int:
    return SignInAttempt.objects.filter(network=network, at__gt=now - JUDGED_WITHIN).count()


@receiver(user_login_failed)
@receiver(user_logged_in)
def judged(request: HttpRequest | None = None, **_kwargs: Any) -> None:
    """The password of this request was checked. If it was wrong, django-axes has counted it by
    now."""
    attempt: SignInAttempt | None = getattr(request, "sign_in_attempt", None)
    if attempt is not None and attempt.pk is not None:
        attempt.delete()


def purge_batch(now: datetime) -> int:
    """Delete some of the attempts that no longer count; return the number deleted."""
    left = SignInAttempt.objects.filter(at__lt=now - JUDGED_WITHIN)
    counted = AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)
    return delete_batch(left) + delete_batch(counted)


def _locked_until(request: HttpRequest, now: datetime) -> datetime:
    """Return when the lock ends; attempts during the lock do not extend it. Without a lock there
    were too many attempts at once, which pass within a minute."""
    address = request.axes_ip_address  # type: ignore[attr-defined] # django-axes puts it there
    if _failures(address, now) < settings.AXES_FAILURE_LIMIT:
        return now + JUDGED_WITHIN
    attempts = AccessAttempt.objects.filter(ip_address=address)
    last: datetime = attempts.aggregate(last=Max("attempt_time"))["last"] or now
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    return last + cool_off


def locked_page(request: HttpRequest, *_response_and_credentials: Any) -> HttpResponse:
    now = timezone.now()
    until = _locked_until(request, now)
    seconds = max(1, int((until - now).total_seconds()) + 1)
    context = {
        **pages.site(request),
        "title": "Sign-in is locked for a while",
        "until": until,
        "minutes": -(-seconds // 60),
        "limit": settings.AXES_FAILURE_LIMIT,
    }
    response = render(request, "administrators/locked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response
