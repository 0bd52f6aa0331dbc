"""Database work of async code: one sync function at a time, in threads that keep their connection.

Django's own way (`sync_to_async`) takes a fresh thread per request under ASGI, and with it a
fresh connection: 6 ms on PostgreSQL. These few threads live as long as the process.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from threading import Barrier, local
from typing import ParamSpec, TypeVar

from django.db import connection

THREADS = 4
IDLE_SECONDS_BEFORE_CHECK = 30

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
_used = local()


def _drop_dead_connection() -> None:
    """Look before trusting a connection that had an error or lay idle; reconnect if it is dead.

    `close_old_connections` would also close healthy ones, as CONN_MAX_AGE is 0 for everybody else.
    """
    now = time.monotonic()
    idle = now - getattr(_used, "at", now)
    _used.at = now
    if connection.connection is None:
        return
    if (
        connection.errors_occurred or idle > IDLE_SECONDS_BEFORE_CHECK
    ) and not connection.is_usable():
        connection.close()
    connection.errors_occurred = False


async def in_database(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns, run in a database thread. Never await the EHR inside it.

    With the caller's context, as `sync_to_async` has it: the audit trail names whose request it is.
    """

    def run() -> T:
        _drop_dead_connection()
        return work(*args, **kwargs)

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, run)


@contextmanager
def own_connection() -> Iterator[None]:
    """Around work outside of requests: with a connection that is opened for it and closed after it.
    Nothing else closes those, and one that the database has ended fails whatever comes later.

    Where a transaction is open already it is the caller's, as in a test's.
    """
    _close_unless_in_use()
    try:
        yield
    finally:
        _close_unless_in_use()


def _close_unless_in_use() -> None:
    if not connection.in_atomic_block:
        connection.close()


def close_thread_connections() -> None:
    """Close the connections of all database threads: tests drop their database at the end."""
    together = Barrier(THREADS)

    def close() -> None:
        together.wait()  # so that no thread takes two turns and another none
        connection.close()

    wait([_threads.submit(close) for _ in range(THREADS)])
