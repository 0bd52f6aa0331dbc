"""A server that ends answers whoever has reached it, and refuses the others: a proxy asks the next
one for those, also with a form."""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from smartapp.serve import refuse_new_connections
from tests.processes import (
    ROOT,
    answers,
    as_the_procfile,
    environment,
    prepare,
    procfile,
    running,
)
from tests.reliability.house import Process
from tests.reliability.services import caddy, caddy_version, folder_for_all, nginx
from tests.serving import free_port

HERE = "127.0.0.1"
AT_ONCE = 16
RESTARTS_OF_EACH = 5


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    port = free_port()
    env = environment(f"http://{HERE}:{port}", f"sqlite:///{tmp_path / 'app.sqlite3'}")
    prepare(env)
    return as_the_procfile(env, port)


@contextlib.contextmanager
def server(env: dict[str, str], tmp_path: Path) -> Iterator[tuple[int, tuple[str, int]]]:
    """Yield its process and address."""
    ready = f"http://{HERE}:{env['PORT']}/healthz"
    with running(env, tmp_path / "log", *procfile("web"), ready=lambda: answers(ready)) as process:
        yield process, (HERE, int(env["PORT"]))


def form(address: tuple[str, int]) -> bytes:
    return (
        f"POST /launches/{uuid4()}/end/ HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
        "Content-Length: 3\r\nConnection: close\r\n\r\na=b"
    ).encode()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_who_has_connected_is_answered(
    env: dict[str, str], tmp_path: Path, ending: signal.Signals
) -> None:
    env |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    with contextlib.ExitStack() as stack:
        systemd = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        systemd.bind(env["NOTIFY_SOCKET"])
        process, address = stack.enter_context(server(env, tmp_path))
        assert systemd.recv(100) == b"WATCHDOG=1"
        os.kill(process, signal.SIGSTOP)
        # The kernel takes them; nobody has accepted them yet.
        visitors = [
            stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(20)
        ]
        for visitor in visitors[::2]:
            visitor.sendall(form(address))
        os.kill(process, ending)
        os.kill(process, signal.SIGCONT)
        time.sleep(0.4)
        for visitor in visitors[1::2]:
            visitor.sendall(form(address))
        for visitor in visitors:
            assert visitor.recv(100).startswith(b"HTTP/1.1 404 ")


def test_who_comes_while_it_ends_is_answered_or_refused(
    env: dict[str, str], tmp_path: Path
) -> None:
    def visit_until_refused(address: tuple[str, int]) -> int:
        for answered in range(100_000):
            try:
                visitor = socket.create_connection(address, timeout=20)
            except ConnectionRefusedError:
                return answered
            with visitor:
                visitor.sendall(form(address))
                assert visitor.recv(100).startswith(b"HTTP/1.1 404 ")
        raise AssertionError("it does not end")

    with server(env, tmp_path) as (process, address), ThreadPoolExecutor(AT_ONCE) as threads:
        visits = [threads.submit(visit_until_refused, address) for _ in range(AT_ONCE)]
        time.sleep(1)
        os.kill(process, signal.SIGTERM)
        assert all(one.result() for one in visits)


def test_more_may_wait_than_the_soft_limit_of_files(env: dict[str, str], tmp_path: Path) -> None:
    [_, _, serve] = procfile("web")
    command, ready = (
        ("bash", "-c", f"ulimit -Sn 100; {serve}"),
        f"http://{HERE}:{env['PORT']}/healthz",
    )
    address = HERE, int(env["PORT"])
    with (
        running(env, tmp_path / "log", *command, ready=lambda: answers(ready)),
        contextlib.ExitStack() as stack,
    ):
        visitors = [
            stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(300)
        ]
        for visitor in visitors:
            visitor.sendall(form(address))
        for visitor in visitors:
            assert visitor.recv(100).startswith(b"HTTP/1.1 404 ")


def _refuses_as_nobody() -> bool:
    with socket.create_server((HERE, 0)) as listening, socket.socket() as late:
        address = listening.getsockname()
        with socket.create_connection(address) as waiting:
            if os.getuid() == 0:
                os.setuid(65534)
            refuse_new_connections(listening)
            is_refused = late.connect_ex(address) == errno.ECONNREFUSED
            accepted, _ = listening.accept()
            with accepted:
                accepted.sendall(b"a")
                return is_refused and waiting.recv(1) == b"a"


def test_it_takes_no_privilege_to_refuse_who_comes() -> None:
    """The units and the containers leave none."""
    child = os.fork()
    if not child:
        code = 1
        with contextlib.suppress(BaseException):
            code = int(not _refuses_as_nobody())
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.endurance
@pytest.mark.timeout(300)
@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
async def test_restarts_of_one_server_after_the_other_are_not_noticed(
    env: dict[str, str], tmp_path: Path, proxy: str
) -> None:
    """By who reads pages and sends forms through the proxy's file in deploy/."""
    if not shutil.which(proxy) or (proxy == "caddy" and caddy_version() < (2, 11, 2)):
        pytest.skip(f"no {proxy}, or one that asks no other server with a form")
    ports, front = [free_port(), free_port()], int(env["PORT"])
    servers = [
        Process("web", {**env, "PORT": str(at)}, tmp_path / "log", f"http://{HERE}:{at}/readyz")
        for at in ports
    ]
    through = {"nginx": nginx, "caddy": caddy}[proxy]
    found: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for one in servers:
            one.start()
            stack.callback(one.end)
        for one in servers:
            one.wait()
        folder = stack.enter_context(folder_for_all())
        stack.enter_context(through(folder, front, ports))
        visits = [
            asyncio.create_task(_visit_for_ever(f"http://{HERE}:{front}", method, found))
            for method in ("GET", "POST")
            for _ in range(AT_ONCE // 2)
        ]
        for one in servers * RESTARTS_OF_EACH:
            await asyncio.to_thread(one.terminate)
            one.start()
            await asyncio.to_thread(one.wait)
        for visit in visits:
            visit.cancel()
    assert set(found) == {"GET 404", "POST 404"}, found


async def _visit_for_ever(url: str, method: str, found: Counter[str]) -> None:
    async with aiohttp.ClientSession(url) as browser:
        while True:
            page = f"/launches/{uuid4()}/"
            request = (
                browser.get(page)
                if method == "GET"
                else browser.post(f"{page}end/", data={"a": "b"})
            )
            try:
                async with request as answer:
                    await answer.read()
                    found[f"{method} {answer.status}"] += 1
            except aiohttp.ClientError as error:
                found[f"{method} {error!r}"] += 1


def test_its_variables_may_stand_in_the_file_with_the_others(
    env: dict[str, str], tmp_path: Path
) -> None:
    """Where the units' processes have them from. uvicorn looks at the environment alone."""
    shutil.copytree(ROOT / "smartapp", tmp_path / "smartapp")
    written = env | {"BIND": "127.0.0.2", "FORWARDED_ALLOW_IPS": "192.0.2.7"}
    (tmp_path / ".env").write_text("".join(f"{name}={it}\n" for name, it in written.items()))
    show = (
        "from smartapp import serve\n"
        "serve.Server.run = lambda self, sockets: print(sockets[0].getsockname(),"
        " self.config.forwarded_allow_ips)\n"
        "serve.main()\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", show], cwd=tmp_path, env={"PATH": env["PATH"]}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == f"('127.0.0.2', {env['PORT']}) 192.0.2.7\n"
