"""Warm EHR launches from end to end: launch, authorize, callback, page."""

import asyncio
import statistics
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.apps import AUTHLIB, FHIRCLIENT, SMARTAPP, App, apps
from benchmarks.browsing import browser, by_turns, follow, see
from benchmarks.measuring import cpu_seconds, percentile, print_table, ratio, spread

ROUNDS = 5
BROWSERS = 16
LAUNCHES_EACH = 3
EHR_SECONDS = 0.1  # time that the EHR takes for each token request and each read


@dataclass(frozen=True)
class Round:
    page_ms: list[float]
    page_cpu_ms: float
    reads: float


async def measure(app: App) -> Round:
    """First all launch, then all look at their page, `BROWSERS` at once."""
    count = BROWSERS * LAUNCHES_EACH
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser()) for _ in range(count)]
        start, reads = app.ehrs[0].launch_url(app.url), app.ehrs[0].reads()
        launched, _ = await by_turns(
            [partial(follow, http, start, hops=3) for http in browsers], BROWSERS
        )
        before = cpu_seconds(app.pid)
        pages = zip(browsers, [page for page, _ in launched], strict=True)
        seen, _ = await by_turns([partial(see, http, page) for http, page in pages], BROWSERS)
        after = cpu_seconds(app.pid)
    return Round(
        page_ms=[seconds * 1000 for _, seconds in seen],
        page_cpu_ms=(after - before) / count * 1000,
        reads=(app.ehrs[0].reads() - reads) / count,
    )


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
        f"{BROWSERS} pages at once on {database}, {ROUNDS} rounds of {BROWSERS * LAUNCHES_EACH}; "
        f"the EHR takes {EHR_SECONDS * 1000:.0f} ms a request",
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
