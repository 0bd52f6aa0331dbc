"""The two worlds of this EHR, as at athenahealth: try in preview, then register in production (S3).

Each has its own registry, addresses and issuer; people and records are the same. Which world a
request is in follows from its address, so whatever builds an address asks here.
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


PATHS = {World.PRODUCTION: "", World.PREVIEW: "preview/"}
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
