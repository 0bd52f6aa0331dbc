"""Which origins may show a page in a frame (C57, C150).

A launch's page may only be shown in the frame of its own EHR. The page that explains why there is
no launch contains no personal data, so any origin may frame it: a blank frame would explain
nothing.
"""

from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponseBase

T = TypeVar("T", bound=HttpResponseBase)

ANY_ORIGIN = "*"


def is_framed(request: HttpRequest) -> bool:
    """Whether this page is being loaded into a frame (C153)."""
    return request.META.get("HTTP_SEC_FETCH_DEST") in {"iframe", "frame"}


def came_from(request: HttpRequest) -> str:
    """Return the origin of the previous page (Referer), or "" if the browser does not send it."""
    parts = urlsplit(request.headers.get("Referer", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""


def framable(response: T, frame_ancestors: Iterable[str]) -> T:
    """Allow only these origins to show this page in a frame (C150); return the response."""
    ancestors = list(frame_ancestors)
    replaced = getattr(response, "_csp_replace", {})  # set by the page itself, for its form
    if ancestors and replaced.get("frame-ancestors") != [ANY_ORIGIN]:
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
        response._csp_replace = {  # type: ignore[attr-defined]
            **replaced,
            "frame-ancestors": ancestors,
        }
    return response


def framable_by_any_origin(response: T) -> T:
    """Allow any origin to frame this page. Only for pages without personal data."""
    return framable(response, [ANY_ORIGIN])
