"""Periodic work that asks many EHRs at once, for a limited time."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def run(work: Iterable[Coroutine[Any, Any, None]], seconds: float) -> tuple[int, int]:
    """Do all of it at once. What is not done in time is cancelled and left for the next round.

    Return how many pieces of work ended, and how many are left. Raises an error of those that
    ended, after all the others.
    """
    tasks = [asyncio.create_task(one) for one in work]
    if not tasks:
        return 0, 0
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for failure in filter(None, [task.exception() for task in done]):
        raise failure
    return len(done), len(late)
