"""A TCP proxy in front of PostgreSQL that fails like networks do.

ok         everything passes
refuse     the port is closed, and so are open connections: a server that was stopped
blackhole  connections are accepted, but nothing passes: packets are lost
deadold    open connections stay open and silent, their server is gone, and new connections
           work: a failover without notice
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["ok", "refuse", "blackhole", "deadold"]
CHUNK = 65_536


class PostgresProxy:
    """Listens on `port`. Setting `mode` changes the behaviour from then on."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._lock = threading.Lock()
        self._open: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        self._mode: Mode = "ok"
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        before, self._mode = self._mode, mode
        with self._lock:
            pairs = list(self._open)
        for client, server, silent in pairs:
            if mode in {"blackhole", "deadold"}:
                silent.set()
            if mode == "deadold":
                _close(server)
            elif mode == "refuse":
                _close(client, server)
        if mode == "refuse":
            _close(self._listener)
        elif before == "refuse":
            self._listener = self._listen(self.port)

    def close(self) -> None:
        self.mode = "refuse"

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._upstream)
        except OSError:  # it is away
            _close(client)
            return
        silent = threading.Event()
        if self._mode == "blackhole":
            silent.set()
        with self._lock:
            self._open.append((client, server, silent))
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=(source, target, silent), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, silent: threading.Event) -> None:
    """Pass data on; swallow it once the connection is silent. The other side still acknowledges it,
    like a proxy or a firewall in between."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            if not silent.is_set():
                target.sendall(data)
    if not silent.is_set():
        _close(source, target)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextlib.contextmanager
def postgres_proxy(database_url: str) -> Iterator[tuple[PostgresProxy, str]]:
    """Yield a proxy in front of that database, and the database's URL through it."""
    parts = urlsplit(database_url)
    proxy = PostgresProxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    user = parts.netloc.rpartition("@")[0]
    through = parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}").geturl()
    try:
        yield proxy, through
    finally:
        proxy.close()
