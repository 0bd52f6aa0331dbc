"""Counts the exact cost of a piece of work: statements, commits, connections, threads, keys,
clients."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import aiohttp
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from smartapp.keys import material

WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Costs:
    statements: list[str] = field(default_factory=list)
    commits: int = 0
    connections: int = 0
    threads: int = 0
    keys_parsed: int = 0
    http_clients: int = 0
    tls_contexts: int = 0


@contextmanager
def counted() -> Iterator[Costs]:
    """Count over all threads while the block runs."""
    costs = Costs()
    execute, commit = CursorWrapper.execute, BaseDatabaseWrapper.commit
    connect = type(connections["default"]).get_new_connection

    def counting_execute(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        costs.statements.append(str(sql))
        if not self.db.in_atomic_block and str(sql).lstrip().upper().startswith(WRITES):
            costs.commits += 1  # autocommit
        return execute(self, sql, params)

    def counting_commit(self: BaseDatabaseWrapper) -> None:
        costs.commits += 1
        commit(self)

    def counting_connect(self: Any, params: Any) -> Any:
        costs.connections += 1
        return connect(self, params)

    def counter(name: str, original: Any) -> Any:
        def count(*args: Any, **kwargs: Any) -> Any:
            setattr(costs, name, getattr(costs, name) + 1)
            return original(*args, **kwargs)

        return count

    with (
        patch.object(CursorWrapper, "execute", counting_execute),
        patch.object(BaseDatabaseWrapper, "commit", counting_commit),
        patch.object(type(connections["default"]), "get_new_connection", counting_connect),
        patch.object(
            aiohttp.ClientSession,
            "__init__",
            counter("http_clients", aiohttp.ClientSession.__init__),
        ),
        patch.object(threading.Thread, "start", counter("threads", threading.Thread.start)),
        patch.object(
            ssl,
            "create_default_context",
            counter("tls_contexts", ssl.create_default_context),
        ),
        patch(
            "smartapp.keys.memory.open_private_key",
            counter("keys_parsed", material.open_private_key),
        ),
    ):
        yield costs
