"""The real ASGI application over real HTTP, in a thread of the test process.

In the same process, so that tests can count what the app does; in a thread, so that the app has its
own event loop.
"""

import asyncio
import contextlib
import functools
import itertools
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from unittest import mock

import uvicorn

LAST_ANSWERS_SECONDS = 10
# Below the ports that the system gives to outgoing connections, and for each worker others: between
# this look and the server's start nobody else takes the port. Above those that browsers refuse.
PORTS_OF_A_WORKER = 1_400
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
_first = 11_000 + _worker * PORTS_OF_A_WORKER
_turns = itertools.count(random.randrange(PORTS_OF_A_WORKER))


def free_port() -> int:
    """Return a port that nothing on this machine listens at. OSError where there is none."""
    for turn in itertools.islice(_turns, PORTS_OF_A_WORKER):
        port = _first + turn % PORTS_OF_A_WORKER
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class _Server(uvicorn.Server):
    """Starts and stops at once; uvicorn itself only checks every tenth of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = threading.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.has_started.set()
        tick = 0
        while not self._stop.is_set():
            await self.on_tick(tick)
            tick += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), timeout=0.1)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # Not for ever: what runs beside the requests must end before the next test.
        until = time.monotonic() + LAST_ANSWERS_SECONDS
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@functools.cache
def _verify_the_schema_once() -> None:
    """It stays as it is in this process, and to read all migrations takes longer than a start."""
    from smartapp import checks  # who only wants a free port has no settings

    checks._verify_schema = functools.cache(checks._verify_schema)


_has_verified_ring = threading.Event()


@contextlib.contextmanager
def _start_without_what_is_known() -> Iterator[None]:
    """What the database holds is opened at the first start in this process. Each further start
    would open rows that the test has just sealed, for a third of its time. What a start refuses is
    tested with real processes."""
    from smartapp import checks  # who only wants a free port has no settings

    _verify_the_schema_once()
    known = ("verify_opened", "verify_all_opened") if _has_verified_ring.is_set() else ()
    with contextlib.ExitStack() as stack:
        for name in known:
            stack.enter_context(mock.patch.object(checks, name, lambda: None))
        yield
    _has_verified_ring.set()


@contextlib.contextmanager
def served(port: int) -> Iterator[str]:
    """Serve the app on that port while the block runs; yield its origin."""
    config = uvicorn.Config(
        "smartapp.asgi:application",
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        lifespan="on",
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    with _start_without_what_is_known():
        thread.start()
        deadline = time.monotonic() + 20
        while not server.has_started.wait(0.1):
            assert thread.is_alive(), "the app did not start"
            assert time.monotonic() < deadline, "the app took too long to start"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        thread.join(20)
