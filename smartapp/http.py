"""The one outbound HTTP client of the app.

One aiohttp session per event loop: kept connections, limits per host, one TLS context. Redirects
are never followed, answers are capped while they are read, and an address is checked in the
resolver, at the moment of the connection, so that a name that changes its mind between check and
use (DNS rebinding, T12) leads nowhere. Whatever goes wrong is one of our own errors; no error of
aiohttp leaves this file, and none carries a URL's query, a header or a body.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.conf import settings
from multidict import CIMultiDictProxy

from smartapp.protocol.errors import (
    AddressRefused,
    EHRRedirected,
    EHRResponseTooLarge,
    EHRTimeout,
    EHRUnreachable,
)

MAX_BYTES = 262_144
CONNECTIONS_PER_HOST = 64
KEEPALIVE_SECONDS = 75
READ_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer. `body` is never logged and not part of the repr."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes = field(repr=False)


def address_is_allowed(address: str) -> bool:
    """Whether we may connect there: public addresses, and loopback in development (C15)."""
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if ip.is_loopback:
        return bool(settings.ALLOW_LOOPBACK_EHRS)
    return ip.is_global and not ip.is_multicast


class GuardedResolver(AbstractResolver):
    """Resolves a name and refuses the whole of it when any of its addresses is not allowed."""

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
    """Built once per process: loading the CA bundle takes 20 ms."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _new_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(),
        ssl=_tls_context(),
        limit=0,
        limit_per_host=CONNECTIONS_PER_HOST,
        keepalive_timeout=KEEPALIVE_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "smartapp"},
        auto_decompress=True,
        trust_env=False,
    )


_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = WeakKeyDictionary()


def _session() -> aiohttp.ClientSession:
    """Return the session of the running event loop; a client belongs to its loop."""
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        session = _sessions[loop] = _new_session()
    return session


async def close() -> None:
    """Close the running loop's session: at server shutdown and at the end of a command."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


def _check_literal_address(url: str) -> None:
    """aiohttp does not ask its resolver about addresses written as numbers."""
    host = urlsplit(url).hostname or ""
    try:
        allowed = address_is_allowed(host)
    except ValueError:
        return
    if not allowed:
        raise AddressRefused(f"address {host} is not public")


async def _read_capped(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(READ_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            response.close()
            raise EHRResponseTooLarge(f"more than {max_bytes} bytes from {response.url.host}")
    return bytes(body)


async def _request(
    method: str, url: str, *, max_bytes: int, timeout_seconds: float, **options: Any
) -> Response:
    _check_literal_address(url)
    host = urlsplit(url).netloc
    timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=5)
    try:
        async with _session().request(
            method, url, allow_redirects=False, timeout=timeout, **options
        ) as response:
            if 300 <= response.status < 400 and response.status != 304:
                raise EHRRedirected(f"{host} answered {response.status}")
            body = await _read_capped(response, max_bytes)
            return Response(response.status, response.headers, body)
    except TimeoutError as error:
        raise EHRTimeout(f"{host} did not answer within {timeout_seconds:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise EHRUnreachable(f"{host}: {type(error).__name__}") from None


async def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = 5.0,
) -> Response:
    """Return the answer to a GET, whatever its status below 300 or from 400 up.

    Raises EHRUnreachable, EHRTimeout, EHRRedirected, EHRResponseTooLarge or AddressRefused.
    """
    return await _request(
        "GET", url, headers=headers, max_bytes=max_bytes, timeout_seconds=timeout_seconds
    )


async def post_form(
    url: str,
    fields: Mapping[str, str],
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = 10.0,
) -> Response:
    """Return the answer to a form POST (RFC 6749 appendix B). Raises as `get` does."""
    return await _request(
        "POST",
        url,
        data=fields,
        headers=headers,
        max_bytes=max_bytes,
        timeout_seconds=timeout_seconds,
    )
