"""Who may show a page in a frame (C57, C150).

A page of a launch shows in its own EHR's frame only. The page that says why there is none has
nothing on it of anybody, and shows in every frame: a frame that goes blank tells nobody what to do.
"""

from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponseBase

T = TypeVar("T", bound=HttpResponseBase)

EVERYBODY = "*"


def is_framed(request: HttpRequest) -> bool:
    """Whether this page is being loaded into somebody's frame (C153)."""
    return request.META.get("HTTP_SEC_FETCH_DEST") in {"iframe", "frame"}


def came_from(request: HttpRequest) -> str:
    """Return the origin of the page that led here, where the browser tells it; else ""."""
    parts = urlsplit(request.headers.get("Referer", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""


def framable(response: T, frame_ancestors: Iterable[str]) -> T:
    """Let these origins show this page in a frame, and nobody else (C150)."""
    ancestors = list(frame_ancestors)
    replaced = getattr(response, "_csp_replace", {})  # by the page itself, for its form
    if ancestors and replaced.get("frame-ancestors") != [EVERYBODY]:
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
        response._csp_replace = {  # type: ignore[attr-defined]
            **replaced,
            "frame-ancestors": ancestors,
        }
    return response


def framable_by_everybody(response: T) -> T:
    """For a page that holds nothing of anybody."""
    return framable(response, [EVERYBODY])
