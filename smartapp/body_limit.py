"""How large a request's body may be and how long it may take to come, before Django sees it (T30).

Django reads a body whole before any middleware or view is asked, and writes a long one to disk: a
few connections that never end theirs would fill it. Nothing that this app takes is long.
"""

import asyncio
import contextlib
from http import HTTPStatus

from django.conf import settings

from smartapp.bytes_answer import PLAIN_HEADERS, Message, Receive, Send, answer
from smartapp.middleware import ADMIN_PREFIX, SESSION_PREFIXES

MAX_BYTES = 64 * 1024  # the forms of a launch's page, and an EHR's answer by form
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
    """Forms of the admin are longer: as long as Django would read into memory itself. The sandbox
    says in OAuth's words what is wrong with longer ones, and does not run in production."""
    if path.startswith(ADMIN_PREFIX):
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return SANDBOX_MAX_BYTES if path.startswith(SESSION_PREFIXES) else MAX_BYTES


class BoundedBody:
    """Stands in for `receive` of one request. What is too long, or too slow, is answered here, and
    looks to Django as if the visitor had left."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._left = _max_bytes(scope["path"])
        self._until = asyncio.get_running_loop().time() + MAX_SECONDS
        self._is_whole = False

    async def __call__(self) -> Message:
        """Return the next message of the server, or the visitor's leaving after an answer of 413
        or 408."""
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
        """Read on for a moment, and keep nothing: a browser that is still sending when the
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
