"""Limits on the size of a request's body and the time it takes, applied before Django (T30).

Django reads the whole body before any middleware or view runs, and writes a long one to disk: a few
endless requests would fill the disk. This app needs no long requests.
"""

import asyncio
import contextlib
from http import HTTPStatus

from django.conf import settings

from smartapp.bytes_answer import PLAIN_HEADERS, Message, Receive, Send, answer
from smartapp.middleware import ADMIN_PREFIX, SESSION_PREFIXES

MAX_BYTES = 64 * 1024  # forms of launch pages, and authorization responses by POST
SANDBOX_MAX_BYTES = 16 * 1024 * 1024
MAX_SECONDS = 30
MAX_LET_PASS_BYTES = 8 * 1024 * 1024
MAX_LET_PASS_SECONDS = 2

_WORDS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "What was sent is longer than this app takes here. "
    "Send less, or tell your administrator.\n",
    HTTPStatus.REQUEST_TIMEOUT: "What was sent did not arrive in time. Check the connection and "
    "try again.\n",
}


def _max_bytes(path: str) -> int:
    """Return the largest body for a path. Forms of the admin site may be as long as what Django
    reads into memory. The sandbox, which does not run in production, reports longer ones itself as
    OAuth errors."""
    if path.startswith(ADMIN_PREFIX):
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return SANDBOX_MAX_BYTES if path.startswith(SESSION_PREFIXES) else MAX_BYTES


class BoundedBody:
    """Replaces `receive` of one request. It answers a body that is too long or too slow, and tells
    Django that the client has disconnected."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._left = _max_bytes(scope["path"])
        self._until = asyncio.get_running_loop().time() + MAX_SECONDS
        self._is_whole = False

    async def __call__(self) -> Message:
        """Return the next message of the server; a disconnect after an answer of 413 or 408."""
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return await self._refused(HTTPStatus.REQUEST_TIMEOUT)
        self._is_whole = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            await self._let_pass()
            return await self._refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    async def _let_pass(self) -> None:
        """Read on for a moment and drop the data: a browser that is still sending when the
        connection ends never shows the answer."""
        left = MAX_LET_PASS_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MAX_LET_PASS_SECONDS):
                while left > 0 and not self._is_whole:
                    message = await self._receive()
                    self._is_whole = not message.get("more_body", False)
                    left -= len(message.get("body", b""))

    async def _refused(self, status: HTTPStatus) -> Message:
        self._is_whole = True
        headers = [*PLAIN_HEADERS, (b"connection", b"close")]
        await answer(self._send, status, headers, _WORDS[status].encode())
        return {"type": "http.disconnect"}
