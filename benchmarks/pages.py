"""Warm EHR launches from end to end: launch, authorize, callback, page."""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.apps import AUTHLIB, FHIRCLIENT, SMARTAPP, App, apps
from benchmarks.browsing import browser, follow, see
from benchmarks.measuring import cpu_seconds, percentile, print_table, ratio, spread

T = TypeVar("T")

ROUNDS = 5
BROWSERS = 16
LAUNCHES_EACH = 3
EHR_SECONDS = 0.1  # time that the EHR takes for each token request and each read


@dataclass(frozen=True)
class Round:
    """The results of one app: first all launches, then all pages."""

    launch_ms: list[float]
    page_ms: list[float]
    launches_per_second: float
    launch_cpu_ms: float
    page_cpu_ms: float
    reads: float


async def measure(app: App) -> Round:
    """Launch and open the page, `BROWSERS` at once; each launch has its own browser."""
    count = BROWSERS * LAUNCHES_EACH
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser()) for _ in range(count)]
        start, reads = app.ehrs[0].launch_url(app.url), app.ehrs[0].reads()
        before, started = cpu_seconds(app.pid), time.perf_counter()
        launched = await _by_turns([partial(follow, http, start, hops=3) for http in browsers])
        wall, between = time.perf_counter() - started, cpu_seconds(app.pid)
        pages = [page for page, _ in launched]
        seen = await _by_turns(
            [partial(see, http, page) for http, page in zip(browsers, pages, strict=True)]
        )
        after = cpu_seconds(app.pid)
    return Round(
        launch_ms=[seconds * 1000 for _, seconds in launched],
        page_ms=[seconds * 1000 for _, seconds in seen],
        launches_per_second=count / wall,
        launch_cpu_ms=(between - before) / count * 1000,
        page_cpu_ms=(after - between) / count * 1000,
        reads=(app.ehrs[0].reads() - reads) / count,
    )


async def _by_turns(work: Sequence[Callable[[], Awaitable[T]]]) -> list[tuple[T, float]]:
    """Run all of `work`, `BROWSERS` at once; return the results, each with its seconds."""
    slots = asyncio.Semaphore(BROWSERS)

    async def timed(one: Callable[[], Awaitable[T]]) -> tuple[T, float]:
        async with slots:
            started = time.perf_counter()
            return await one(), time.perf_counter() - started

    return await asyncio.gather(*map(timed, work))


async def _rounds(running: list[App]) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = defaultdict(list)
    for app in running:
        app.ehrs[0].token_delay = app.ehrs[0].read_delay = EHR_SECONDS
        await measure(app)  # warm-up of connections and caches, not counted
    for number in range(ROUNDS):
        turn = number % len(running)
        for app in running[turn:] + running[:turn]:
            rounds[app.name].append(await measure(app))
    return rounds


def run(folder: Path, database: str) -> None:
    with apps((SMARTAPP, AUTHLIB, FHIRCLIENT), folder, database) as running:
        rounds = asyncio.run(_rounds(running))
    ours = rounds[SMARTAPP]
    print_table(
        f"{BROWSERS} browsers at once on {database}, {ROUNDS} rounds of "
        f"{BROWSERS * LAUNCHES_EACH} launches; the EHR takes {EHR_SECONDS * 1000:.0f} ms a request",
        ("app", "launch p50 ms", "p95 ms", "launches/s", "CPU ms", "CPU to smartapp's"),
        [
            (
                name,
                spread([percentile(one.launch_ms, 50) for one in its]),
                spread([percentile(one.launch_ms, 95) for one in its]),
                spread([one.launches_per_second for one in its]),
                spread([one.launch_cpu_ms for one in its]),
                ratio([one.launch_cpu_ms for one in its], [one.launch_cpu_ms for one in ours]),
            )
            for name, its in rounds.items()
        ],
    )
    print_table(
        "The page of each of these launches",
        ("app", "FHIR reads", "page p50 ms", "p95 ms", "CPU ms", "CPU to smartapp's"),
        [
            (
                name,
                f"{statistics.median(one.reads for one in its):.0f}",
                spread([percentile(one.page_ms, 50) for one in its]),
                spread([percentile(one.page_ms, 95) for one in its]),
                spread([one.page_cpu_ms for one in its]),
                ratio([one.page_cpu_ms for one in its], [one.page_cpu_ms for one in ours]),
            )
            for name, its in rounds.items()
        ],
    )
