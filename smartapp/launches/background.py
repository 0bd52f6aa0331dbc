"""Work that goes on to its end although the browser that asked for it has gone.

What an EHR answers may be the only copy of a token: an answer that nobody waits for any more is
lost for the launch (C124), and good at the EHR all the same (C133).
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from smartapp.launches import store

T = TypeVar("T")

_tasks: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return the task that does this work, whoever stops waiting for it."""
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns. It goes on when the caller is cancelled."""
    return await asyncio.shield(start(work))


async def finish() -> None:
    """Wait, at shutdown, for what is under way, and for what begins with its end: the server does
    not. As long as the slowest of it, a refresh, may take."""
    give_up_at = time.monotonic() + store.REFRESH_LEASE.total_seconds()
    while _tasks and (left := give_up_at - time.monotonic()) > 0:
        await asyncio.wait(_tasks, timeout=left)
