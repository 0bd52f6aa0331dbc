"""The pages of the second factor: set it up, enter a code, make new recovery codes."""

import segno
from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_otp import login, verify_token

from smartapp.administrators import enrolment, pages
from smartapp.administrators.models import SecondFactor
from smartapp.audit import trail

WRONG_CODE = (
    "That code is not right, or was used already. Wait for the next one, and check that the "
    "phone's clock is set automatically."
)
WRONG_FIRST_CODE = (
    "That code is not right. Wait for the next one, and check that the phone's clock is set "
    "automatically. If you have opened this page more than once, scan the picture below."
)
SHOWN_TOO_LONG_AGO = (
    "The picture that you scanned is not valid any more. Remove it from the app, and scan this one."
)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - what staff_member_required lets in
    return request.user


def in_use(user: User) -> SecondFactor | None:
    factor: SecondFactor | None = SecondFactor.objects.filter(user=user, confirmed=True).first()
    return factor


def is_verified(request: HttpRequest) -> bool:
    """Return whether this session gave a second factor, according to django-otp's middleware."""
    return bool(request.user.is_verified())  # type: ignore[union-attr]


def _page(request: HttpRequest, template: str, title: str, **context: object) -> HttpResponse:
    """Return a page of the admin site, with menus only after the second factor."""
    site = admin.site.each_context(request) if is_verified(request) else pages.site(request)
    return render(request, f"administrators/{template}.html", {**site, "title": title, **context})


def _next(request: HttpRequest) -> str:
    """Return the page that the user wanted to open; never one of another site."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("admin:index")


def _qr(uri: str) -> SafeString:
    """Return the QR code as SVG without a style attribute, which the page's CSP forbids."""
    svg = segno.make(uri, error="m").svg_inline(
        scale=5, light="#fff", title="QR code for your authenticator app", svgclass="qr"
    )
    return mark_safe(svg)  # noqa: S308 - drawn by segno, which writes no part of the URI as text


def _sign_in(request: HttpRequest, factor: SecondFactor) -> None:
    """Upgrade the session under a new key, so that a stolen old key is worthless."""
    request.session.cycle_key()
    login(request, factor)


def _refusal(factor: SecondFactor) -> str:
    """Return why no code is accepted now, and for how long; "" if one is."""
    factor.refresh_from_db()
    allowed, why = factor.verify_is_allowed()
    if allowed or why is None:
        return ""
    seconds = int((why["locked_until"] - timezone.now()).total_seconds()) + 1
    return f"Too many wrong codes: wait {seconds} seconds before the next one."


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
@staff_member_required(login_url="admin:login")
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a code. After the second factor, show what can be changed."""
    factor = in_use(_person(request))
    if factor is None:
        return redirect("administrators:enrol")
    if is_verified(request):
        left = factor.recovery_codes.count()
        return _page(request, "status", "Second factor", recovery_codes_left=left)
    error = ""
    if request.method == "POST":
        error = _refusal(factor) or _give_code(request, factor)
        if not error:
            return HttpResponseRedirect(_next(request))
    return _page(request, "code", "One more step", error=error)


def _give_code(request: HttpRequest, factor: SecondFactor) -> str:
    """Check the code and sign in; return the error, "" if there is none."""
    person, code = _person(request), request.POST.get("code", "")
    codes_before = factor.recovery_codes.count()
    if verify_token(person, factor.persistent_id, code) is None:
        trail.record(person.get_username(), "second-factor.failed", "administration")
        return WRONG_CODE
    left = factor.recovery_codes.count()
    how = "recovery code" if left < codes_before else "authenticator app"
    trail.record(person.get_username(), "second-factor", "administration", how=how)
    _sign_in(request, factor)
    if left < codes_before:
        messages.warning(
            request,
            f"You used a recovery code: {left} {'is' if left == 1 else 'are'} left. Make new ones "
            "under Second factor.",
        )
    return ""


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
@staff_member_required(login_url="admin:login")
def enrol(request: HttpRequest) -> HttpResponse:
    """Show a new key and activate it once a code proves that the app has it.

    A user with a second factor must give it first: a stolen password cannot replace it.
    """
    person = _person(request)
    before = in_use(person)
    if before is not None and not is_verified(request):
        return redirect("administrators:second_factor")
    factor, error = enrolment.shown(request, person, replaces=before), ""
    if request.method == "POST":
        if factor is None:
            error = SHOWN_TOO_LONG_AGO
        elif factor.accepts_app_code(request.POST.get("code", "")):
            return _taken_into_use(request, factor, before)
        else:
            enrolment.mistyped(request)
            error = WRONG_FIRST_CODE
    elif not enrolment.was_mistyped(request):
        factor = None
    factor = factor or enrolment.show(request, person, replaces=before)
    context = {"qr": _qr(factor.uri), "secret": factor.secret, "error": error}
    return _page(request, "enrol", "Set up your second factor", **context)


def _taken_into_use(
    request: HttpRequest, factor: SecondFactor, before: SecondFactor | None
) -> HttpResponse:
    """Replace the previous second factor, unless another session has just done so."""
    person = _person(request)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        if in_use(person) != before:
            return redirect("administrators:second_factor")
        SecondFactor.objects.filter(user=person).delete()
        factor.save()
        codes = factor.new_recovery_codes()
        name = person.get_username()
        trail.record(name, "administrator.second-factor", f"administrator {name}")
    enrolment.forget(request)
    _sign_in(request, factor)
    return _page(request, "recovery_codes", "Your recovery codes", codes=codes)


@never_cache
@require_POST
@staff_member_required(login_url="admin:login")
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them once."""
    person = _person(request)
    factor = in_use(person)
    if factor is None or not is_verified(request):
        return redirect("administrators:second_factor")
    with transaction.atomic():
        codes = factor.new_recovery_codes()
        name = person.get_username()
        trail.record(name, "administrator.recovery-codes", f"administrator {name}")
    return _page(request, "recovery_codes", "Your recovery codes", codes=codes)
