"""Where wrong passwords count, and what somebody sees from where there were too many."""

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from smartapp import rate_limit
from smartapp.administrators import pages

NO_ADDRESS = "::"


def place_of(request: HttpRequest) -> str:
    """Return the address that sign-ins of this request count for; of IPv6 the first one of its
    network, as django-axes keeps addresses only: whoever has one there has 2^64.

    Those without an address, as over a Unix socket, count as one: django-axes would count nobody.
    """
    return rate_limit.place_of(request.META.get("REMOTE_ADDR") or NO_ADDRESS).partition("/")[0]


def _locked_until(request: HttpRequest, now: datetime) -> datetime:
    """Return when the lock ends: attempts during it do not make it longer."""
    address = request.axes_ip_address  # type: ignore[attr-defined] # django-axes puts it there
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
