"""A launch beside a million that are stored, and a purge beside launches (P10)."""

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import launches
from benchmarks.apps import SMARTAPP, App, apps
from benchmarks.measuring import Target
from tests.processes import ROOT

FEW, MANY = 1_000, 1_000_000
ROUNDS = 3
EXPIRED = 5_000
LOCK_MS = 50
ASKED_EVERY_SECONDS = 0.005

# Each launch is one of ours, once more under another name; SQLite counts by a recursive query.
NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n WHERE i < {1}) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series({0}, {1})) ",
}
UUID = {
    "sqlite": "printf('%032x', n.i)",
    "postgresql": "lpad(to_hex(n.i), 32, '0')::uuid",
}


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)
        connection.isolation_level = None
    else:
        connection = psycopg.connect(url, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def _store(url: str, database: str, first: int, last: int) -> None:
    """Store launches as many as there are numbers, with a session each."""
    numbers = NUMBERS[database].format(first, last)
    given = {
        "uuid": UUID[database],
        "state_digest": "'copy-' || n.i",
        "session_id": "'copy-' || n.i",
    }
    with _connected(url) as connection:
        cursor = connection.execute("SELECT * FROM launches_launch WHERE session_id IS NOT NULL")
        columns = [column[0] for column in cursor.description]
        values = ", ".join(given.get(name, f"one.{name}") for name in columns)
        connection.execute(
            f"{numbers} INSERT INTO django_session (session_key, session_data, expire_date) "  # noqa: S608
            "SELECT 'copy-' || n.i, '', '2099-01-01 00:00:00' FROM n"
        )
        connection.execute(
            f"{numbers} INSERT INTO launches_launch ({', '.join(columns)}) SELECT {values} FROM n, "  # noqa: S608
            "(SELECT * FROM launches_launch WHERE state_digest NOT LIKE 'copy-%' "
            "AND session_id IS NOT NULL LIMIT 1) one"
        )


async def _cpu_ms(app: App) -> float:
    await launches.measure(app)
    return statistics.median([(await launches.measure(app)).cpu_ms for _ in range(ROUNDS)])


def targets(folder: Path, database: str) -> list[Target]:
    folder.mkdir()
    with apps((SMARTAPP,), folder, database) as (app,):
        url = app.env["DATABASE_URL"]
        asyncio.run(launches.measure(app))
        _store(url, database, 1, FEW)
        few = asyncio.run(_cpu_ms(app))
        _store(url, database, FEW + 1, MANY)
        many = asyncio.run(_cpu_ms(app))
        found = [
            Target(
                "P10", f"CPU per launch with {MANY:,} stored launches against {FEW:,}",
                f"{many:.1f} to {few:.1f} ms", 1.1, many / few,
            )
        ]  # fmt: skip
        if database == "sqlite":  # PostgreSQL has no one lock for all writes
            waits = _waits_for_the_lock(app, url)
            most = max(waits) * 1000
            held = f"{most:.0f} ms at most, {statistics.median(waits) * 1000:.0f} ms in the middle"
            found.append(
                Target("P10", "wait for the write lock during a purge, ms", held, LOCK_MS, most)
            )
    return found


def _waits_for_the_lock(app: App, url: str) -> Sequence[float]:
    """Return how long a writer waits each time while `maintain` deletes what has expired."""
    waits, over = [0.0], threading.Event()

    def write() -> None:
        with _connected(url) as connection:
            while not over.is_set():
                began = time.perf_counter()
                connection.execute("BEGIN IMMEDIATE")
                waits.append(time.perf_counter() - began)
                connection.execute("COMMIT")
                time.sleep(ASKED_EVERY_SECONDS)

    with _connected(url) as connection:
        expired = "UPDATE django_session SET expire_date = '2020-01-01' WHERE session_key IN "
        connection.execute(
            f"{expired} (SELECT session_key FROM django_session WHERE session_key LIKE 'copy-%' "  # noqa: S608
            f"LIMIT {EXPIRED})"
        )
    writer = threading.Thread(target=write)
    writer.start()
    command = [sys.executable, "manage.py", "maintain"]
    subprocess.run(command, cwd=ROOT, env=app.env, check=False, stdout=subprocess.DEVNULL)  # noqa: S603
    over.set()
    writer.join()
    return waits
