"""One slow EHR does not slow the others: measured from outside, at a separate server (C15)."""

import asyncio
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.launches.conftest import Browser, new_browser
from tests.processes import (
    answers,
    as_the_procfile,
    environment,
    manage,
    prepare,
    procfile,
    running,
)
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR
from tests.serving import free_port

AT_ONCE = 200
SLOW_SECONDS = 8  # below the time-out: the circuit stays closed, and every slot stays taken
JWKS = "/.well-known/jwks/quick.json"


@pytest.fixture
def slow() -> Iterator[ScriptedEHR]:
    with ScriptedEHR() as scripted:
        yield scripted


@pytest.fixture
def app(ehr: ScriptedEHR, slow: ScriptedEHR, tmp_path: Path) -> Iterator[str]:
    """The app with two EHRs, one of which is about to become slow."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(url, f"sqlite:///{tmp_path / 'app.sqlite3'}", SANDBOX="off")
    prepare(env)
    for name, one in (("quick", ehr), ("slow", slow)):
        one.client_jwks_url = f"{url}/.well-known/jwks/{name}.json"
        manage(
            env, "register_ehr", one.fhir_base_url, "--name", name, "--client-id", CLIENT_ID,
            "--scope", "launch openid fhirUser patient/*.rs",
        )  # fmt: skip
    env = as_the_procfile(env, port)
    ready = f"{url}/healthz"
    with running(env, tmp_path / "log", *procfile("web"), ready=lambda: answers(ready)):
        yield url


def start(ehr: ScriptedEHR) -> str:
    return f"/launch?iss={ehr.fhir_base_url}&launch=x"


async def seconds_of(work: object) -> float:
    started = time.monotonic()
    await work  # type: ignore[misc]
    return time.monotonic() - started


async def launch(app: str, ehr: ScriptedEHR) -> None:
    async with new_browser(app) as browser:
        await browser.launch(start(ehr))


async def launches(app: str, ehr: ScriptedEHR, count: int) -> list[float]:
    return [await seconds_of(launch(app, ehr)) for _ in range(count)]


def fetches(app: str, path: str, until: threading.Event) -> list[float]:
    """Return how long each of a steady stream of requests took.

    It runs in a thread, so that the load on the test's own event loop is not measured.
    """
    took = []
    connection = HTTPConnection(urlsplit(app).netloc, timeout=10)
    while not until.is_set():
        started = time.monotonic()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        took.append(time.monotonic() - started)
        time.sleep(0.02)
    connection.close()
    return took


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def finish(browser: Browser, callback: str) -> tuple[int, float, str]:
    started = time.monotonic()
    response = await browser.get(callback)
    return response.status, time.monotonic() - started, response.headers.get("Retry-After", "")


@pytest.mark.endurance
async def test_200_launches_at_a_slow_ehr_and_another_ehrs_go_on_as_ever(
    app: str, ehr: ScriptedEHR, slow: ScriptedEHR
) -> None:
    """Waiting is bounded, and a request that finds no slot is answered with a Retry-After.

    Launches of another EHR, /healthz and the JWKS stay as fast as before.
    """
    await launches(app, slow, 1)
    usual = statistics.median(await launches(app, ehr, 10))
    slow.token_delay = SLOW_SECONDS
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(new_browser(app)) for _ in range(AT_ONCE)]
        callbacks = [await browser.to_callback(start(slow)) for browser in browsers]
        over = threading.Event()
        steady = [
            asyncio.create_task(asyncio.to_thread(fetches, app, path, over))
            for path in ("/healthz", JWKS)
        ]
        crowd = [
            asyncio.create_task(finish(browser, callback))
            for browser, callback in zip(browsers, callbacks, strict=True)
        ]
        await asyncio.sleep(1)
        meanwhile = await launches(app, ehr, 10)
        assert not all(task.done() for task in crowd), "the crowd was over before it was measured"
        finished = await asyncio.gather(*crowd)
        over.set()
        healthz, jwks = await asyncio.gather(*steady)
    statuses = Counter(status for status, _, _ in finished)
    print(  # noqa: T201 - what was measured
        f"usual {usual:.3f} s, meanwhile {statistics.median(meanwhile):.3f} s "
        f"(worst {max(meanwhile):.3f}); healthz p99 {p99(healthz):.3f} s, "
        f"JWKS p99 {p99(jwks):.3f} s; {statuses}; slowest {max(s for _, s, _ in finished):.1f} s"
    )
    # 504: from the slow EHR itself, on a machine that is slow as well.
    assert statuses.keys() <= {303, 503, 504}
    assert statuses[303] + statuses[504] >= 64
    assert statuses[303]
    assert all(retry for status, _, retry in finished if status == 503)
    assert max(seconds for _, seconds, _ in finished) < SLOW_SECONDS + 8
    # How fast it is, the benchmark `slow_ehr` tells; here, that nobody waits for the slow EHR.
    for took in (meanwhile, healthz, jwks):
        assert max(took) < SLOW_SECONDS / 2
