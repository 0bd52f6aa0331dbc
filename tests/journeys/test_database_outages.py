"""What people see while PostgreSQL is unreachable, in each way in which networks fail.

The app answers within seconds, and works again when the database is back. Measured from outside, at
a separate server.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.launches.conftest import Browser, new_browser
from tests.postgres_proxy import Mode, PostgresProxy, postgres_proxy
from tests.processes import (
    answers,
    as_the_procfile,
    environment,
    is_alive,
    manage,
    migrated_postgres_database,
    prepare,
    procfile,
    running,
)
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR
from tests.serving import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.endurance]

GIVEN_UP_SECONDS = 12  # 5 for a statement, 1 for its cancellation, 5 for a new connection
EHR_FRAME = "https://ehr.example"


@dataclass
class App:
    url: str
    pid: int
    log: Path
    proxy: PostgresProxy
    database_url: str
    launch: str


@pytest.fixture
def app(ehr: ScriptedEHR, tmp_path: Path) -> Iterator[App]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    ehr.client_jwks_url = f"{url}/.well-known/jwks/scripted.json"
    log = tmp_path / "log"
    with (
        migrated_postgres_database() as database_url,
        postgres_proxy(database_url) as (proxy, through),
    ):
        env = environment(url, through, SANDBOX="off")
        prepare(env)
        manage(
            env, "register_ehr", ehr.fhir_base_url, "--name", "Scripted", "--client-id", CLIENT_ID,
            "--slug", "scripted", "--scope", "launch openid fhirUser patient/*.rs",
            "--frame-ancestor", EHR_FRAME,
        )  # fmt: skip
        env = as_the_procfile(env, port)
        with running(env, log, *procfile("web"), ready=lambda: answers(f"{url}/readyz")) as pid:
            launch = f"/launch?iss={ehr.fhir_base_url}&launch=x"
            yield App(url, pid, log, proxy, database_url, launch)
            proxy.mode = "ok"


@asynccontextmanager
async def browsing(app: App) -> AsyncIterator[Browser]:
    async with new_browser(app.url) as browser:
        yield browser


async def eventually(browser: Browser, path: str, status: int, within: float) -> float:
    """Return after how many seconds the address answers with this status."""
    began = time.monotonic()
    while (await browser.get(path)).status != status:
        assert time.monotonic() - began < within, f"{path} is not {status} after {within} s"
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def timed(browser: Browser, path: str) -> tuple[aiohttp.ClientResponse, float]:
    began = time.monotonic()
    answer = await browser.get(path, headers={"Sec-Fetch-Dest": "iframe"})
    return answer, time.monotonic() - began


@pytest.mark.parametrize("mode", ["refuse", "blackhole", "deadold"])
async def test_everybody_has_an_answer_and_everything_comes_back(app: App, mode: Mode) -> None:
    async with browsing(app) as browser:
        uuid = await browser.launch(app.launch)
        app.proxy.mode = mode
        launches = [timed(browser, f"/launches/{uuid}/") for _ in range(12)]
        public = [timed(browser, path) for path in ("/healthz", "/.well-known/jwks/scripted.json")]
        asked = await asyncio.gather(*launches)
        for answer, seconds in asked:
            assert seconds < GIVEN_UP_SECONDS
            assert answer.status in ((200, 503) if mode == "deadold" else (503,))
            if answer.status == 503:
                assert answer.headers["Retry-After"]
                assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
                assert "X-Frame-Options" not in answer.headers
        assert any(answer.status == 503 for answer, _ in asked)
        for answer, seconds in await asyncio.gather(*public):
            assert (answer.status, seconds < 1) == (200, True)
        if mode != "deadold":
            await eventually(browser, "/readyz", 503, within=8)
            app.proxy.mode = "ok"
        assert await eventually(browser, "/readyz", 200, within=15) < 15
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        await browser.launch(app.launch)
    assert "Traceback" not in app.log.read_text()


async def test_a_table_that_is_locked_is_told_and_not_waited_for(app: App) -> None:
    async with browsing(app) as browser:
        callback = await browser.to_callback(app.launch)
        with psycopg.connect(app.database_url) as other:
            other.execute("LOCK TABLE launches_launch")
            answer, seconds = await timed(browser, callback)
            assert (answer.status, seconds < 9) == (503, True)
            await eventually(browser, "/readyz", 503, within=8)
            other.rollback()
        await eventually(browser, "/readyz", 200, within=8)
        # Nothing was consumed: the same answer of the EHR is still accepted.
        assert (await browser.get(callback)).status == 303


@pytest.mark.parametrize("mode", ["ok", "blackhole"])
async def test_ends_within_thirty_seconds(app: App, mode: Mode) -> None:
    async with browsing(app) as browser:
        uuid = await browser.launch(app.launch)
        app.proxy.mode = mode
        asking = [asyncio.create_task(timed(browser, f"/launches/{uuid}/")) for _ in range(8)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        os.kill(app.pid, signal.SIGTERM)
        while answers(f"{app.url}/healthz") or is_alive(app.pid):
            assert time.monotonic() - began < 30
            await asyncio.sleep(0.1)
        await asyncio.gather(*asking, return_exceptions=True)
    assert "Application shutdown complete" in app.log.read_text()
