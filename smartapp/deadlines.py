"""Deadlines for PostgreSQL statements.

A server that disappears (a failover, a firewall that drops its state) leaves connections that never
answer. TCP notices within seconds if packets are lost (`DATABASES` in settings), but never if
something in between still acknowledges them. So this module gives each statement a deadline on our
side. When it passes, the server is asked to cancel the statement. If nothing comes back, the
connection is closed. The caller gets django.db.OperationalError.

One thread checks the deadlines four times a second. `statement_timeout` is not used, because a
pooler in transaction mode would pass that setting on to another session.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

LOOK_SECONDS = 0.25
# Between the request to cancel, which a living server answers in milliseconds, and the close.
CANCEL_SECONDS = 1.0
# For requests with a thread of their own (admin site, sandbox), and for `maintain`.
STATEMENT_SECONDS = 30.0

Execute = Callable[[str, Any, bool, Any], Any]


@dataclass(slots=True)
class _Work:
    database: BaseDatabaseWrapper
    until: float
    is_cancelled: bool = False


_running: dict[int, _Work] = {}
_limits = threading.local()
_default_seconds: float | None = None
_watching: threading.Thread | None = None
# When a connection was last found dead: others that were used before may be dead too.
silent_since = 0.0


def keep(seconds: float = STATEMENT_SECONDS) -> None:
    """Enforce deadlines in this process: in servers and in `maintain`, but not in migrations."""
    global _default_seconds
    _default_seconds = seconds
    connection_created.connect(_on_connection)


def keep_in_this_thread(seconds: float) -> None:
    """Use another deadline for statements of this thread."""
    _limits.seconds = seconds


def _on_connection(connection: BaseDatabaseWrapper, **_: object) -> None:
    if connection.vendor == "postgresql" and _guarded not in connection.execute_wrappers:
        connection.execute_wrappers.append(_guarded)


def _guarded(execute: Execute, sql: str, params: Any, many: bool, context: Any) -> Any:
    seconds = getattr(_limits, "seconds", _default_seconds)
    if seconds is None:
        return execute(sql, params, many, context)
    with within(seconds):
        return execute(sql, params, many, context)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Set a deadline for work of this thread with PostgreSQL: waiting fails after `seconds`."""
    global _watching
    database = connections[connection.alias]
    if database.vendor != "postgresql":
        yield
        return
    thread, outer = threading.get_ident(), _running.get(threading.get_ident())
    _running[thread] = _Work(database, time.monotonic() + seconds)
    if _watching is None or not _watching.is_alive():
        _watching = threading.Thread(target=_watch, name="deadlines", daemon=True)
        _watching.start()
    try:
        yield
    finally:
        if outer:
            _running[thread] = outer
        else:
            del _running[thread]


def _watch() -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        for work in list(_running.values()):
            if now > work.until:
                _end(work, now)


def _end(work: _Work, now: float) -> None:
    """Ask the server to cancel; the second time, close the connection."""
    global silent_since
    raw = work.database.connection
    if raw is None:  # being opened, which has its own time-out
        return
    work.until = now + CANCEL_SECONDS
    if work.is_cancelled:
        silent_since = now
        _cut(raw)
        return
    work.is_cancelled = True
    threading.Thread(target=_cancel, args=(raw,), daemon=True).start()


def _cancel(raw: Any) -> None:
    with contextlib.suppress(Exception):  # on any error the connection is closed next
        raw.cancel_safe(timeout=CANCEL_SECONDS)


def _cut(raw: Any) -> None:
    """Shut the socket down, so that the thread that waits for it reads its end."""
    # Suppressed: it may have been closed this moment.
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)
