"""The sandbox in a process of its own, and strangers' apps that are registered there by command."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.outside import Browser, Page
from tests.node import node_server, node_with
from tests.processes import answers, environment, manage, prepare, running
from tests.serving import free_port

NODE = Path(__file__).parent / "node"
SECRET = "secret with : and ü, not too simple"
PLAIN_SECRET = "plainletters0123456789"
Record = dict[str, Any]


@dataclass(frozen=True)
class Sandbox:
    url: str
    env: dict[str, str]

    def register(self, *options: str) -> Record:
        """Run `sandbox_client`; return what it tells the app's developer."""
        record: Record = json.loads(manage(self.env, "sandbox_client", *options, "--json"))
        return record

    def allow(self, start: str, **person: str) -> Page:
        """Be the person: follow the links from there and say yes to everything."""

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
    serve = ("-m", "uvicorn", "smartapp.asgi:application", "--port", str(port), "--no-access-log")
    with running(env, folder / "log", *serve, ready=lambda: answers(f"{url}/healthz")):
        yield Sandbox(url, env)


@pytest.fixture(scope="session")
def node() -> str:
    return node_with(NODE, "openid-client")


@contextmanager
def node_app(node: str, settings: Record) -> Iterator[str]:
    """Run the app in node/ while the block runs; yields its origin."""
    with node_server(node, NODE / "app.mjs", settings, "/jwks.json") as origin:
        yield origin
