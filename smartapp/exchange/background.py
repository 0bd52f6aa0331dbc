"""Work that runs to its end even if the browser that started it has left.

An EHR's answer may hold the only copy of a token. If the app stopped waiting for it, the launch
would lose the token (C124), and the token would stay valid at the EHR (C133).
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A token request times out after ten seconds, and may hold a launch's only refresh token.
FINISH_SECONDS = 10

_tasks: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return a task that does this work to its end, even if the caller stops waiting for it."""
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of the work. The work goes on if the caller is cancelled."""
    return await asyncio.shield(start(work))


async def finish() -> None:
    """Wait at shutdown for running tasks and for those that they start, because the server does not
    wait for them. Work that is not done in time is lost, as if the process had been killed."""
    give_up_at = time.monotonic() + FINISH_SECONDS
    while _tasks and (left := give_up_at - time.monotonic()) > 0:
        await asyncio.wait(_tasks, timeout=left)
    if _tasks:
        logger.error("%d pieces of work did not end in time", len(_tasks))
