"""The worlds of this EHR: each has its own registry, URLs and issuer (S3).

Two are athenahealth's: preview for trying, production for use. The other two, strict and bcp,
announce different rules in their discovery documents, which are the same for all clients (S2).
Users and records are the same everywhere. The URL of a request decides its world, so all code that
builds a URL asks this module.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.db.models import TextChoices
from django.http import HttpRequest

View = Callable[..., Any]


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
    """Return the view, bound to one world."""

    @wraps(view)
    def placed(request: HttpRequest, **kwargs: str) -> Any:
        with within(world):
            return view(request, **kwargs)

    @wraps(view)
    async def placed_async(request: HttpRequest, **kwargs: str) -> Any:
        with within(world):
            return await view(request, **kwargs)

    return placed_async if iscoroutinefunction(view) else placed
