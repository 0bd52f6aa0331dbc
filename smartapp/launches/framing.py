"""Answers that an EHR may show in its own frame, and nobody else in theirs (C57, C150-C153)."""

from collections.abc import Coroutine
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from smartapp.frames import came_from, framable, is_framed
from smartapp.launches import cookies, pending
from smartapp.middleware import error_response
from smartapp.protocol.errors import CookiesBlocked, FrameNotAllowed, SmartError
from smartapp.registrations.registry import EndpointConfig

# What this app adds to the address of a launch in a frame when it asks for that address again.
COOKIE_WAS_SET = "cookie-was-set"
SIGN_IN_HERE = "sign-in-here"


async def in_frame(
    request: HttpRequest,
    frame_ancestors: tuple[str, ...],
    answering: Coroutine[Any, Any, HttpResponseBase],
    **context: Any,
) -> HttpResponseBase:
    """Return the answer or its error's page, framable both: an EHR's frame must not go blank. A
    frame that the browser would leave blank gets a page that says so in place of the answer."""
    try:
        if is_framed(request) and not frame_ancestors:
            answering.close()
            raise FrameNotAllowed(f"in a frame of {came_from(request) or 'an unknown origin'}")
        response = await answering
    except (FrameNotAllowed, CookiesBlocked) as error:
        context["new_window_url"] = request.get_full_path()
        response = error_response(request, error, **context)
    except SmartError as error:
        response = error_response(request, error, **context)
    return framable(response, frame_ancestors)


def before_sign_in(request: HttpRequest, config: EndpointConfig) -> HttpResponse | None:
    """Return what a launch in a frame has to do before the EHR is asked; None: nothing.

    Everything here leads to the launch's own address in a window of its own. There the launch
    begins anew, with a state that this very browser keeps: nothing of what began in the frame is
    taken over, so nobody can have it finish a sign-in that was not started there (C57, T5).

    Raises CookiesBlocked.
    """
    if not is_framed(request) or SIGN_IN_HERE in request.GET:
        return None
    if config.sign_in_in_window:
        return _continue_in_window(request, config)
    if not cookies.comes_back(request):
        if COOKIE_WAS_SET in request.GET:
            raise CookiesBlocked("a cookie that was set in this frame did not come back")
        response = HttpResponseRedirect(_again(request, COOKIE_WAS_SET))
        cookies.try_cookie(request, response)
        return response
    if pending.is_unanswered(request, config.endpoint_id, timezone.now()):
        return _continue_in_window(request, config, here_url=_again(request, SIGN_IN_HERE))
    return None


def unknown_origin(request: HttpRequest, config: EndpointConfig) -> str:
    """Return from where a frame was opened, where that is none of the origins that may show the
    app; else "". It may be a page on the way, as an EHR's own sign-in: reason for a remark, not
    for a refusal."""
    origin = came_from(request) if is_framed(request) else ""
    return "" if origin in {settings.PUBLIC_URL, *config.frame_ancestors} else origin


def _again(request: HttpRequest, mark: str) -> str:
    return f"{request.get_full_path()}{'&' if request.GET else '?'}{mark}="


def _continue_in_window(
    request: HttpRequest, config: EndpointConfig, *, here_url: str = ""
) -> HttpResponse:
    shown = {
        "endpoint": config.name,
        "new_window_url": request.get_full_path(),
        "here_url": here_url,
    }
    return render(request, "new_window.html", shown)
