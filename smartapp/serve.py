"""`python -m smartapp.serve`: one process of the web server, at `BIND` and `PORT`.

It is uvicorn, but for its end, which no request may notice. uvicorn closes its port at once: the
kernel resets the connections that nobody has accepted yet, and uvicorn closes those whose request
it has not read. A proxy sees a connection break off after its request, does not know whether the
request was handled, and answers a form with 502. Where it cannot connect, it asks the next process.
"""

import asyncio
import contextlib
import os
import re
import resource
import select
import signal
import socket
import sys

import uvicorn
from django.conf import settings

from smartapp import asgi  # first: it reads .env, in which the variables may be

# Together the 15 seconds that docs/operating.md gives requests.
READ_SECONDS, FINISH_SECONDS = 1, 14
TURN_SECONDS = 0.02
# A small part of WatchdogSec in deploy/smartapp-web@.service.
WATCHDOG_SECONDS = 3
# More than the last packet of a handshake takes from a proxy in the same data centre.
HANDSHAKE_SECONDS = 0.1

SO_BINDTOIFINDEX = 62  # asm-generic/socket.h; Python has no name for it
NO_INTERFACE = 2**31 - 1


def refuse_new_connections(listening: socket.socket) -> None:
    """Let the kernel refuse who asks for a connection from now on. Handshakes under way still end,
    and who waits can be accepted: the port only has no network any more. Linux since 5.7; elsewhere
    nothing happens, and a few connections may break off when the port is closed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX, NO_INTERFACE)


async def keep_telling_watchdog() -> None:
    """Tell systemd for ever that this process still works, if it asks for that (sd_notify(3)): a
    process that hangs still has a port that takes requests, and nobody else restarts it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not (address and "WATCHDOG_USEC" in os.environ):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.setblocking(False)
        while True:
            with contextlib.suppress(OSError):
                systemd.sendto(b"WATCHDOG=1", re.sub("^@", "\0", address))
            await asyncio.sleep(WATCHDOG_SECONDS)


class Server(uvicorn.Server):
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        telling = asyncio.create_task(keep_telling_watchdog())
        try:
            await super().serve(sockets)
        finally:
            telling.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse who comes, accept who has come, let requests arrive, and end as uvicorn does: it
        closes the port and waits for the answers."""
        listeners = sockets or []
        for listening in listeners:
            refuse_new_connections(listening)
        await _turns(HANDSHAKE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_SECONDS):
                await _until_accepted(listeners)
        await _turns(READ_SECONDS)
        await super().shutdown(sockets)


async def _until_accepted(listeners: list[socket.socket]) -> None:
    """Wait until nobody waits to be accepted."""
    waiting = select.poll()
    for listening in listeners:
        waiting.register(listening, select.POLLIN)
    while waiting.poll(0):  # noqa: ASYNC110 - the event loop itself accepts
        await asyncio.sleep(TURN_SECONDS)


async def _turns(seconds: float) -> None:
    """Sleep, but for no fewer turns of the event loop than fit into it: on a busy machine one turn
    may take as long."""
    for _ in range(round(seconds / TURN_SECONDS)):
        await asyncio.sleep(TURN_SECONDS)


def end_at_hangup() -> None:
    """Let SIGHUP, as of a terminal that is closed or of a rotation of logs, end the process as
    SIGTERM does. By default it ends at once, with all that is under way; under nohup, not at all.
    """
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


def main() -> None:
    """Serve until SIGTERM. Exit code 3 where the app cannot start, or not at this port."""
    # Each launch that waits has two connections, and systemd and shells begin with 1,024 files.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    config = uvicorn.Config(
        asgi.application,
        host=os.environ.get("BIND") or "127.0.0.1",
        port=settings.PORT,
        lifespan="on",
        log_config=None,  # as in the settings
        access_log=False,  # queries have one-time secrets
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    try:
        listening = config.bind_socket()
    except SystemExit:
        sys.stderr.write(
            "smartapp does not start: the line above says why it cannot listen at "
            f"BIND={config.host} and PORT={config.port}.\n"
        )
        raise
    end_at_hangup()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after its end
        Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
