"""The page of the longest record: when it is seen, what it costs, in this build and an earlier one.

Chromium looks at it while every read of the EHR takes seconds; the CPU is that of the server.
"""

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
from aiohttp import web
from playwright.async_api import Browser, async_playwright

from benchmarks.browsing import browser, by_turns, follow
from benchmarks.earlier import EARLIER_COMMIT, checkout
from benchmarks.ehr import SCOPE, BenchmarkEHR
from benchmarks.measuring import (
    Target,
    cpu_seconds,
    median_ratio,
    print_table,
    print_targets,
    ratio,
    spread,
)
from smartapp.sandbox.fhir.store import Record, store
from tests.processes import ROOT, answers, environment, running
from tests.scripted_ehr import CLIENT_ID, fhir_json
from tests.serving import free_port

# The scopes that both builds request.
READS = f"{SCOPE} patient/Immunization.rs patient/Encounter.rs"
ROUNDS = 7
PAGES_A_ROUND = 4
LOOKS = 3  # of Chromium at each build
AT_ONCE = 30
# Each read takes as long while Chromium looks, and while many look at once. All are begun at once,
# and none of this record waits for another: they are the slowest chain too.
READ_SECONDS = 5.0
# Added to every request of Chromium: what is late by it waited for a round trip to the app.
ROUND_TRIP_SECONDS = 1.0
AS_A_BROWSER = {"Sec-Fetch-Dest": "document", "Accept-Encoding": "gzip"}


class RecordEHR(BenchmarkEHR):
    """An EHR that serves the longest record of the sandbox."""

    def __init__(self) -> None:
        super().__init__()
        self.patient = _longest()
        self.fhir_answer = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        resource_type, _, id = request.match_info["path"].partition("/")
        if any(":" in name for name in request.query):
            return web.Response(status=400)  # no modifiers (FHIR R4, Search)
        if id:
            found = store().find(resource_type, id)
            return fhir_json(found.resource) if found else web.Response(status=404)
        wanted = request.query.get("category", "")
        return web.Response(
            body=_bundle(self.patient, resource_type, wanted), content_type="application/fhir+json"
        )


@cache
def _bundle(patient: str, resource_type: str, category: str) -> bytes:
    wanted = category.split(",")
    entries = [
        {"resource": record.resource}
        for record in store().of_patient(resource_type, patient)
        if wanted == [""] or _is_of(record, wanted)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode()


def _is_of(record: Record, wanted: list[str]) -> bool:
    return not record.tokens.get("category", frozenset()).isdisjoint(wanted)


def _longest() -> str:
    patients = [record.id for record in store().by_type["Patient"]]
    return max(patients, key=lambda patient: len(store().of_patient("Observation", patient)))


@dataclass(frozen=True)
class Seen:
    """When Chromium had painted something, the patient's name, and everything; in seconds after it
    was sent to the page."""

    painted: float
    identity: float
    complete: float


@dataclass
class Build:
    name: str
    url: str
    pid: int
    ehr: RecordEHR
    seen: list[Seen] = field(default_factory=list)
    at_once: float = 0.0
    round_trips: float = 0.0
    cpu_ms: list[float] = field(default_factory=list)
    kilobytes: float = 0.0


def run(folder: Path, _: str) -> None:
    with ExitStack() as stack:
        earlier = stack.enter_context(checkout(folder))
        builds = [
            stack.enter_context(_build("this build", ROOT, folder)),
            stack.enter_context(_build(EARLIER_COMMIT, earlier, folder)),
        ]
        asyncio.run(_measure(builds))
    print_table(
        f"The page of {len(store().of_patient('Observation', builds[0].ehr.patient)):,} "
        f"observations; each read of the EHR takes {READ_SECONDS:g} s, for CPU and kB nothing",
        ("", "round trips until the first paint", "name seen, s", "complete, s",
         f"last of {AT_ONCE} at once, s", "server CPU, ms", f"to {EARLIER_COMMIT}", "kB sent"),
        [
            (
                one.name,
                f"{one.round_trips:.1f}",
                spread([seen.identity for seen in one.seen]),
                spread([seen.complete for seen in one.seen]),
                f"{one.at_once:.1f}",
                spread(one.cpu_ms),
                ratio(one.cpu_ms, builds[1].cpu_ms),
                f"{one.kilobytes:.0f}",
            )
            for one in builds
        ],
    )  # fmt: skip
    print_targets("sqlite", _targets(*builds))


def _targets(ours: Build, earlier: Build) -> Sequence[Target]:
    identity = statistics.median(one.identity for one in ours.seen) / READ_SECONDS
    complete = statistics.median(one.complete for one in ours.seen) / READ_SECONDS
    at_once, cpu = ours.at_once / READ_SECONDS, median_ratio(ours.cpu_ms, earlier.cpu_ms)
    trips, kilobytes = ours.round_trips, ours.kilobytes
    return [
        Target("S1", "round trips until the first paint", f"{trips:.2f}", 1.1, trips),
        Target("S2", "the name to the read of it", f"{identity:.2f} x", 1.1, identity),
        Target("S3", "complete to the slowest chain of reads", f"{complete:.2f} x", 1.1, complete),
        Target("S4", f"the last of {AT_ONCE} at once to that", f"{at_once:.2f} x", 1.5, at_once),
        Target("S5", f"server CPU against {EARLIER_COMMIT}", f"{cpu:.2f} x", 0.5, cpu),
        Target("S6", "kB sent", f"{kilobytes:.0f}", 60, kilobytes),
    ]


async def _measure(builds: Sequence[Build]) -> None:
    for number in range(ROUNDS + 1):
        for build in builds:
            spent = [await _spent(build) for _ in range(PAGES_A_ROUND)]
            if number:  # the first fills caches
                build.cpu_ms.append(statistics.mean(spent) * 1000)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for _ in range(LOOKS):
            for build in builds:
                build.seen.append(await _look(chromium, build, READ_SECONDS))
        for build in builds:
            build.round_trips = await _round_trips(chromium, build)
        await chromium.close()
    for build in builds:
        build.at_once = await _many(build)


async def _spent(build: Build) -> float:
    """Return the CPU seconds of the server for one page. Each page is of a launch of its own: a
    build may keep what it has just read for the next load."""
    build.ehr.read_delay = 0.0
    async with browser() as http:
        page = await follow(http, build.ehr.launch_url(build.url), hops=3)
        before = cpu_seconds(build.pid)
        build.kilobytes = await _loaded(http, page) / 1000
        return cpu_seconds(build.pid) - before


async def _loaded(http: aiohttp.ClientSession, page: str) -> int:
    """Load the page as a browser does and return how many bytes were sent."""
    async with http.get(page, headers=AS_A_BROWSER, auto_decompress=False) as response:
        assert response.status == 200
        return len(await response.read())


async def _many(build: Build) -> float:
    """Return the seconds until the last of many browsers has its page."""
    build.ehr.read_delay = 0.0
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser()) for _ in range(AT_ONCE)]
        pages = [await follow(one, build.ehr.launch_url(build.url), hops=3) for one in browsers]
        build.ehr.read_delay = READ_SECONDS
        loads = [partial(_loaded, *one) for one in zip(browsers, pages, strict=True)]
        _, seconds = await by_turns(loads, AT_ONCE)
    return seconds


async def _round_trips(chromium: Browser, build: Build) -> float:
    """Return for how many round trips to the app the first paint waits, whatever the EHR does: by
    how much a slow EHR and a long way to the app make it later, in round trips."""
    quick = await _look(chromium, build, 0.0)
    slow = await _look(chromium, build, READ_SECONDS, latency=ROUND_TRIP_SECONDS)
    return (slow.painted - quick.painted) / ROUND_TRIP_SECONDS


async def _look(chromium: Browser, build: Build, reads: float, latency: float = 0.0) -> Seen:
    """Launch, with the style sheet at hand from the start page, and look at the launch's page."""
    build.ehr.read_delay = 0.0
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(build.url)
    url = build.ehr.launch_url(build.url)
    for _ in range(3):
        response = await context.request.get(url, max_redirects=0)
        url = urljoin(response.url, response.headers["location"])
    network = await context.new_cdp_session(page)
    await network.send("Network.enable")
    await network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": latency * 1000, "downloadThroughput": -1,
         "uploadThroughput": -1},
    )  # fmt: skip
    build.ehr.read_delay = reads
    began = time.perf_counter()
    await page.goto(url, wait_until="commit")
    names = "name => document.body && document.body.innerText.includes(name)"
    await page.wait_for_function(names, arg=_family(build.ehr.patient))
    identity = time.perf_counter() - began
    await page.wait_for_load_state()
    times = (
        "() => performance.getEntriesByName('first-contentful-paint').map("
        "one => [one.startTime, performance.getEntriesByType('navigation')[0].loadEventStart])[0]"
    )
    painted, complete = await (await page.wait_for_function(times)).json_value()
    await context.close()
    return Seen(painted / 1000, identity, complete / 1000)


def _family(patient: str) -> str:
    found = store().find("Patient", patient)
    assert found
    return str(found.resource["name"][0]["family"])


@contextmanager
def _build(name: str, root: Path, folder: Path) -> Iterator[Build]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with RecordEHR() as ehr:
        env = environment(url, f"sqlite:///{folder / name}.sqlite3", SANDBOX="off")
        for arguments in (
            ("migrate", "--verbosity", "0"),
            ("collectstatic", "--noinput", "--verbosity", "0"),
            ("register_ehr", ehr.fhir_base_url, "--name", "EHR", "--slug", "ehr-0",
             "--client-id", CLIENT_ID, "--scope", READS),
        ):  # fmt: skip
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, cwd=root, env=env, check=True, capture_output=True)  # noqa: S603
        ehr.client_jwks_url = f"{url}/.well-known/jwks/ehr-0.json"
        serve = ("-m", "uvicorn", "smartapp.asgi:application", "--port", str(port),
                 "--no-access-log")  # fmt: skip
        log = folder / f"{name}.log"
        with running(env, log, *serve, ready=partial(answers, f"{url}/healthz"), cwd=root) as pid:
            yield Build(name, url, pid, ehr)
