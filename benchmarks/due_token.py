"""Twenty loads of one page at once, when its access token must be refreshed."""

import asyncio
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.apps import AUTHLIB, SMARTAPP, App, apps
from benchmarks.browsing import browser, follow
from benchmarks.measuring import print_table, spread

ROUNDS = 5
LOADS = 20
LIFETIME_SECONDS = 2
TOKEN_SECONDS = 0.3
READ_SECONDS = 0.1


@dataclass(frozen=True)
class Round:
    refreshes: int
    shown: int
    seconds: float
    still_open: bool


async def _is_shown(http: aiohttp.ClientSession, page: str) -> bool:
    async with http.get(page) as response:
        await response.read()
        return response.status == 200


async def measure(app: App) -> Round:
    (ehr,) = app.ehrs
    ehr.expires_in, ehr.token_delay, ehr.read_delay = LIFETIME_SECONDS, 0.0, READ_SECONDS
    async with browser() as http:
        page = await follow(http, ehr.launch_url(app.url), hops=3)
        await asyncio.sleep(LIFETIME_SECONDS)
        ehr.expires_in, ehr.token_delay = 3600, TOKEN_SECONDS
        before, started = len(ehr.token_requests), time.perf_counter()
        shown = await asyncio.gather(*(_is_shown(http, page) for _ in range(LOADS)))
        seconds = time.perf_counter() - started
        refreshes = len(ehr.token_requests) - before
        return Round(refreshes, sum(shown), seconds, await _is_shown(http, page))


async def _rounds(running: list[App]) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = defaultdict(list)
    for app in running:
        await measure(app)  # warm-up, not counted
    for number in range(ROUNDS):
        for app in running if number % 2 == 0 else running[::-1]:
            rounds[app.name].append(await measure(app))
    return rounds


def run(folder: Path, database: str) -> None:
    with apps((SMARTAPP, AUTHLIB), folder, database) as running:
        rounds = asyncio.run(_rounds(running))
    print_table(
        f"{LOADS} loads at once when the token is due, on {database}; a refresh token is good once "
        f"and takes {TOKEN_SECONDS} s; {ROUNDS} rounds",
        ("app", "refresh requests", "pages shown", "seconds until the last", "open afterwards"),
        [
            (
                name,
                f"{statistics.median(one.refreshes for one in its):.0f}",
                f"{statistics.median(one.shown for one in its):.0f} of {LOADS}",
                spread([one.seconds for one in its]),
                f"{sum(one.still_open for one in its)} of {ROUNDS}",
            )
            for name, its in rounds.items()
        ],
    )
