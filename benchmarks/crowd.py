"""Many launches at one moment, at one EHR that takes its time (P4 to P8)."""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from benchmarks.apps import SMARTAPP, App, apps
from benchmarks.browsing import REDIRECTS, browser, follow
from benchmarks.measuring import Target, memory_mib, percentile
from benchmarks.slow_ehr import probe

EHR_SECONDS = 2.0
AT_ONCE = 500
TOO_MANY = 1000
EXCHANGES = 64
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Answer:
    status: int
    retry_after: str
    seconds: float


@dataclass(frozen=True)
class Crowd:
    answers: Sequence[Answer]
    seconds: float
    jwks: Sequence[float]
    mib: float

    @property
    def launched(self) -> int:
        return sum(one.status in REDIRECTS for one in self.answers)

    @property
    def jwks_p99(self) -> float:
        return percentile(self.jwks, 99)


async def _launch(http: aiohttp.ClientSession, callback: str) -> Answer:
    began = time.perf_counter()
    try:
        async with http.get(URL(callback, encoded=True), allow_redirects=False) as response:
            await response.read()
            waited = response.headers.get("Retry-After", "")
            return Answer(response.status, waited, time.perf_counter() - began)
    except (aiohttp.ClientError, TimeoutError):
        return Answer(0, "", time.perf_counter() - began)


async def _crowd(app: App, count: int) -> Crowd:
    """Let so many come back from the EHR's sign-in at one moment."""
    over = threading.Event()
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser()) for _ in range(count)]
        start = app.ehrs[0].launch_url(app.url)
        callbacks = [await follow(http, start, hops=2) for http in browsers]
        probing = asyncio.create_task(asyncio.to_thread(probe, app.ehrs[0].client_jwks_url, over))
        looking = asyncio.create_task(_most_memory(app))
        began = time.perf_counter()
        answers = await asyncio.gather(*map(_launch, browsers, callbacks))
        seconds = time.perf_counter() - began
        over.set()
        looking.cancel()
        jwks = await probing
        most = (await asyncio.gather(looking, return_exceptions=True))[0]
    return Crowd(answers, seconds, jwks, most if isinstance(most, float) else 0.0)


async def _most_memory(app: App) -> float:
    most = 0.0
    try:
        while True:
            most = max(most, memory_mib(app.pid))
            await asyncio.sleep(LOOK_SECONDS)
    except asyncio.CancelledError:
        return most


async def _measured(app: App) -> tuple[float, Crowd, Crowd, Crowd]:
    ehr = app.ehrs[0]
    idle = memory_mib(app.pid)
    async with browser() as http:
        await follow(http, ehr.launch_url(app.url), hops=3)
    ehr.token_delay = EHR_SECONDS
    few = await _crowd(app, EXCHANGES)
    many = await _crowd(app, AT_ONCE)
    too_many = await _crowd(app, TOO_MANY)
    return idle, few, many, too_many


def targets(folder: Path, database: str) -> list[Target]:
    folder.mkdir()
    with apps((SMARTAPP,), folder, database) as (app,):
        idle, few, many, too_many = asyncio.run(_measured(app))
    each_kib = (many.mib - idle) * 1024 / AT_ONCE
    turned_away = [one for one in too_many.answers if one.status not in REDIRECTS]
    told = [one for one in turned_away if one.status == 503 and one.retry_after]
    slowest = max((one.seconds for one in told), default=0.0)
    jwks = f"p99 {many.jwks_p99 * 1000:.0f} ms of {len(many.jwks)}"
    return [
        Target(
            "P4", f"{AT_ONCE} at once, an EHR that takes {EHR_SECONDS:g} s, to its time",
            f"{many.launched} launched, {many.seconds / EHR_SECONDS:.2f} x", 2.5,
            many.seconds / EHR_SECONDS if many.launched == AT_ONCE else float("inf"),
        ),
        Target("P5", "memory per launch in flight, KiB", f"{each_kib:.0f}", 100, each_kib),
        Target("P5", "memory of an idle process, MiB", f"{idle:.0f}", 90, idle),
        Target("P6", "JWKS meanwhile, to the EHR's time", jwks, 0.1, many.jwks_p99 / EHR_SECONDS),
        Target(
            "P7", f"the EHR fetches our JWKS in {EXCHANGES} exchanges at once, to its time",
            f"{few.launched} launched, {few.seconds / EHR_SECONDS:.2f} x", 2.0,
            few.seconds / EHR_SECONDS if few.launched == EXCHANGES else float("inf"),
        ),
        Target(
            "P8", f"{TOO_MANY} at once: told to come back, slowest to the EHR's time",
            f"{too_many.launched} launched, {len(told)} of {len(turned_away)} others told within "
            f"{slowest:.1f} s; JWKS p99 {too_many.jwks_p99 * 1000:.0f} ms",
            1.0,
            slowest / EHR_SECONDS if len(told) == len(turned_away) else float("inf"),
        ),
    ]  # fmt: skip
