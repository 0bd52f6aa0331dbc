"""The sandbox's HTTP client: it fetches the key sets of its clients, and nothing else (S50).

Only https, no redirects, no private addresses, five seconds, 64 KB. It connects to the address that
was checked, so a second DNS answer cannot differ (T12). In development (`ALLOW_LOOPBACK_EHRS`)
plain http is allowed, to loopback addresses only.
"""

import ipaddress
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from smartapp.addresses import address_is_allowed

TIMEOUT_SECONDS = 5.0
MAX_BYTES = 65_536


class FetchFailed(Exception):
    """There was no usable response; the message says why, for the client's developer."""


@dataclass(frozen=True, slots=True)
class Fetched:
    status: int
    body: bytes = field(repr=False)
    cache_control: str | None


class PinnedHTTPConnection(HTTPConnection):
    """Connects to an address that was already checked, without resolving the name again."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), TIMEOUT_SECONDS)


class PinnedHTTPSConnection(HTTPSConnection):
    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, context=_tls_context())
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), TIMEOUT_SECONDS)
        self.sock = _tls_context().wrap_socket(plain, server_hostname=self.host)


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def fetch(url: str) -> Fetched:
    """GET a URL within all limits. Raises FetchFailed."""
    parts = urlsplit(url)
    try:
        connection = _connection(parts)
    except (OSError, ValueError) as exc:
        raise FetchFailed(f"the address of {parts.hostname} cannot be found") from exc
    try:
        return _get(connection, parts)
    except TimeoutError as exc:
        raise FetchFailed(f"no complete answer within {TIMEOUT_SECONDS:g} seconds") from exc
    except (OSError, HTTPException, ValueError) as exc:
        raise FetchFailed(_in_words(exc)) from exc
    finally:
        connection.close()


def _in_words(exc: Exception) -> str:
    """Return what went wrong, for the developer who registered the app."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return "no secure connection could be made"
    if isinstance(exc, ConnectionRefusedError):
        return "no connection could be made"
    if isinstance(exc, HTTPException | ValueError):
        return "the answer is no proper HTTP"
    return "the connection failed"


def _connection(parts: SplitResult) -> HTTPConnection:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _checked_address(host, port)
    if parts.scheme == "https":
        return PinnedHTTPSConnection(host, port, address)
    if parts.scheme == "http" and ipaddress.ip_address(address).is_loopback:
        return PinnedHTTPConnection(host, port, address)
    raise FetchFailed("the URL is not https")


def _checked_address(host: str, port: int) -> str:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(address_is_allowed, addresses)):
        raise FetchFailed(f"{host} resolves to an address that is not public")
    return addresses[0]


def _get(connection: HTTPConnection, parts: SplitResult) -> Fetched:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    connection.connect()
    watch = Timer(deadline - time.monotonic(), _break_off, [connection.sock])
    watch.start()
    try:
        connection.request("GET", target, headers={"Accept": "application/json"})
        return _read(connection.getresponse())
    finally:
        watch.cancel()
        if time.monotonic() > deadline:
            raise TimeoutError


def _break_off(connected: socket.socket) -> None:
    """Close a connection that sends too slowly: a socket's own time-out restarts with every
    byte."""
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _read(response: HTTPResponse) -> Fetched:
    if 300 <= response.status < 400:
        raise FetchFailed(f"it answers with a redirect ({response.status})")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchFailed(f"the answer is longer than {MAX_BYTES} bytes")
    return Fetched(response.status, body, response.getheader("Cache-Control"))
