"""Pages that only the EHR may show in its frame (C57, C150-C153)."""

from collections.abc import Coroutine
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from smartapp.frames import came_from, framable, framable_by_any_origin, is_framed
from smartapp.launches import cookies, pending
from smartapp.launches.models import LaunchKind
from smartapp.launches.store import StoredLaunch
from smartapp.middleware import error_response
from smartapp.protocol.errors import CookiesBlocked, FrameNotAllowed, SmartError
from smartapp.registrations.registry import EndpointConfig

# Marks that the app adds to the address of a launch in a frame when it requests that address again.
COOKIE_WAS_SET = "cookie-was-set"
SIGN_IN_HERE = "sign-in-here"


async def in_frame(
    request: HttpRequest,
    frame_ancestors: tuple[str, ...],
    answering: Coroutine[Any, Any, HttpResponseBase],
    **context: Any,
) -> HttpResponseBase:
    """Return the answer or its error page. The EHR may frame both, so that its frame is never
    blank.

    If the browser would leave the frame blank, the answer is replaced by a page that says so.
    """
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


async def launch_in_frame(
    request: HttpRequest,
    launch: StoredLaunch,
    answering: Coroutine[Any, Any, HttpResponseBase],
    *,
    framed_by: tuple[str, ...] = (),
) -> HttpResponseBase:
    """Return an answer about an open launch as `in_frame` does; `framed_by` may frame it too."""
    return await in_frame(
        request,
        (*framed_by, *launch.frame_ancestors),
        answering,
        start_again_url=launch.start_again_url,
        is_from_ehr=launch.kind == LaunchKind.EHR,
        endpoint_name=launch.endpoint_name,
    )


def before_sign_in(request: HttpRequest, config: EndpointConfig) -> HttpResponse | None:
    """Return what a launch in a frame has to do before it asks the EHR; None for nothing. Any page
    may frame it: it has no personal data, and a blank frame would have no way out.

    Each answer leads to the launch's own address in a new window. There the launch starts again,
    with a state of this browser. Nothing is taken over from the frame, so nobody can make it finish
    a sign-in that was not started there (C57, T5).

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
    """Return the origin of the page around the frame if it is not one that may show the app; else
    "". It may be an intermediate page, such as the EHR's own sign-in, so it is noted and not
    refused."""
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
    return framable_by_any_origin(render(request, "new_window.html", shown))
