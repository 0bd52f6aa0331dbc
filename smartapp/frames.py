"""Which EHRs may show a page in a frame (C57, C150).

A launch page may be framed by its own EHR only. The error page for an unavailable database or a
fault of this app cannot know which launch it belongs to. So every registered EHR may frame it,
because a frame must not stay blank. It contains nothing about anyone.
"""

from collections.abc import Iterable
from typing import TypeVar

from django.http import HttpResponseBase

T = TypeVar("T", bound=HttpResponseBase)

_known: frozenset[str] = frozenset()


def framable(response: T, frame_ancestors: Iterable[str]) -> T:
    """Allow exactly these origins to frame this page (C150)."""
    ancestors = list(frame_ancestors)
    if ancestors:
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
        replaced = getattr(response, "_csp_replace", {})  # set by the page itself, for its form
        response._csp_replace = {  # type: ignore[attr-defined]
            **replaced,
            "frame-ancestors": ancestors,
        }
    return response


def framable_by_all_known(response: T) -> T:
    """Allow every registered EHR that frames this app to frame this page."""
    return framable(response, sorted(_known))


def know(frame_ancestors: Iterable[str]) -> None:
    """Replace the known origins from which registered EHRs frame this app."""
    global _known
    _known = frozenset(frame_ancestors)


def also_know(frame_ancestors: Iterable[str]) -> None:
    global _known
    if not _known.issuperset(frame_ancestors):
        _known |= frozenset(frame_ancestors)
