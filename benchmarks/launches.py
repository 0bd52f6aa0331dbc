"""Warm launches from the EHR, ours and others', and the targets that they are measured by."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import crowd, plot, stored
from benchmarks.apps import (
    ALLAUTH,
    AUTHLIB,
    EARLIER,
    EXPRESS,
    FHIRCLIENT,
    MOZILLA,
    SMARTAPP,
    App,
    apps,
)
from benchmarks.browsing import browser, by_turns, follow
from benchmarks.measuring import (
    Target,
    cpu_seconds,
    median_ratio,
    percentile,
    print_table,
    print_targets,
    ratio,
    spread,
)

ROUNDS = 3
BROWSERS = 16
LAUNCHES_EACH = 3
DELAYS = (0.0, 0.3)  # what the token endpoint takes, seconds
APPS = (SMARTAPP, EARLIER, AUTHLIB, FHIRCLIENT, MOZILLA, ALLAUTH, EXPRESS)
PLOT = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Round:
    launch_ms: Sequence[float]
    per_second: float
    cpu_ms: float


Rounds = dict[str, list[Round]]


async def measure(app: App, at_once: int = BROWSERS) -> Round:
    """Launch, so many at once; every launch is of a browser of its own."""
    count = at_once * LAUNCHES_EACH
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser()) for _ in range(count)]
        start, before = app.ehrs[0].launch_url(app.url), cpu_seconds(app.pid)
        launches = [partial(follow, http, start, hops=3) for http in browsers]
        took, wall = await by_turns(launches, at_once)
        after = cpu_seconds(app.pid)
    return Round(
        launch_ms=[seconds * 1000 for _, seconds in took],
        per_second=count / wall,
        cpu_ms=(after - before) / count * 1000,
    )


async def rounds(running: Sequence[App], delay: float) -> Rounds:
    """Measure each app in turn, each round beginning with another one."""
    measured: Rounds = defaultdict(list)
    for app in running:
        app.ehrs[0].token_delay = delay
        # Not counted. First one by one, because a peer that makes an account at the first sign-in
        # fails at two of them at once. Then all threads have connections and all caches entries.
        await measure(app, at_once=1)
        await measure(app)
    for number in range(ROUNDS):
        turn = number % len(running)
        for app in [*running[turn:], *running[:turn]]:
            measured[app.name].append(await measure(app))
    return measured


def run(folder: Path, database: str) -> None:
    with apps(APPS, folder, database) as running:
        measured = {delay: asyncio.run(rounds(running, delay)) for delay in DELAYS}
    for delay, its in measured.items():
        _print(database, delay, its)
    targets = _compared(*measured.values())
    targets += crowd.targets(folder / "crowd", database)
    targets += stored.targets(folder / "stored", database)
    print_targets(database, targets)
    cpu = {name: [one.cpu_ms for one in its] for name, its in measured[DELAYS[0]].items()}
    path = PLOT / f"launches-{database}.svg"
    path.write_text(plot.bars(f"Server CPU of a launch on {database}, ms", cpu, SMARTAPP))
    print(f"Drawn: {path.name}")


def _print(database: str, delay: float, measured: Rounds) -> None:
    ours = [one.cpu_ms for one in measured[SMARTAPP]]
    print_table(
        f"{BROWSERS} browsers at once on {database}, {ROUNDS} rounds of "
        f"{BROWSERS * LAUNCHES_EACH} launches; the token endpoint takes {delay * 1000:.0f} ms",
        ("app", "launch p50 ms", "p95 ms", "launches/s", "CPU ms", "CPU to smartapp's"),
        [
            (
                name,
                spread([percentile(one.launch_ms, 50) for one in its]),
                spread([percentile(one.launch_ms, 95) for one in its]),
                spread([one.per_second for one in its]),
                spread([one.cpu_ms for one in its]),
                ratio([one.cpu_ms for one in its], ours),
            )
            for name, its in measured.items()
        ],
    )


def _compared(at_once: Rounds, slowly: Rounds) -> list[Target]:
    def cpu(measured: Rounds, name: str) -> list[float]:
        return [one.cpu_ms for one in measured[name]]

    earlier = median_ratio(cpu(at_once, SMARTAPP), cpu(at_once, EARLIER))
    mozilla = median_ratio(cpu(slowly, SMARTAPP), cpu(slowly, MOZILLA))
    per_core = median_ratio(cpu(at_once, EXPRESS), cpu(at_once, SMARTAPP))
    return [
        Target("P1", f"CPU per launch against {EARLIER}", f"{earlier:.2f} x", 0.40, earlier),
        Target(
            "P2", f"CPU per launch against {MOZILLA} at 300 ms", f"{mozilla:.2f} x", 0.25, mozilla
        ),
        Target(
            "P3", f"launches per second per core against {EXPRESS}", f"{per_core:.2f} x",
            0.75, per_core, at_least=True,
        ),
    ]  # fmt: skip
