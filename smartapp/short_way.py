"""A shorter way through Django for the paths of every launch.

Request, views, errors and middleware are the same as elsewhere. Left out is what Django's ASGI
handler adds for sync code: two tasks, signals that close database connections, and a coroutine for
each middleware. That took more than half of the time of a launch (docs/performance.md).

It is for GET only, and for async views without a session. `Inline` middleware is called as plain
functions, in the order of the settings.
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
    """Return whether this request can take the short way."""
    path: str = scope["path"]
    return bool(scope["method"] == "GET" and (path == "/launch" or path.startswith(PREFIXES)))


class ShortWay:
    """Calls the views of a handler's application."""

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
            if not left:  # the server is shutting down; the visitor is still there
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
        """Return the response of the view, or of a middleware before it. `entered` collects the
        middleware that must process the response."""
        for one in self._middleware:
            before = getattr(one, "process_request", None)
            early = before(request) if before else None
            entered.append(one)
            if early is not None:
                return cast(HttpResponse, early)
        request.resolver_match = found = resolve(request.path_info)
        return cast(HttpResponse, await found.func(request, *found.args, **found.kwargs))


def _inline_middleware() -> list[type[Any]]:
    """Return the middleware classes that apply here. The others skip requests without a session, or
    turn errors into pages, which `_response` does."""
    kinds = [import_string(path) for path in settings.MIDDLEWARE]
    return [kind for kind in kinds if issubclass(kind, Inline)]


def _nothing(_: HttpRequest) -> HttpResponse:
    raise ImproperlyConfigured("a middleware of the short way called the next one itself")


async def _has_left(receive: Receive) -> bool:
    """Return True once the visitor has disconnected. The body of a GET is ignored."""
    is_whole = False
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return True
        if is_whole:
            return False
        is_whole = not message.get("more_body", False)
