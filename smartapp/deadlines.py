"""No statement waits for PostgreSQL without end.

A server that is gone without a word (a failover, a firewall that forgets) leaves connections that
are never answered. TCP notices within seconds where packets are lost (`DATABASES` in settings), and
never where something in between still acknowledges them. So each statement has a deadline that is
kept here, on our side: when it is over, the server is asked to cancel the statement, and where
nothing comes back the connection is cut. Whoever waited gets django.db.OperationalError.

It is kept by one thread that looks four times a second, and not by `statement_timeout`: a pooler in
transaction mode would hand such a setting on to somebody else's session.
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
# Between asking the server to cancel, which answers in milliseconds if it is there, and the cut.
CANCEL_SECONDS = 1.0
# Of requests that have a thread of their own (administration, sandbox), and of `maintain`.
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
# When a connection was last found silent: others that were used before may be, too.
silent_since = 0.0


def keep(seconds: float = STATEMENT_SECONDS) -> None:
    """Keep deadlines in this process: in servers and in `maintain`, not in a migration."""
    global _default_seconds
    _default_seconds = seconds
    connection_created.connect(_on_connection)


def keep_in_this_thread(seconds: float) -> None:
    """Keep shorter ones in this thread."""
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
    """Around work of this thread with PostgreSQL: what it waits for fails after so many seconds."""
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
    """Ask the server to cancel; the next time, cut the connection."""
    global silent_since
    raw = work.database.connection
    if raw is None:  # it is being opened, which has a time-out of its own
        return
    work.until = now + CANCEL_SECONDS
    if work.is_cancelled:
        silent_since = now
        _cut(raw)
        return
    work.is_cancelled = True
    threading.Thread(target=_cancel, args=(raw,), daemon=True).start()


def _cancel(raw: Any) -> None:
    with contextlib.suppress(Exception):  # whatever it is: the cut comes next
        raw.cancel_safe(timeout=CANCEL_SECONDS)


def _cut(raw: Any) -> None:
    """Whoever waits for this socket reads its end."""
    # Suppressed: it may have been closed in this moment.
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)
