"""Work on a record that takes long enough to keep everybody waiting, in threads of its own.

One EHR may send megabytes. While they are parsed, read and drawn, the event loop answers the
others; and as all threads share one interpreter, more of them would only make it wait more often.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(2, thread_name_prefix="record")


async def computed(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns, from one of these threads."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))
