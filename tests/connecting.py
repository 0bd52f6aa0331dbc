"""Closes a connection that is refused while it is being opened.

Between tests pytest-django refuses connections. If a server that outlives a test is just opening
one, Django would keep it as the driver made it, which begins transactions by itself. The row that
some later test writes would then never be committed, and the database stay locked.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

_connect = BaseDatabaseWrapper.connect


def install() -> None:
    BaseDatabaseWrapper.connect = _connect_or_close  # type: ignore[method-assign]


def _connect_or_close(self: BaseDatabaseWrapper) -> None:
    try:
        _connect(self)
    except BaseException:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        raise
