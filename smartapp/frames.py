"""Which EHRs may show a page in a frame (C57, C150).

A page of a launch shows in its own EHR's frame only. The page that says why there is none, when the
database is away or the fault is our own, cannot know whose launch it was: it shows in the frame of
every registered EHR, because a frame must not go blank. There is nothing on it of anybody.
"""

from collections.abc import Iterable
from typing import TypeVar

from django.http import HttpResponseBase

T = TypeVar("T", bound=HttpResponseBase)

_known: frozenset[str] = frozenset()


def framable(response: T, frame_ancestors: Iterable[str]) -> T:
    """Let these origins show this page in a frame, and nobody else (C150)."""
    ancestors = list(frame_ancestors)
    if ancestors:
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
        replaced = getattr(response, "_csp_replace", {})  # by the page itself, for its form
        response._csp_replace = {  # type: ignore[attr-defined]
            **replaced,
            "frame-ancestors": ancestors,
        }
    return response


def framable_by_all_known(response: T) -> T:
    """Let every registered EHR that frames this app show this page."""
    return framable(response, sorted(_known))


def know(frame_ancestors: Iterable[str]) -> None:
    """Replace what is remembered of the origins that registered EHRs frame this app from."""
    global _known
    _known = frozenset(frame_ancestors)


def also_know(frame_ancestors: Iterable[str]) -> None:
    global _known
    if not _known.issuperset(frame_ancestors):
        _known |= frozenset(frame_ancestors)
