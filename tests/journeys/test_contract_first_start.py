"""A newcomer's folder: what the demo writes, what a second start finds, what prevents one."""

import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.demo_server import Demo
from tests.journeys.outside import Browser, ehr_launch, refusal, run
from tests.processes import ROOT, running
from tests.serving import free_port

WRITTEN = {"SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL", "SANDBOX", "ALLOW_LOOPBACK_EHRS"}
DOORS = ("clinician / sandbox", "patient / sandbox", "admin / sandbox")


@dataclass(frozen=True)
class Folder:
    """A separate checkout; its commands get only the environment variables that every shell has."""

    path: Path

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {"PYTHONUNBUFFERED": "1"}

    @property
    def dotenv(self) -> Path:
        return self.path / ".env"

    @property
    def variables(self) -> dict[str, str]:
        lines = self.dotenv.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def audit_events(self) -> int:
        with closing(sqlite3.connect(self.path / "var" / "smartapp.sqlite3")) as database:
            [count] = database.execute("SELECT count(*) FROM audit_auditevent").fetchone()
            return int(count)

    @contextmanager
    def demo(self, port: int) -> Iterator[Demo]:
        log = self.path / "demo.log"
        log.unlink(missing_ok=True)
        line = ("manage.py", "demo", "--port", str(port))
        with running(
            self.env, log, *line, cwd=self.path, ready=lambda: "Ctrl-C stops" in log.read_text()
        ):
            yield Demo(f"http://127.0.0.1:{port}", self.env, log)


def checkout(path: Path) -> Folder:
    for name in ("smartapp", "static", "templates"):
        # With what is compiled, but without what another process is just writing.
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy(ROOT / "manage.py", path)
    return Folder(path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return checkout(tmp_path)


async def test_a_second_start_finds_what_the_first_one_left(folder: Folder) -> None:
    port = free_port()
    async with Browser(f"http://127.0.0.1:{port}") as browser:
        with folder.demo(port) as demo:
            ready = await browser.get("/readyz")
            assert ready.status == 200, ready.text
            assert stat.S_IMODE(folder.dotenv.stat().st_mode) == 0o600
            assert set(folder.variables) == WRITTEN
            assert folder.variables["PUBLIC_URL"] == demo.url
            assert all(door in demo.log_text for door in DOORS), demo.log_text
            written, keys = folder.dotenv.read_text(), await browser.json("/.well-known/jwks.json")
            page = await browser.allow(ehr_launch())
            context = await browser.context(page)
        changes = folder.audit_events()
        with folder.demo(port) as demo:
            assert folder.audit_events() == changes
            assert "ERROR" not in demo.log_text, demo.log_text
            assert folder.dotenv.read_text() == written
            assert await browser.json("/.well-known/jwks.json") == keys
            assert await browser.context(page) == context
            assert (await browser.allow(ehr_launch())).status == 200
    await assert_the_same_app_on_another_port(folder)


async def assert_the_same_app_on_another_port(folder: Folder) -> None:
    """The app fetches the EHR's discovery for each launch, as its `.env` says. Commands read the
    `.env`, too, and the environment wins."""
    secrets = {**folder.variables, "PUBLIC_URL": ""}
    with folder.dotenv.open("a") as file:
        file.write("DISCOVERY_CACHE_SECONDS=0\n")
    with folder.demo(free_port()) as demo:
        assert folder.variables["PUBLIC_URL"] == demo.url
        assert {**folder.variables, "PUBLIC_URL": ""} == {
            **secrets, "DISCOVERY_CACHE_SECONDS": "0",
        }  # fmt: skip
        async with Browser(demo.url) as browser:
            for start in (ehr_launch(), "/connect/sandbox/"):
                page = await browser.allow(start)
                assert page.url.startswith(f"{demo.url}/launches/"), page.words
                assert (await browser.context(page))["patient"]
        line = "register_ehr https://ehr.invalid/fhir --name E --client-id e --slug e --json"
        elsewhere = folder.env | {"PUBLIC_URL": "https://app.example.org"}
        here, there = (
            json.loads(run(env, line, folder.path).stdout) for env in (folder.env, elsewhere)
        )
    assert here["launch_url"] == f"{demo.url}/launch"
    assert there["launch_url"] == "https://app.example.org/launch"
    assert there["keys"] == here["keys"]


def test_what_stops_a_start_is_said_in_a_sentence(folder: Folder, demo: Demo) -> None:
    port = demo.url.rpartition(":")[2]
    taken = refusal(run(folder.env, f"demo --port {port}", folder.path))
    assert f"Port {port} cannot be served on (Address already in use)" in taken
    for bad in ("0", "99999"):
        assert f"not {bad}" in refusal(run(folder.env, f"demo --port {bad}", folder.path))
    elsewhere = folder.env | {"PUBLIC_URL": "https://app.example.org"}
    assert "PUBLIC_URL" in refusal(run(elsewhere, "demo", folder.path))
