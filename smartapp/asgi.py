"""The ASGI application: it answers some requests from memory and passes the others to Django.

The EHR fetches our JWKS while we wait for its token response. So the key sets and `/healthz` are
answered before any middleware, thread or query: an app that is busy waiting for an EHR can still
deliver its keys. Static files come from WhiteNoise outside Django's middleware, where they would
cost each launch a thread.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponseBadRequest
from django.http.response import HttpResponseBase

# uvicorn's own exit status for a failed start.
STARTUP_FAILURE = 3

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartapp.settings")
try:
    django.setup(set_prefix=False)
except ImproperlyConfigured as error:
    sys.stderr.write(f"smartapp does not start: {error}\n")
    sys.exit(STARTUP_FAILURE)


class Handler(ASGIHandler):
    """Django's handler, with three changes: a thread only for requests that may run sync code, a
    short way for launches, and an answer to requests that cannot be parsed."""

    def __init__(self) -> None:
        super().__init__()
        self._short_way = short_way.ShortWay(self)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request. Outside the admin and the sandbox's pages, all views and middleware are
        async. Only Django's own request signals need a thread there, for a moment, and a shared one
        will do: starting a thread for each request took a quarter of the time of a launch."""
        if scope["type"] == "http" and short_way.is_for(scope):
            await self._short_way(scope, receive, send)
        elif scope["type"] == "http" and not has_session(scope["path"]):
            await self.handle(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def create_request(
        self, scope: Any, body_file: Any
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """Create the request, or a 400 response. A charset in the Content-Type makes Django read
        the query before any middleware runs; an unreadable request is not a fault of this app."""
        try:
            return super().create_request(scope, body_file)
        except SuspiciousOperation:
            return None, HttpResponseBadRequest()


from django.conf import settings  # noqa: E402 - after Django is set up
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage  # noqa: E402
from whitenoise import WhiteNoise  # type: ignore[import-untyped]  # noqa: E402

from smartapp import logs, metrics, metrics_page, rate_limit, short_way, tracing  # noqa: E402
from smartapp.body_limit import BoundedBody  # noqa: E402
from smartapp.bytes_answer import (  # noqa: E402
    PLAIN_HEADERS,
    Headers,
    Message,
    Receive,
    Send,
    answer,
)
from smartapp.exception_reports import cause  # noqa: E402
from smartapp.keys import fetches, public  # noqa: E402
from smartapp.launches import readiness  # noqa: E402
from smartapp.lifespan import lifespan  # noqa: E402
from smartapp.middleware import ADMIN_PREFIX, has_session  # noqa: E402
from smartapp.protocol.errors import TooManyVisits  # noqa: E402

logger = logging.getLogger(__name__)

django_application = Handler()

StaticResponse = tuple[int, Headers, bytes]

JWKS_PREFIX = "/.well-known/jwks"
HASHED_NAME = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")
# It names every file, and nobody but the app reads it.
STATIC_MANIFEST = f"{settings.STATIC_URL}{ManifestStaticFilesStorage.manifest_name}"
# Features that no page of this app uses, so that an injected script cannot use them either.
PERMISSIONS_POLICY = b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"
# Each of these requests has a thread and a database connection, and anyone may send one.
MAX_ADMIN_REQUESTS = 32
MAX_SIGN_INS = 2
FORWARDED_FOR = b"x-forwarded-for"


def _static_files() -> WhiteNoise:
    with contextlib.suppress(OSError):  # the check at the start says what is missing
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    return WhiteNoise(
        None,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        autorefresh=settings.DEBUG,
        immutable_file_test=lambda _path, url: bool(HASHED_NAME.search(url)),
    )


static_files = _static_files()


def _read_static(method: str, path: str, environ: dict[str, str]) -> StaticResponse:
    find = static_files.find_file if static_files.autorefresh else static_files.files.get
    found = None if path == STATIC_MANIFEST else find(path)
    if found is None:
        return 404, PLAIN_HEADERS, b"There is no such file.\n"
    response = found.get_response(method, environ)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
    if response.file is None:
        return response.status, headers, b""
    with response.file as file:
        return response.status, headers, file.read()


async def _static(scope: Message, send: Send) -> None:
    """Answer from WhiteNoise without its WSGI interface. asgiref's adapter sends from a thread, and
    the next request on the same connection would inherit that thread's closed executor."""
    environ = {
        f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1")
        for name, value in scope["headers"]
    }
    status, headers, body = await asyncio.to_thread(
        _read_static, scope["method"], scope["path"], environ
    )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _address(scope: Message) -> str:
    """Return the visitor's IP address. Behind a proxy it is what the server took from
    X-Forwarded-For, if the server trusts the proxy."""
    return str((scope.get("client") or ("",))[0])


async def _jwks(scope: Message, send: Send) -> None:
    visitor = fetches.Visitor(_address(scope), _header(scope, b"user-agent"))
    held = _header(scope, b"if-none-match") or None
    status, headers, body = await public.jwks_response(
        scope["method"], scope["path"], held, visitor
    )
    metrics.jwks_fetches.labels(str(status)).inc()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _readyz(send: Send) -> None:
    """Answer `/readyz` before host checks and redirects: a load balancer uses the instance's IP
    address."""
    found = await readiness.now()
    words: dict[str, Any] = {"ready": not found.missing, "missing": found.missing}
    if found.warnings:
        words["warnings"] = found.warnings
    headers = [(b"content-type", b"application/json"), *PLAIN_HEADERS[1:]]
    await answer(send, 503 if found.missing else 200, headers, json.dumps(words).encode())


async def _metrics(scope: Message, send: Send) -> None:
    """Answer `/metrics` for requests with the token, and 404 for all others."""
    if not metrics_page.is_allowed(_header(scope, b"authorization")):
        await answer(send, 404, PLAIN_HEADERS, b"There is no such page.\n")
        return
    headers = [(b"content-type", metrics_page.CONTENT_TYPE), *PLAIN_HEADERS[1:]]
    await answer(send, 200, headers, await metrics_page.page())


_in_admin = 0
_signing_in = asyncio.Semaphore(MAX_SIGN_INS)


async def _admin(scope: Message, receive: Receive, send: Send) -> None:
    """Limit the requests in the admin site, so that a flood there does not take the database from
    launches, nor the processor by hashing passwords (T30)."""
    global _in_admin
    if _in_admin >= MAX_ADMIN_REQUESTS:
        busy = b"The administration is busy. Try again in a few seconds.\n"
        await answer(send, 503, [*PLAIN_HEADERS, (b"retry-after", b"5")], busy)
        return
    _in_admin += 1
    try:
        if rate_limit.is_sign_in(scope["method"], scope["path"]):
            async with _signing_in:
                await django_application(scope, receive, send)
        else:
            await django_application(scope, receive, send)
    finally:
        _in_admin -= 1


_told_of_proxy = False


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one connection. Uncaught exceptions are logged here without values; the server would
    log them with their values."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    began, status = time.monotonic(), 0
    where = metrics.where(scope["path"])
    request_id = logs.begin(_header(scope, b"x-request-id"))
    _tell_of_untrusted_proxy(scope)

    async def noting(message: Mapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [
                *_with_protection(message["headers"]),
                (b"x-request-id", request_id.encode()),
            ]
            message = {**message, "headers": headers}
        await send(message)

    try:
        with tracing.span(where, request_id=request_id) as span:
            try:
                await _routed(scope, receive, noting)
            finally:
                tracing.answered(span, status)
    except Exception as error:
        logger.error("unexpected error at %s: %s", logs.safe_path(scope["path"]), cause(error))
        if status:
            raise ConnectionAbortedError("the answer broke off") from None
        await answer(noting, 500, PLAIN_HEADERS, b"Something went wrong in this app. Try again.\n")
    finally:
        seconds = time.monotonic() - began
        metrics.answered(where, status, seconds)
        logs.answered(scope["method"], scope["path"], status, seconds)


def _tell_of_untrusted_proxy(scope: Message) -> None:
    """Log, once in this process, that a visitor's address came and the server did not take it.

    Where FORWARDED_ALLOW_IPS lacks the proxy, all who come through it count as one visitor, whose
    five wrong passwords lock out everybody, and nothing else shows it.
    """
    global _told_of_proxy
    if _told_of_proxy:
        return
    values = [value for name, value in scope["headers"] if name == FORWARDED_FOR]
    sent, address = b", ".join(values).decode("latin-1"), _address(scope)
    if not sent or not address or address in sent:
        return
    _told_of_proxy = True
    logger.warning(
        "X-Forwarded-For came from %s, which FORWARDED_ALLOW_IPS does not trust: all who come from "
        "there count as one visitor",
        address,
    )


def _header(scope: Message, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _with_protection(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Add the headers that every answer needs. Django adds them to its own answers; those from
    memory and the static files come without."""
    needed = {b"x-content-type-options": b"nosniff", b"permissions-policy": PERMISSIONS_POLICY}
    if settings.SECURE_HSTS_SECONDS:
        needed[b"strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}".encode()
    given = list(headers)
    for name, _ in given:
        needed.pop(name.lower(), None)
    return [*given, *needed.items()]


async def _routed(scope: Message, receive: Receive, send: Send) -> None:
    """Route a request: answers from memory, static files, or Django."""
    path = scope["path"]
    if path == "/healthz":
        await answer(send, 200, PLAIN_HEADERS, b"ok\n")
    elif path == "/readyz":
        await _readyz(send)
    elif path == "/metrics":
        await _metrics(scope, send)
    elif path.startswith(JWKS_PREFIX):
        await _jwks(scope, send)
    elif path.startswith(settings.STATIC_URL):
        await _static(scope, send)
    elif not rate_limit.admits(scope["method"], path, _address(scope)):
        await answer(send, TooManyVisits.status, rate_limit.headers(), rate_limit.page())
    elif path.startswith(ADMIN_PREFIX):
        await _admin(scope, BoundedBody(scope, receive, send), send)
    else:
        await django_application(scope, BoundedBody(scope, receive, send), send)
