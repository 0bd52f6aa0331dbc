"""`python -m smartapp.serve`: one process of the web server, at `BIND` and `PORT`.

It is uvicorn, but for its end, which no request may notice. uvicorn closes its port at once: the
kernel resets the connections that nobody has accepted yet, and uvicorn closes those whose request
it has not read. A proxy sees a connection break off after its request, does not know whether the
request was handled, and answers a form with 502. Where it cannot connect, it asks the next process.
"""

import asyncio
import contextlib
import ctypes
import os
import select
import socket
import struct
import sys

import uvicorn

from smartapp import asgi  # first: it reads .env, in which the variables may be

# Together the 15 seconds that docs/operating.md gives requests.
READ_SECONDS, FINISH_SECONDS = 1, 14
TURN_SECONDS = 0.02
# More than the last packet of a handshake takes from a proxy in the same data centre.
HANDSHAKE_SECONDS = 0.1

SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it
# Instructions of the kernel's packet filter (linux/filter.h): code, jump if true, jump if false,
# operand. They drop packets that ask for a connection. Byte 13 of a TCP header has its flags, and 2
# is SYN (RFC 9293, 3.1).
DROP_SYN = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x45, 0, 1, 2),  # without this bit skip one instruction
    (0x06, 0, 0, 0),  # keep no byte of the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
)


def drop_new_connections(listening: socket.socket) -> None:
    """Let the kernel ignore who asks for a connection; handshakes under way still end. Who was
    ignored asks again after a second, and is refused if the port is closed by then. Linux only."""
    if sys.platform != "linux":
        return
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in DROP_SYN)
    program = ctypes.create_string_buffer(packed, len(packed))
    described = struct.pack("HP", len(DROP_SYN), ctypes.addressof(program))
    listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept what has connected, close the port, let requests arrive, and end as uvicorn does:
        it waits for the answers."""
        listeners = sockets or []
        for listening in listeners:
            drop_new_connections(listening)
        await _turns(HANDSHAKE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_SECONDS):
                await _until_accepted(listeners)
        for server in self.servers:
            server.close()
        for listening in listeners:
            listening.close()
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


def main() -> None:
    """Serve until SIGTERM. Exit code 3 where the app cannot start, or not at this port."""
    config = uvicorn.Config(
        asgi.application,
        host=os.environ.get("BIND") or "127.0.0.1",
        port=int(os.environ.get("PORT") or "8000"),
        lifespan="on",
        log_config=None,  # as in the settings
        access_log=False,  # queries have one-time secrets
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    Server(config).run(sockets=[config.bind_socket()])


if __name__ == "__main__":
    main()
