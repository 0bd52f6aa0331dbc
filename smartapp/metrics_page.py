"""`/metrics`: the metrics of all processes on this machine, and those from the database.

A scrape reaches only one of several processes. So each process writes its metrics to its own file
every few seconds, and the one that is scraped combines its own metrics with the files of the
others, with the process as a label.
"""

import asyncio
import contextlib
import hmac
import logging
import os
import socket
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from smartapp import database, metrics
from smartapp.circuit import open_circuits
from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.keys import automation, heartbeat, rotation
from smartapp.keys.models import KeySet, MaintainedBy
from smartapp.launches import callback, pending_revocations, readiness
from smartapp.launches.readiness import Readiness
from smartapp.logs import Failures
from smartapp.middleware import DATABASE_IS_AWAY

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
WRITE_SECONDS = 5
# A file this old is from a process that has ended.
FORGOTTEN_SECONDS = 60
DATABASE_SECONDS = 4

logger = logging.getLogger(__name__)


def is_allowed(authorization: str) -> bool:
    """Return whether the request has the configured token; always False if none is configured."""
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(
        authorization.encode("latin-1"),  # as it came
        wanted.encode(),
    )


def own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _folder() -> Path:
    return settings.METRICS_DIR


async def keep_writing() -> None:
    """Write this process's metrics to its file, for ever."""
    failures = Failures(logger, "metrics not written for other processes")
    while settings.METRICS_TOKEN:
        try:
            await asyncio.to_thread(write)
            failures.worked()
        except OSError as error:
            # A full disk must not end the task: there may be room again in a minute.
            failures.failed(cause(error))
        await asyncio.sleep(WRITE_SECONDS)


def write() -> None:
    """Write this process's file, and delete those of processes that have ended.

    Raise OSError if the file cannot be written.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / f"{own_name()}.prom"
    fresh = own.with_suffix(".new")
    fresh.write_bytes(_own())
    fresh.replace(own)
    for path in folder.iterdir():
        # Another process may delete it too, or give its new file its final name.
        with contextlib.suppress(FileNotFoundError):
            if _is_forgotten(path):
                path.unlink()


def _is_forgotten(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS


def _own() -> bytes:
    """Return the metrics of this process."""
    metrics.in_flight.set(callback.waiting())
    metrics.database_waiting.set(database.waiting())
    metrics.circuits_open.set(open_circuits())
    return generate_latest(metrics.registry)


async def page() -> bytes:
    """Return the metrics in Prometheus' text format, without those from the database if it is
    unavailable or slow: Prometheus gives up after ten seconds, and would take this process for
    dead."""
    known, ready = await asyncio.gather(_unless_away(), readiness.now())
    return await asyncio.to_thread(_together, [*known, _available(ready)])


async def _unless_away() -> list[Metric]:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await in_database(from_database, timezone.now())
    except (*DATABASE_IS_AWAY, TimeoutError):
        return []


def _available(ready: Readiness) -> Metric:
    """Return what /readyz says. At night nobody launches, and no failed launch would tell that the
    database is away."""
    available = GaugeMetricFamily(
        "smartapp_available", "Whether what launches need is there, as /readyz says.",
        labels=["what"],
    )  # fmt: skip
    for name in (*readiness.NEEDED, *readiness.DONE_WITHOUT):
        available.add_metric([name], name not in (*ready.missing, *ready.without))
    return available


class _Found(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _together(known: list[Metric]) -> bytes:
    families: dict[str, Metric] = {}
    for process, text in _texts():
        for family in _families(process, text):
            family.samples = [
                sample._replace(labels={**sample.labels, "process": process})
                for sample in family.samples
            ]
            into = families.setdefault(family.name, family)
            if into is not family:
                into.samples += family.samples
    registry = CollectorRegistry()
    registry.register(_Found([*families.values(), *known]))
    return generate_latest(registry)


def _families(process: str, text: str) -> list[Metric]:
    """Return a process's metrics; none if its file is damaged, as after a loss of power."""
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        logger.warning("the metrics of process %s cannot be read", process)
        return []


def _texts() -> Iterator[tuple[str, str]]:
    """Yield each process's name and metrics, this process's as they are now.

    Its own file is not read: only the task that writes it touches it.
    """
    yield own_name(), _own().decode()
    for path in sorted(_folder().glob("*.prom")):
        # The process may just have ended, and its file be gone.
        with contextlib.suppress(FileNotFoundError):
            if path.stem != own_name() and not _is_forgotten(path):
                yield path.stem, path.read_text(errors="replace")


def from_database(now: datetime) -> list[Metric]:
    """Return the metrics from the database, which are the same for all processes."""
    waiting = GaugeMetricFamily(
        "smartapp_revocations_waiting", "Revocations that EHRs are still to be told of."
    )
    waiting.add_metric([], pending_revocations.waiting())
    problems = GaugeMetricFamily(
        "smartapp_maintain_problems", "What is wrong with the periodic work, as doctor says it."
    )
    problems.add_metric([], len(heartbeat.problems(now)))
    ran = GaugeMetricFamily(
        "smartapp_maintain_last_run_timestamp_seconds",
        "When maintain last took the steps that were due, on each machine.",
        labels=["machine"],
    )
    for row in MaintainedBy.objects.all():
        ran.add_metric([row.machine], row.last_at.timestamp())
    return [waiting, problems, ran, *_keys(now)]


def _keys(now: datetime) -> list[Metric]:
    labels = ["key_set", "alg"]
    age = GaugeMetricFamily(
        "smartapp_signing_key_age_seconds", "How long the present key has signed.", labels=labels
    )
    due = GaugeMetricFamily(
        "smartapp_key_step_due_timestamp_seconds",
        "When the next step of a rotation happens by itself.",
        labels=[*labels, "step"],
    )
    warnings = GaugeMetricFamily(
        "smartapp_key_warnings", "What an administrator has to look after.", labels=["key_set"]
    )
    for reading in rotation.of_each(list(KeySet.objects.all())):
        key_set = reading.key_set
        warnings.add_metric([key_set.slug], len(automation.warnings(reading, now)))
        for line in reading.lines:
            name = [key_set.slug, line.alg]
            if line.signer and line.signer.signs_from:
                age.add_metric(name, (now - line.signer.signs_from).total_seconds())
            if planned := automation.planned_step(key_set, line):
                due.add_metric([*name, planned[0].value], planned[1].timestamp())
    return [age, due, warnings]
