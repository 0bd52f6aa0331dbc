"""No room on the disk that holds the database and the log: nothing is lost, everybody is told, and
everything comes back. tests/reliability does the same to PostgreSQL."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.launches.conftest import Browser, new_browser, refreshes
from tests.processes import (
    ROOT,
    answers,
    as_the_procfile,
    environment,
    manage,
    prepare,
    procfile,
    running,
)
from tests.reliability.services import Disk, folder_for_all
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR
from tests.serving import free_port

SCOPE = "launch openid fhirUser offline_access patient/*.rs"


@dataclass
class App:
    url: str
    env: dict[str, str]
    disk: Disk
    database: Path
    log: Path
    launch: str


@pytest.fixture
def app(ehr: ScriptedEHR) -> Iterator[App]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    ehr.client_jwks_url = f"{url}/.well-known/jwks/scripted.json"
    ehr.expires_in = 0  # so that each page needs a refresh
    with folder_for_all() as folder:
        disk = Disk(folder, megabytes=8)
        if not disk.is_small:
            pytest.skip("a file system for the test cannot be mounted here")
        database, log = folder / "app.sqlite3", folder / "log"
        try:
            env = environment(url, f"sqlite:///{database}", SANDBOX="off")
            prepare(env)
            manage(
                env, "register_ehr", ehr.fhir_base_url, "--name", "Scripted", "--slug", "scripted",
                "--client-id", CLIENT_ID, "--scope", SCOPE,
            )  # fmt: skip
            serving = as_the_procfile(env, port)
            with running(serving, log, *procfile("web"), ready=lambda: answers(f"{url}/readyz")):
                launch = f"/launch?iss={ehr.fhir_base_url}&launch=x"
                yield App(url, env, disk, database, log, launch)
        finally:
            disk.remove()


@pytest.mark.endurance
async def test_nothing_is_lost_and_everything_comes_back(app: App, ehr: ScriptedEHR) -> None:
    async with new_browser(app.url) as browser, new_browser(app.url) as other:
        open_page = f"/launches/{await browser.launch(app.launch)}/"
        callback = await other.to_callback(app.launch)
        app.disk.fill()
        sent = len(ehr.token_requests)
        for one, path in ((browser, open_page), (other, callback)):
            answer = await one.get(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "Its own database does not answer, or has no room." in await answer.text()
        assert len(ehr.token_requests) == sent  # no token and no code was used up for nothing
        await asyncio.sleep(1.1)  # for as long as an answer of /readyz is good
        assert await readiness(browser) == (503, ["database"])
        for path in ("/healthz", "/.well-known/jwks/scripted.json"):
            assert (await browser.get(path)).status == 200
        assert maintain(app) == 1

        app.disk.empty()
        await asyncio.sleep(1.1)
        assert await readiness(browser) == (200, [])
        assert (await browser.get(open_page)).status == 200
        assert (await other.get(callback)).status == 303
        assert maintain(app) == 0
    used = [one["refresh_token"] for one in refreshes(ehr)]
    assert len(used) == len(set(used)) >= 1
    with closing(sqlite3.connect(app.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "Traceback" not in app.log.read_text()


async def readiness(browser: Browser) -> tuple[int, list[str]]:
    answer = await browser.get("/readyz")
    return answer.status, json.loads(await answer.text())["missing"]


def maintain(app: App) -> int:
    with app.log.open("ab") as log:
        done = subprocess.run(
            [sys.executable, "manage.py", "maintain"], cwd=ROOT, env=app.env, stdout=log,
            stderr=log, check=False, timeout=60,
        )  # fmt: skip
    return done.returncode
