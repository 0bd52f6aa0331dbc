"""The worlds of this EHR: each has its own registry, addresses and issuer (S3).

Two are athenahealth's: try in preview, then register in production. Two more announce other rules
in their discovery documents, which cannot know who is asking: strict and bcp (S2). People and
records are the same everywhere. Which world a request is in follows from its address, so whatever
builds an address asks here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


class World(TextChoices):
    PRODUCTION = "production", "production"
    PREVIEW = "preview", "preview"
    STRICT = "strict", "strict"
    BCP = "bcp", "bcp"


PATHS = {
    World.PRODUCTION: "",
    World.PREVIEW: "preview/",
    World.STRICT: "strict/",
    World.BCP: "bcp/",
}
_current: ContextVar[World] = ContextVar("sandbox_world", default=World.PRODUCTION)


def current() -> World:
    return _current.get()


@contextmanager
def within(world: str) -> Iterator[None]:
    token = _current.set(World(world))
    try:
        yield
    finally:
        _current.reset(token)


def view_within(world: World, view: View) -> View:
    """Return the view as it stands in one world."""

    @wraps(view)
    def placed(request: HttpRequest, **kwargs: str) -> HttpResponse:
        with within(world):
            return view(request, **kwargs)

    return placed
