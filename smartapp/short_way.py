"""The short way through Django for the addresses that every launch takes.

The request, the views, the errors and the middleware are Django's and ours as everywhere. What a
launch does without is what Django's ASGI handler adds for sync code: a pair of tasks, signals that
close the database connections of a thread that has none, a coroutine for each middleware. All of
that was more than half of what a launch cost (docs/performance.md).

Only GET, and only views that are async and that no session is for: what `Inline` middleware says
about request and response is called as plain functions, in the order of the settings.
"""

import asyncio
from io import BytesIO
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.urls import resolve, set_script_prefix
from django.utils.module_loading import import_string

from smartapp.bytes_answer import Message, Receive, Send
from smartapp.middleware import Inline, error_response
from smartapp.protocol.errors import SmartError

PREFIXES = ("/connect/", "/callback/")


def is_for(scope: Message) -> bool:
    """Whether this request may go the short way."""
    path: str = scope["path"]
    return bool(scope["method"] == "GET" and (path == "/launch" or path.startswith(PREFIXES)))


class ShortWay:
    """Answers with the views of a handler's application."""

    def __init__(self, handler: ASGIHandler) -> None:
        self._handler = handler
        self._middleware = [kind(_nothing) for kind in _inline_middleware()]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        set_script_prefix(get_script_prefix(scope))
        request, refused = self._handler.create_request(scope, BytesIO())
        if request is None:
            await self._handler.send_response(cast(HttpResponse, refused), send)
            return
        answering, left = asyncio.current_task(), False

        async def end_with_the_visitor() -> None:
            nonlocal left
            if await _has_left(receive) and answering is not None:
                left = True
                answering.cancel()

        watching = asyncio.create_task(end_with_the_visitor())
        try:
            response = await self._response(request)
            await self._handler.send_response(response, send)
        except asyncio.CancelledError:
            if not left:  # the server is ending, not the visitor
                raise
        finally:
            watching.cancel()

    async def _response(self, request: HttpRequest) -> HttpResponse:
        entered: list[Inline] = []
        try:
            response = await self._answered(request, entered)
        except SmartError as error:
            response = error_response(request, error)
        except Exception as error:
            response = response_for_exception(request, error)
        for one in reversed(entered):
            after = getattr(one, "process_response", None)
            response = after(request, response) if after else response
        return response

    async def _answered(self, request: HttpRequest, entered: list[Inline]) -> HttpResponse:
        """Return the view's answer, or that of a middleware before it. `entered` are those that
        have a say in the response."""
        for one in self._middleware:
            before = getattr(one, "process_request", None)
            early = before(request) if before else None
            entered.append(one)
            if early is not None:
                return cast(HttpResponse, early)
        request.resolver_match = found = resolve(request.path_info)
        return cast(HttpResponse, await found.func(request, *found.args, **found.kwargs))


def _inline_middleware() -> list[type[Any]]:
    """Return the middleware of the settings that has something to say here. Whatever else is in
    them steps aside where no session is, or turns errors into pages, as `_response` does."""
    kinds = [import_string(path) for path in settings.MIDDLEWARE]
    return [kind for kind in kinds if issubclass(kind, Inline)]


def _nothing(_: HttpRequest) -> HttpResponse:
    raise ImproperlyConfigured("a middleware of the short way called the next one itself")


async def _has_left(receive: Receive) -> bool:
    """Return True once the visitor has left. A body that a GET brings along is let pass."""
    is_whole = False
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return True
        if is_whole:
            return False
        is_whole = not message.get("more_body", False)
