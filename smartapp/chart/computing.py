"""Threads for work on a record that would keep everybody waiting.

One EHR may send megabytes. While they are parsed, read and drawn in a thread, the event loop
answers the other requests. All threads share one interpreter, so more of them would only make the
loop wait more often.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(2, thread_name_prefix="record")


async def computed(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of `work`, done in one of these threads."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))
