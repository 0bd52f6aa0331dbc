"""The sandbox in a separate process, and other people's apps, registered there by command."""

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Any
from urllib.request import urlopen

import pytest

from tests.journeys.outside import Browser, Page
from tests.node import node_server, node_with
from tests.processes import (
    answers,
    as_the_procfile,
    environment,
    manage,
    prepare,
    procfile,
    running,
)
from tests.serving import free_port

NODE = Path(__file__).parent / "node"
PYTHON = Path(__file__).parent / "python"
SECRET = "secret with : and ü, not too simple"
PLAIN_SECRET = "plainletters0123456789"
Record = dict[str, Any]


@dataclass(frozen=True)
class Sandbox:
    url: str
    env: dict[str, str]

    def register(self, *options: str) -> Record:
        """Run `sandbox_client`; return what it prints for the app's developer."""
        record: Record = json.loads(manage(self.env, "sandbox_client", *options, "--json"))
        return record

    def started(self, client_id: str) -> Record:
        """Start an EHR launch as a program does; return `iss` and `launch`."""
        address = f"{self.url}/sandbox/launch?client_id={client_id}&format=json"
        with urlopen(address) as answer:  # noqa: S310 - our own address
            record: Record = json.load(answer)
        return record

    def allow(self, start: str, **person: str) -> Page:
        """Act as the person: follow the links from there and allow everything."""

        async def walk() -> Page:
            async with Browser(self.url) as browser:
                return await browser.allow(start, **person)

        return asyncio.run(walk())


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(
        url, f"sqlite:///{folder / 'db.sqlite3'}",
        STRANGERS_SECRET=SECRET, STRANGERS_PLAIN_SECRET=PLAIN_SECRET,
    )  # fmt: skip
    prepare(env)
    serving, ready = as_the_procfile(env, port), f"{url}/healthz"
    with running(serving, folder / "log", *procfile("web"), ready=lambda: answers(ready)):
        yield Sandbox(url, env)


@pytest.fixture(scope="session")
def python() -> Path:
    """Return a separate Python with the packages of python/requirements.txt."""
    found = PYTHON / ".venv" / "bin" / "python"
    lock = os.open(PYTHON, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (PYTHON / ".venv" / "complete").exists():
            make = [
                sys.executable, "-m", "venv", "--clear", "--without-pip", str(PYTHON / ".venv"),
            ]  # fmt: skip
            # The file names every package: nothing to resolve. Few of their modules are used, so
            # all need not be compiled.
            install = [
                sys.executable, "-m", "pip", "--python", str(found), "install", "-q",
                "--disable-pip-version-check", "--no-deps", "--no-compile",
                "--require-hashes", "-r", str(PYTHON / "requirements.txt"),
            ]  # fmt: skip
            run(make, check=True)  # noqa: S603
            run(install, check=True, timeout=600)  # noqa: S603
            (PYTHON / ".venv" / "complete").touch()
    finally:
        os.close(lock)
    return found


@pytest.fixture(scope="session")
def node() -> str:
    return node_with(NODE, "openid-client")


@contextmanager
def node_app(node: str, settings: Record, script: str = "app.mjs") -> Iterator[str]:
    """Run an app of node/ while the block runs; yields its origin."""
    with node_server(node, NODE / script, settings, "/jwks.json") as origin:
        yield origin


def registered(sandbox: Sandbox, client_id: str, *options: str, **more: Any) -> Record:
    """Register an app at the addresses where it will run; return its settings."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    has_secret = any(one.startswith("--client-secret-env") for one in options)
    if not has_secret and "--kind=public" not in options:
        options = (*options, f"--jwks-url={origin}/jwks.json")
    if "--kind=service" not in options:
        options = (
            *options, f"--redirect-uri={origin}/callback", f"--launch-url={origin}/launch",
        )  # fmt: skip
    record = sandbox.register(client_id, *options)
    return {**record, "port": port, **more}
