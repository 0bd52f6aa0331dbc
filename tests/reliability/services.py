"""PostgreSQL, Redis and nginx of a test's own: it kills them."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from tests.processes import ROOT
from tests.serving import free_port

PATIENCE_SECONDS = 60


def missing() -> str:
    """Return what a house needs and this machine has not, or nothing."""
    here = {name: bool(shutil.which(name)) for name in ("nginx", "redis-server")}
    here["PostgreSQL's initdb"] = any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return ", ".join(name for name, is_here in here.items() if not is_here)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nothing answers on port {port}"
        time.sleep(0.05)


class Disk:
    """A small file system on a folder, where this machine allows to mount one; else the folder is
    on the machine's own disk, which is not to be filled."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder, self._filler = folder, folder / "filler"
        size = f"size={megabytes}m"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
        is_root = os.getuid() == 0
        self.is_small = is_root and not subprocess.run(mount, capture_output=True).returncode  # noqa: S603

    def fill(self) -> None:
        """Leave no room."""
        assert self.is_small
        with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(2**16))

    def empty(self) -> None:
        self._filler.unlink(missing_ok=True)

    def remove(self) -> None:
        if self.is_small:
            subprocess.run(["umount", "--lazy", self._folder], check=True)  # noqa: S603, S607


class PostgreSQL:
    """A cluster in a folder of its own. It runs as the user `postgres` where we are root, whom it
    would refuse."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._data, self._log = folder / "postgresql", folder / "postgresql.log"
        self._bin = next(Path("/usr/lib/postgresql").glob("*/bin/initdb")).parent
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(folder, "postgres")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync")
        # Nothing is lost by it when processes are killed; only when the machine is.
        options = (
            f"port={self.port}\nfsync=off\nunix_socket_directories=''\nmax_connections=200\n"
            "max_wal_size=64MB\nmin_wal_size=32MB\n"
        )
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(options)
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._as, str(self._bin / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-w", "-t", "60", "start")

    def is_running(self) -> bool:
        """Whether its first process is there, whatever it does."""
        try:
            pid = (self._data / "postmaster.pid").read_text().split()[0]
        except FileNotFoundError:
            return False
        return Path(f"/proc/{pid}").exists()

    def kill(self) -> None:
        """kill -9 of all of its processes, and no more of it."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(Path(f"/proc/{one}").exists() for one in (str(pid), *children)):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)


class Redis:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)


@contextlib.contextmanager
def nginx(folder: Path, port: int, upstreams: Sequence[int]) -> Iterator[Path]:
    """Run nginx with the file of deploy/, but for names, ports and TLS; yields its log."""
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    log = folder / "smartapp.log"
    redirect = site.index("server {\n    listen 80;")
    site = site[:redirect] + site[site.index("server {\n    listen 443 ssl;") :]
    lines = [line for line in site.splitlines() if "ssl_" not in line]
    site = "\n".join(lines).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    [(servers, one)] = re.findall(r"((?:    server 127\.0\.0\.1:\d+( .*;)\n)+)", site)
    ours = "".join(f"    server 127.0.0.1:{at}{one}\n" for at in upstreams)
    site = site.replace(servers, ours)
    site = site.replace("/var/log/nginx", str(folder)).replace("$host;", "$http_host;")
    user = "user root;\n" if os.getuid() == 0 else ""
    whole = folder / "nginx.conf"
    whole.write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\n{site}\n}}\n"
    )
    command = ["nginx", "-c", str(whole), "-p", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        wait_for_port(port)
        yield log
    finally:
        process.terminate()
        process.wait(20)


def caddy_version() -> tuple[int, ...]:
    """Return its numbers; () where it does not say."""
    done = subprocess.run(["caddy", "version"], capture_output=True, text=True, check=True)  # noqa: S607
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else ()


@contextlib.contextmanager
def caddy(folder: Path, port: int, upstreams: Sequence[int]) -> Iterator[None]:
    """Run Caddy with the file of deploy/, but for names, ports and TLS."""
    site = (ROOT / "deploy" / "Caddyfile").read_text()
    ours = " ".join(f"127.0.0.1:{at}" for at in upstreams)
    site = site.replace("web1:8000 web2:8000", ours)
    whole = folder / "Caddyfile"
    whole.write_text(site.replace("{\n", "{\n\tadmin off\n", 1))
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(whole)]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "SITE": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        wait_for_port(port)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def folder_for_all() -> Iterator[Path]:
    """Yield a folder that other users may enter, as pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="smartapp-reliability-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def pgbouncer(folder: Path, postgres: PostgreSQL) -> Iterator[str]:
    """Run PgBouncer in transaction mode, with fewer connections than the app has threads; yields
    the database's URL through it."""
    port = free_port()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={postgres.port} user=postgres\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
    )
    as_somebody = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    process = subprocess.Popen(  # noqa: S603
        [*as_somebody, "pgbouncer", str(settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield postgres.url.replace(f":{postgres.port}/", f":{port}/")
    finally:
        process.terminate()
        process.wait(20)
