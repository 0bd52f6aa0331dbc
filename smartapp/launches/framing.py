"""Answers that an EHR may show in its own frame, and nobody else in theirs (C57, C150)."""

from collections.abc import Awaitable
from typing import Any

from django.http import HttpRequest, HttpResponse

from smartapp.middleware import error_response
from smartapp.protocol.errors import SmartError


def framable(response: HttpResponse, frame_ancestors: tuple[str, ...]) -> HttpResponse:
    """Let the registration's own EHR show this page in a frame, and nobody else (C150)."""
    if frame_ancestors:
        response.xframe_options_exempt = True
        replaced = getattr(response, "_csp_replace", {})  # by the page itself, for its form
        response._csp_replace = {  # type: ignore[attr-defined]
            **replaced,
            "frame-ancestors": list(frame_ancestors),
        }
    return response


async def in_frame(
    request: HttpRequest,
    frame_ancestors: tuple[str, ...],
    answering: Awaitable[HttpResponse],
    **context: Any,
) -> HttpResponse:
    """Return the answer or its error's page, framable both: an EHR's frame must not go blank."""
    try:
        response = await answering
    except SmartError as error:
        response = error_response(request, error, **context)
    return framable(response, frame_ancestors)
