"""Work that goes on to its end although the browser that asked for it has gone.

What an EHR answers may be the only copy of a token: an answer that nobody waits for any more is
lost for the launch (C124), and good at the EHR all the same (C133).
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A token request is given up after ten seconds, and may hold a launch's only refresh token.
FINISH_SECONDS = 10

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
    not. What is not done by then is lost, as if the process had been killed."""
    give_up_at = time.monotonic() + FINISH_SECONDS
    while _tasks and (left := give_up_at - time.monotonic()) > 0:
        await asyncio.wait(_tasks, timeout=left)
    if _tasks:
        logger.error("%d pieces of work did not end in time", len(_tasks))
