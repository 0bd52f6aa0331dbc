"""Runs database work of async code in a few threads that keep their connections.

Django's `sync_to_async` takes a new thread for each request under ASGI, and with it a new
connection: 6 ms on PostgreSQL. These threads live as long as the process.
"""

import asyncio
import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from threading import Barrier, Lock, local
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connection
from django.db.models import NOT_PROVIDED, Model, QuerySet
from django.utils import timezone

from smartapp import deadlines, tracing

THREADS = 4
IDLE_SECONDS_BEFORE_CHECK = 30
# A launch's statement takes milliseconds. One that waits for a lock or for a dead server is
# cancelled, and the user is told to try again.
STATEMENT_SECONDS = 5.0
# For all statements of one piece of work, and its commit.
WORK_SECONDS = 15.0
CHECK_SECONDS = 2.0
WAIT_FOR_THREAD_SECONDS = 8.0
PURGE_BATCH = 500

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(
    THREADS,
    thread_name_prefix="database",
    initializer=deadlines.keep_in_this_thread,
    initargs=(STATEMENT_SECONDS,),
)
_used = local()
_lock = Lock()
_unfinished = 0


class DatabaseCrowded(OperationalError):
    """No database thread became free in time: the database is slow or unavailable."""


def waiting() -> int:
    """Return how many pieces of work are waiting for a database thread."""
    return max(0, _unfinished - THREADS)


def _drop_dead_connection() -> None:
    """Test a connection that had an error, was idle, was used before another one was found dead, or
    on which the server said something by itself; reconnect if it is dead.

    `close_old_connections` would also close healthy ones, because CONN_MAX_AGE is 0 for all other
    threads.
    """
    now = time.monotonic()
    used_at = getattr(_used, "at", now)
    _used.at = now
    if connection.connection is None:
        return
    if _is_in_left_transaction():
        connection.close()
        return
    is_doubtful = now - used_at > IDLE_SECONDS_BEFORE_CHECK or used_at < deadlines.silent_since
    is_doubtful = is_doubtful or connection.errors_occurred or _server_has_spoken()
    if is_doubtful and not _is_usable():
        connection.close()
    connection.errors_occurred = False


def _is_in_left_transaction() -> bool:
    """Return whether a transaction is open that Django does not know about.

    Its BEGIN took effect, but was answered with an error. Later work of this thread could not begin
    its own transaction.
    """
    if connection.in_atomic_block:
        return False
    if connection.vendor == "sqlite":
        return bool(connection.connection.in_transaction)
    return bool(connection.connection.info.transaction_status.name != "IDLE")


def _server_has_spoken() -> bool:
    """Return whether something waits to be read. Between statements that is nearly always the end:
    the server was restarted, or it ended the session. This look is no question to the server."""
    if connection.vendor != "postgresql":
        return False
    if connection.connection.closed:
        return True
    look = select.poll()
    look.register(connection.connection.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _is_usable() -> bool:
    with deadlines.within(CHECK_SECONDS):
        return connection.is_usable()


async def in_database(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of `work`, run in a database thread. Never await the EHR inside it.

    `work` runs in the caller's context, as with `sync_to_async`: the audit trail needs the request.
    Raises DatabaseCrowded if no thread becomes free in time, and django.db.OperationalError if a
    statement takes too long.
    """

    def run() -> T:
        name = getattr(work, "__qualname__", "")  # a partial has none
        with tracing.span("database", work=name), deadlines.within(WORK_SECONDS):
            _drop_dead_connection()
            return work(*args, **kwargs)

    _count(1)
    future = _threads.submit(copy_context().run, run)
    future.add_done_callback(lambda _: _count(-1))
    answer = asyncio.wrap_future(future)
    if waiting():
        await _begun(future, answer)
    return await answer


def _count(change: int) -> None:
    global _unfinished
    with _lock:
        _unfinished += change


async def _begun(future: Future[Any], answer: asyncio.Future[Any]) -> None:
    """Wait for queued work; cancel it if no thread has started it in time."""
    try:
        done, _ = await asyncio.wait([answer], timeout=WAIT_FOR_THREAD_SECONDS)
    except asyncio.CancelledError:
        answer.cancel()
        raise
    if not done and future.cancel():
        raise DatabaseCrowded(f"no thread became free within {WAIT_FOR_THREAD_SECONDS:g} s")


# What every launch writes goes by statements that are built once. Django builds each of them anew,
# which costs a launch twenty times what the database takes for it.


def insert(model: type[Model], **values: Any) -> None:
    """Insert a row, each column that is not named with its default. Raises django.db.Error as
    `Model.save` does, and sends no signal."""
    row = {
        field.attname: field.get_default()
        for field in model._meta.concrete_fields
        if field.attname not in values and field.db_default is NOT_PROVIDED
    } | values
    _execute(_insert(model, tuple(row)), model, row)


def update(model: type[Model], pk: Any, values: dict[str, Any], *, only_where_null: str) -> bool:
    """Update the row of that key where that column of it is null; return whether there is one."""
    statement = _update(model, tuple(values), only_where_null)
    return _execute(statement, model, {**values, "pk": pk}) == 1


def _execute(statement: str, model: type[Model], row: dict[str, Any]) -> int:
    adapted = [
        _field(model, name).get_db_prep_save(value, connection) for name, value in row.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, adapted)
        changed: int = cursor.rowcount
    return changed


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


@cache
def _insert(model: type[Model], names: tuple[str, ...]) -> str:
    columns = ", ".join(_field(model, name).column for name in names)
    marks = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})"  # noqa: S608


@cache
def _update(model: type[Model], names: tuple[str, ...], null: str) -> str:
    changes = ", ".join(f"{_field(model, name).column} = %s" for name in names)
    where = f"{_field(model, 'pk').column} = %s AND {_field(model, null).column} IS NULL"
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE {where}"  # noqa: S608


def delete_batch(rows: QuerySet[Any]) -> int:
    """Delete a few of these rows; return how many were deleted. One DELETE of everything would hold
    SQLite's only write lock for many seconds."""
    pks = list(rows.values_list("pk", flat=True)[:PURGE_BATCH])
    return rows.model._default_manager.filter(pk__in=pks).delete()[0] if pks else 0


def seconds_ahead() -> float:
    """Return by how many seconds the clock of this machine is ahead of PostgreSQL's. SQLite has no
    other clock."""
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [at] = cursor.fetchone()
    return float((timezone.now() - at).total_seconds())


@contextmanager
def own_connection() -> Iterator[None]:
    """Open a connection for work outside of requests, and close it afterwards.

    Nothing else closes such connections, and one that the database has ended would make all later
    work fail. Inside a transaction, as in tests, the connection is the caller's and stays open.
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
        together.wait()  # so that each thread closes its own connection
        connection.close()

    wait([_threads.submit(close) for _ in range(THREADS)])
