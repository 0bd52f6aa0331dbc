"""One EHR is slow and many launches wait for it: the effect on other launches and on health
probes."""

import asyncio
import threading
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from benchmarks.apps import AUTHLIB, SMARTAPP, App, apps
from benchmarks.browsing import browser, follow
from benchmarks.measuring import print_table

ROUNDS = 3
AT_ONCE = 200
SLOW_SECONDS = 8
NEIGHBOURS = 10  # launches at the other EHR meanwhile, one after the other
MEASURED_SECONDS = 6  # the part of the waiting time that is measured
PROBE_SECONDS = 5  # the longest that a load balancer's probe may wait
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Round:
    healthz: list[float]
    jwks: list[float]
    neighbours: list[float]
    crowd: Counter[str]


def probe(url: str, until: threading.Event) -> list[float]:
    """Return how long each of a steady stream of requests took, infinity for no answer. It runs in
    a thread, so that the load's own event loop is not measured."""
    parts, took = urlsplit(url), []
    while not until.is_set():
        connection = HTTPConnection(parts.netloc, timeout=PROBE_SECONDS)
        started = time.perf_counter()
        try:
            connection.request("GET", parts.path)
            connection.getresponse().read()
            took.append(time.perf_counter() - started)
        except (OSError, HTTPException):
            took.append(float("inf"))
        connection.close()
        time.sleep(PAUSE_SECONDS)
    return took


async def _neighbours(app: App, until: float) -> list[float]:
    """Launch at the fast EHR repeatedly; a launch that is not over at `until` counts as
    infinite."""
    took: list[float] = []
    while len(took) < NEIGHBOURS and (left := until - time.perf_counter()) > 0:
        started = time.perf_counter()
        async with browser() as http:
            try:
                await asyncio.wait_for(follow(http, app.ehrs[1].launch_url(app.url), 3), left)
                took.append(time.perf_counter() - started)
            except TimeoutError:
                took.append(float("inf"))
    return took


async def _finish(http: aiohttp.ClientSession, callback: str) -> str:
    try:
        await follow(http, callback, hops=1)
    except (AssertionError, aiohttp.ClientError, TimeoutError) as error:
        return f"answered {str(error)[:3]}" if isinstance(error, AssertionError) else "no answer"
    return "launched"


async def measure(app: App) -> Round:
    slow = app.ehrs[0]
    slow.token_delay = SLOW_SECONDS
    over = threading.Event()
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser()) for _ in range(AT_ONCE)]
        callbacks = [await follow(http, slow.launch_url(app.url), hops=2) for http in browsers]
        crowd = [
            asyncio.create_task(_finish(http, callback))
            for http, callback in zip(browsers, callbacks, strict=True)
        ]
        await asyncio.sleep(1)
        probes = [
            asyncio.create_task(asyncio.to_thread(probe, url, over))
            for url in (f"{app.url}/healthz", slow.client_jwks_url)
        ]
        end = time.perf_counter() + MEASURED_SECONDS
        neighbours = await _neighbours(app, end)
        await asyncio.sleep(end - time.perf_counter())
        over.set()
        healthz, jwks = await asyncio.gather(*probes)
        finished = Counter(await asyncio.gather(*crowd))
    slow.token_delay = 0.0
    return Round(healthz, jwks, neighbours, finished)


async def _rounds(running: list[App]) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = defaultdict(list)
    for app in running:
        for ehr in app.ehrs:
            async with browser() as http:
                await follow(http, ehr.launch_url(app.url), hops=3)
    for number in range(ROUNDS):
        for app in running if number % 2 == 0 else running[::-1]:
            rounds[app.name].append(await measure(app))
    return rounds


def run(folder: Path, database: str) -> None:
    with apps((SMARTAPP, AUTHLIB), folder, database, ehrs=2) as running:
        rounds = asyncio.run(_rounds(running))
    print_table(
        f"{AT_ONCE} launches wait for a token endpoint that takes {SLOW_SECONDS} s, on {database}; "
        f"{ROUNDS} rounds",
        (
            "app", "/healthz p50 / p95 / worst", "JWKS", "launch elsewhere",
            "of the waiting",
        ),
        [
            (
                name,
                _told([took for one in its for took in one.healthz]),
                _told([took for one in its for took in one.jwks]),
                _told([took for one in its for took in one.neighbours]),
                ", ".join(f"{count} {how}" for how, count in _crowd(its).most_common()),
            )
            for name, its in rounds.items()
        ],
    )  # fmt: skip


def _crowd(rounds: list[Round]) -> Counter[str]:
    return sum((one.crowd for one in rounds), Counter())


def _told(took: list[float]) -> str:
    unanswered = sum(one == float("inf") for one in took)
    more = f", {unanswered} of {len(took)} not at all" if unanswered else ""
    ordered = sorted(took)  # no interpolated quantiles, because a value may be infinite
    p50, p95 = (ordered[len(ordered) * percent // 100] for percent in (50, 95))
    return f"{_ms(p50)} / {_ms(p95)} / {_ms(max(took))}{more}"


def _ms(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{seconds * 1000:.0f} ms"
