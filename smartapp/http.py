"""The HTTP client for all outgoing requests of the app.

There is one aiohttp session per event loop: kept connections, limits per host, one TLS context.
Redirects are never followed, and responses are limited in size while they are read. Addresses are
checked in the resolver, at the moment of connecting, which defeats DNS rebinding (T12). A host that
stops answering is left alone for a moment (`circuit`). Requests to one host are limited in number;
further ones wait for a slot, but not for long. All failures become errors of ours: no aiohttp error
leaves this module, and no error contains a URL's query, a header or a body.
"""

import asyncio
import errno
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.conf import settings
from multidict import CIMultiDictProxy
from yarl import URL

from smartapp import logs, metrics, tracing
from smartapp.addresses import address_is_allowed, embedded
from smartapp.circuit import circuit
from smartapp.protocol.errors import (
    AddressRefused,
    EHRCrowded,
    EHRRedirected,
    EHRResponseTooLarge,
    EHRTimeout,
    EHRUnreachable,
    OwnLimit,
)
from smartapp.protocol.urls import origin_of

T = TypeVar("T")

MAX_BYTES = 262_144
CONNECT_SECONDS = 5
# By method and host: reading a chart from a slow EHR must not keep people from signing in there,
# and no host may use up memory and connections. POSTs are token requests: as many as launches may
# wait for one EHR.
MAX_READS_IN_FLIGHT = 400  # thirty pages at once, of a dozen reads each
WAIT_FOR_SLOT_SECONDS = 5
# Why this machine makes no connection. The EHR has no part in it, and no circuit opens.
OWN_LIMITS = {
    errno.EMFILE: "this process may open no more files",
    errno.ENFILE: "no more files can be opened",
    errno.EADDRNOTAVAIL: "no port is free",
    errno.ENOBUFS: "no memory is free",
    errno.ENOMEM: "no memory is free",
}
# Less than the 5 s after which common servers (Apache httpd, Node.js, uvicorn) close an idle
# connection: a token request is never repeated, so it must not meet a connection that is closing.
KEEPALIVE_SECONDS = 4
CONDITIONS = frozenset({"if-none-match", "if-modified-since"})

_VISIBLE_ASCII = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response. `body` is never logged and not in the repr."""

    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as recorded in a timeline. `status` is None if there was no usable response.
    `is_abandoned`: we stopped waiting because the result was no longer needed. `date` is the Date
    header of the response, `media` its media type."""

    method: str
    url: str = field(repr=False)
    status: int | None
    seconds: float
    date: str
    media: str
    is_abandoned: bool = False


# Called for each request that this task, or a task that it starts, has sent.
observer: ContextVar[Callable[[Exchange], None] | None] = ContextVar("observer", default=None)


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return embedded(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return False


class GuardedResolver(AbstractResolver):
    """A resolver that refuses a name if any of its addresses is not allowed."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = await self._resolver.resolve(host, port, family)
        if not all(address_is_allowed(result["host"]) for result in results):
            raise AddressRefused(f"host {host} resolves to an address that is not public")
        return results

    async def close(self) -> None:
        await self._resolver.close()


@cache
def _tls_context() -> ssl.SSLContext:
    """Return the TLS context, built once per process: loading the CA bundle takes 20 ms."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _new_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(),
        ssl=_tls_context(),
        limit=0,  # see most_in_flight: requests in the connector's queue would not be counted
        keepalive_timeout=KEEPALIVE_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "smartapp"},
        auto_decompress=True,
        trust_env=False,
    )


_sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
# Also per event loop, like the sessions.
_slots: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Semaphore] = {}


def _session() -> aiohttp.ClientSession:
    """Return the session of the running event loop; sessions belong to a loop."""
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        session = _sessions[loop] = _new_session()
    return session


async def close() -> None:
    """Close the running loop's session. Call it at shutdown, before the loop ends."""
    loop = asyncio.get_running_loop()
    session = _sessions.pop(loop, None)
    for slot in [slot for slot in _slots if slot[0] is loop]:
        del _slots[slot]
    if session is not None:
        await session.close()


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks of the running loop and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, for sync code: a command or an admin page.

    It runs in its own event loop with its own session, so the server's stay untouched. Tasks that
    `work` left running are ended first: they would open another session that is never closed.
    """

    async def run_and_close() -> T:
        asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
        try:
            return await work
        finally:
            await end([task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
            await close()

    return asyncio.run(run_and_close())


def check_url(url: str) -> URL:
    """Return the URL exactly as written, parsed like aiohttp parses it.

    Raises AddressRefused unless it is https (or, in development, http to this machine), without
    user information, and, if the host is an IP address, to an allowed one: aiohttp does not call
    its resolver for those.
    """
    if not _VISIBLE_ASCII.fullmatch(url):
        raise AddressRefused("the URL has characters that no URL has")
    try:
        parsed = URL(url, encoded=True)
        host, userinfo = parsed.raw_host or "", parsed.raw_user or parsed.raw_password
    except ValueError:
        raise AddressRefused("the URL cannot be read") from None
    if not host or userinfo:
        raise AddressRefused("the URL has no host, or has user information")
    in_development = settings.ALLOW_LOOPBACK_EHRS and is_loopback(host)
    if parsed.scheme != "https" and not (parsed.scheme == "http" and in_development):
        raise AddressRefused(f"the URL of host {host} is not https")
    if _looks_numeric(host) and not _literal_is_allowed(host):
        raise AddressRefused(f"address {host} is not public")
    return parsed


def _looks_numeric(host: str) -> bool:
    """Return whether a resolver could read the host as an IP address: also `2130706433` and
    `0x7f.1`."""
    last_label = host.rstrip(".").rpartition(".")[2].lower()
    return ":" in host or last_label.isdigit() or last_label.startswith("0x")


def _literal_is_allowed(host: str) -> bool:
    try:
        return address_is_allowed(host)
    except ValueError:  # a notation that only some programs read as an address
        return False


async def _read_capped(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            response.close()
            detail = f"more than {max_bytes} bytes from {response.url.host}"
            raise EHRResponseTooLarge(detail, sent=True)
    return b"".join(chunks)


def most_in_flight(method: str) -> int:
    """Return how many requests of this method may be in flight to one host."""
    return settings.MAX_OF_ONE_ENDPOINT if method == "POST" else MAX_READS_IN_FLIGHT


@asynccontextmanager
async def _slot(method: str, target: str) -> AsyncIterator[None]:
    """Hold one of the slots of a host. Raises EHRCrowded if none becomes free in a few seconds."""
    most = most_in_flight(method)
    slots = _slots.setdefault((asyncio.get_running_loop(), target), asyncio.Semaphore(most))
    try:
        async with asyncio.timeout(WAIT_FOR_SLOT_SECONDS):
            await slots.acquire()
    except TimeoutError:
        detail = f"{most} requests are under way: {target}"
        raise EHRCrowded(detail, retry_after=WAIT_FOR_SLOT_SECONDS) from None
    try:
        yield
    finally:
        slots.release()


async def _request(
    method: str, url: str, *, max_bytes: int, timeout_seconds: float, **options: Any
) -> Response:
    started = time.monotonic()
    response: Response | None = None
    is_abandoned = False
    try:
        checked = check_url(url)
        target = f"{method} {checked.raw_authority}"
        breaker = circuit(target)
        breaker.refuse_while_open()
        with tracing.span("EHR request", method=method, host=checked.raw_authority) as span:
            async with _slot(method, target):
                with breaker.request():
                    response = await _send(method, checked, max_bytes, timeout_seconds, options)
                    if _is_redirect(response.status, options):
                        raise _redirected(checked, response)
            tracing.answered(span, response.status)
        return response
    except asyncio.CancelledError:
        is_abandoned = True
        raise
    finally:
        status, headers = (response.status, response.headers) if response else (None, {})
        seconds = time.monotonic() - started
        metrics.exchanged(method, url, status, seconds)
        if observe := observer.get():
            date, media = headers.get("Date", ""), _media_type(headers.get("Content-Type", ""))
            observe(Exchange(method, url, status, seconds, date, media, is_abandoned))


async def _send(
    method: str, url: URL, max_bytes: int, timeout_seconds: float, options: Mapping[str, Any]
) -> Response:
    host = url.raw_authority
    timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
    # `from None` everywhere, because aiohttp's messages contain the whole URL.
    try:
        async with _session().request(
            method, url, allow_redirects=False, timeout=timeout, **options
        ) as response:
            is_redirect = _is_redirect(response.status, options)
            body = b"" if is_redirect else await _read_capped(response, max_bytes)
            return Response(response.status, response.headers, body)
    except TimeoutError as error:
        sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
        detail = f"{host} did not answer within {timeout_seconds:g} s"
        raise EHRTimeout(detail, sent=sent) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        sent = not isinstance(error, aiohttp.ClientConnectorError)
        if isinstance(error, aiohttp.ClientConnectorError) and error.errno in OWN_LIMITS:
            detail = f"{host} was not asked: {OWN_LIMITS[error.errno]} on this machine"
            raise OwnLimit(detail, retry_after=WAIT_FOR_SLOT_SECONDS) from None
        rule, words = _failure(error)
        raise EHRUnreachable(words.format(host), sent=sent, rule=rule) from None


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _redirected(url: URL, response: Response) -> EHRRedirected:
    """Return the error of a redirect. It says where that leads, without its path and query, which
    may hold anything; its rule is "loop" where it leads to itself."""
    answered = f"{url.raw_authority} answered {response.status}"
    try:
        to = urljoin(str(url), response.headers["Location"])
        origin, is_loop = origin_of(to), URL(to) == URL(str(url))
    except (KeyError, ValueError):
        return EHRRedirected(answered)
    if is_loop:
        return EHRRedirected(f"{answered}, which leads to itself", rule="loop")
    is_same = origin == origin_of(str(url))
    where = "another path there" if is_same else origin
    return EHRRedirected(f"{answered}, which leads to {where}")


def _is_redirect(status: int, options: Mapping[str, Any]) -> bool:
    """Return whether this is a redirect, and no 304 to a conditional request (RFC 9110 §15.4.5)."""
    sent = {name.lower() for name in options.get("headers") or ()}
    is_unchanged = status == HTTPStatus.NOT_MODIFIED and bool(CONDITIONS & sent)
    return 300 <= status < 400 and not is_unchanged


class _Unreadable(Exception):
    """aiohttp has no class of its own for it: the sentence of its error names the header."""


_CUT = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)
# How a connection can fail, the nearest kind first; without the error's own words, which hold the
# URL.
_FAILURES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...] = (
    (aiohttp.ClientConnectorCertificateError, "certificate",
     "the TLS certificate of {} is not one that can be trusted"),
    (aiohttp.ClientSSLError, "tls", "no TLS connection could be made to {}"),
    (aiohttp.ClientConnectorDNSError, "dns", "no network address is known for {}"),
    (aiohttp.ClientConnectorError, "connect", "no connection could be made to {}"),
    (_Unreadable, "encoding", "the answer of {} is compressed in a way that cannot be read"),
    (_CUT, "cut", "the connection to {} broke off before its answer was complete"),
    (Exception, "not-http", "the answer of {} is not one of HTTP, or breaks off"),
)  # fmt: skip


def _failure(error: Exception) -> tuple[str, str]:
    """Return where a connection failed, and that in words."""
    if "content-encoding" in str(error):
        error = _Unreadable()
    return next((rule, words) for kind, rule, words in _FAILURES if isinstance(error, kind))


async def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = 5.0,
) -> Response:
    """Return the response to a GET, with any status except a redirect.

    Raises EHRUnreachable, EHRTimeout, EHRSuspended, EHRCrowded, EHRRedirected, EHRResponseTooLarge
    or AddressRefused.
    """
    return await _request(
        "GET", url, headers=headers, max_bytes=max_bytes, timeout_seconds=timeout_seconds
    )


async def post_form(
    url: str,
    fields: Mapping[str, str],
    *,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 10.0,
) -> Response:
    """Return the response to a form POST (RFC 6749 appendix B). Raises the same errors as `get`."""
    return await _request(
        "POST",
        url,
        # Encoded here: aiohttp would first build what could also be a multipart form.
        data=urlencode(fields).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", **(headers or {})},
        max_bytes=MAX_BYTES,
        timeout_seconds=timeout_seconds,
    )
