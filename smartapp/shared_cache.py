"""The cache that all processes share, without which the app goes on working.

It has its own threads: a cache that accepts a connection and never answers blocks a thread for
seconds, and the event loop's default threads are needed to look up every EHR's address.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from smartapp.exception_reports import cause

# How long a person waits for the cache, and how long the app does not use it after a failure.
WAIT_SECONDS = 1.0
AWAY_SECONDS = 10.0

logger = logging.getLogger(__name__)

T = TypeVar("T")

_threads = ThreadPoolExecutor(2, thread_name_prefix="cache")
_away_until = 0.0


async def in_cache(work: Callable[..., T], *arguments: object, away: T) -> T:
    """Return the result of `work`, done in a thread, because the cache may be on the network.
    Return `away` if the cache fails or is too slow."""
    global _away_until
    if time.monotonic() < _away_until:
        return away
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(_threads, work, *arguments)
    except Exception as error:
        # Every exception of a cache driver means the same here.
        _away_until = time.monotonic() + AWAY_SECONDS
        logger.error("the cache is away: %s", cause(error))
        return away


def forget() -> None:
    """Forget that the cache was away: in tests it is back before the process ends."""
    global _away_until
    _away_until = 0.0
