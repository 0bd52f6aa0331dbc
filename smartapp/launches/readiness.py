"""What has to be there before this process can take a launch.

Anybody may ask, and what is asked may not answer: so one look at a time, good for a second, and in
threads of its own, which no launch waits for (T30).
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.core.cache import cache
from django.db import connection

from smartapp import vault
from smartapp.exception_reports import cause
from smartapp.keys import memory

GOOD_FOR_SECONDS = 1
WAIT_SECONDS = 5

logger = logging.getLogger(__name__)

_thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")
_look: Future[list[str]] | None = None
_looked_at = 0.0


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() is not None


def _cache() -> bool:
    mark = secrets.token_hex(4)
    cache.set(f"readyz-{mark}", mark, timeout=5)
    return bool(cache.get(f"readyz-{mark}") == mark)


def _key_ring() -> bool:
    return vault.unseal(vault.seal(b"ready", "readyz"), "readyz") == b"ready"


def _signing_key() -> bool:
    return memory.can_sign()


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "cache": _cache,
    "key ring": _key_ring,
    "signing key": _signing_key,
}


def _passes(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception as error:
        # Whatever a driver raises means the same here: not ready.
        logger.warning("not ready: %s: %s", name, cause(error))
        return False


def _missing() -> list[str]:
    try:
        names = [name for name, check in CHECKS.items() if not _passes(name, check)]
    finally:
        connection.close()
    if names:
        logger.warning("not ready: %s", ", ".join(names))
    return names


async def missing() -> list[str]:
    """Return the names of what is not ready; empty when all is. All of them while the look itself
    does not come back in time."""
    global _look, _looked_at
    now = time.monotonic()
    if _look is None or (_look.done() and now - _looked_at > GOOD_FOR_SECONDS):
        _look, _looked_at = _thread.submit(_missing), now
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await asyncio.shield(asyncio.wrap_future(_look))
    except TimeoutError:
        logger.warning("not ready: the look at what is needed has not come back")
        return list(CHECKS)
