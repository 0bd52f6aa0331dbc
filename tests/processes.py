"""The app as operators run it: separate processes with their own environment and database."""

import base64
import fcntl
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from tests import forking

ROOT = Path(__file__).resolve().parent.parent
MIGRATED = "TEST_MIGRATED_DATABASE"
TEST_DATABASE_URL = os.environ.get(
    "TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"
)


def environment(public_url: str, database_url: str, **more: str) -> dict[str, str]:
    """Return a complete environment: new secrets, development settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),  # noqa: S108
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        "PUBLIC_URL": public_url,
        "DATABASE_URL": database_url,
        "ALLOW_LOOPBACK_EHRS": "on",
        "SANDBOX": "on",
        "DEBUG": "off",
        **more,
    }


def manage(env: dict[str, str], *arguments: str) -> str:
    """Run a command to its end and return its output."""
    done = forking.run(env, arguments)
    assert done.returncode == 0, f"{arguments[0]}: {done.stdout}\n{done.stderr}"
    return done.stdout


def prepare(env: dict[str, str]) -> None:
    """Prepare a machine for a server."""
    file = Path(env["DATABASE_URL"].removeprefix("sqlite:///"))
    is_of_a_test = MIGRATED in os.environ  # and not of a benchmark
    if is_of_a_test and env["DATABASE_URL"].startswith("sqlite:") and not file.exists():
        copy_migrated(file)
    manage(env, "migrate", "--verbosity", "0")
    _collect_static_files()


@cache
def _collect_static_files() -> None:
    """Collect them once, always with the sandbox's: all servers of this machine share one folder,
    and some need them."""
    with static_files_to_itself():
        env = environment("http://127.0.0.1:1", "sqlite://:memory:")
        manage(env, "collectstatic", "--no-input", "--verbosity", "0")


@contextmanager
def _migrated() -> Iterator[Path]:
    """Yield the file of a migrated SQLite database, which nobody else uses meanwhile.

    It is made once in a run of the tests, because to migrate an empty database takes longer than
    most tests. `MIGRATED` says where it is or will be; all workers inherit it.
    """
    file = Path(os.environ[MIGRATED])
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            made = file.with_suffix(".made")
            env = environment("http://127.0.0.1:1", f"sqlite:///{made}")
            manage(env, "migrate", "--verbosity", "0")
            with closing(sqlite3.connect(made)) as database:
                database.execute("VACUUM INTO ?", [str(file)])
        yield file


def copy_migrated(file: Path) -> None:
    """Let this file be a migrated SQLite database with nothing in it."""
    with _migrated() as migrated:
        shutil.copy(migrated, file)


@contextmanager
def static_files_to_itself() -> Iterator[Callable[[], None]]:
    """Lock the folder of static files, so that two servers do not collect into it at once. Yields a
    function that lets the next one go on."""
    with (Path(tempfile.gettempdir()) / "smartapp-tests-static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(lock, fcntl.LOCK_UN)


def procfile(line: str) -> list[str]:
    """Return the command that runs a line of the Procfile exactly as written."""
    lines = dict(one.split(": ", 1) for one in (ROOT / "Procfile").read_text().splitlines())
    return ["bash", "-c", f"exec {lines[line]}"]


def as_the_procfile(env: dict[str, str], port: int) -> dict[str, str]:
    """Return an environment in which the Procfile finds this Python's programs, and its port."""
    path = f"{Path(sys.executable).parent}:{env['PATH']}"
    return {**env, "PATH": path, "PORT": str(port)}


@contextmanager
def running(
    env: dict[str, str], log: Path, *command: str, ready: Callable[[], bool], cwd: Path = ROOT
) -> Iterator[int]:
    """Run a server while the block runs, which begins when the server is ready. Yields its pid."""
    with log.open("ab") as output:
        program = command if command[0] == "bash" else (sys.executable, *command)
        process = subprocess.Popen(  # noqa: S603
            program, cwd=cwd, env=env, stdout=output, stderr=output
        )
        try:
            _wait(process, ready, log)
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, f"the server ended:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the server is not ready:\n{log.read_text()}"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return True
    except (urllib.error.URLError, OSError):
        return False


def is_alive(pid: int) -> bool:
    """Whether the process runs; an ended one stays listed until its parent waits for it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextmanager
def postgres_database(template: str = "template1") -> Iterator[str]:
    """Create a database on the PostgreSQL server; yield its URL."""
    name = f"smartapp_test_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(TEST_DATABASE_URL, autocommit=True) as server:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield _on_the_server(name)
        finally:
            _drop(server, name)


@contextmanager
def migrated_postgres_database() -> Iterator[str]:
    """The same with the schema: a copy of one that is migrated once in a run of the tests."""
    with _migrated() as file:
        kept = file.with_suffix(".postgres")
        if not kept.exists():
            template = f"smartapp_test_template_{secrets.token_hex(4)}"
            with psycopg.connect(TEST_DATABASE_URL, autocommit=True) as server:
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(template)))
            kept.write_text(template)
            env = environment("http://127.0.0.1:1", _on_the_server(template))
            manage(env, "migrate", "--verbosity", "0")
    with postgres_database(kept.read_text()) as url:
        yield url


def drop_migrated() -> None:
    """Drop the PostgreSQL database that was migrated in this run, if one was."""
    kept = Path(os.environ[MIGRATED]).with_suffix(".postgres")
    if kept.exists():
        with psycopg.connect(TEST_DATABASE_URL, autocommit=True) as server:
            _drop(server, kept.read_text())


def _on_the_server(name: str) -> str:
    return TEST_DATABASE_URL.rpartition("/")[0] + f"/{name}"


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
