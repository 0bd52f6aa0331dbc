"""The periodic work. It may run on several machines at once."""

import asyncio
import io
import logging
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from smartapp import checks, deadlines, http
from smartapp.administrators import throttling
from smartapp.brands import health, logos, own
from smartapp.database import own_connection, seconds_ahead
from smartapp.exception_reports import cause
from smartapp.keys import fetches, heartbeat, stale_copies, waits
from smartapp.launches import ending, events, pending_revocations
from smartapp.logs import Failures
from smartapp.registrations import discovery

logger = logging.getLogger(__name__)

PAUSE_BETWEEN_BATCHES_SECONDS = 0.05
REVOKING_SECONDS = 30
# Between two rounds. Steps of a rotation, and alarms about a `maintain` that is silent, count on
# one every minute.
MOST_SECONDS = 3600
READING_DISCOVERY_SECONDS = 60

PURGES = {
    "expired launches": ending.purge_batch,
    "JWKS fetches": fetches.purge_batch,
    "stale copies": stale_copies.purge_batch,
    "timelines": events.purge_batch,
    "revocations": pending_revocations.purge_batch,
    "sign-in attempts": throttling.purge_batch,
}


class Command(BaseCommand):
    help = (
        "Rotate keys that are due, tell EHRs which tokens are not needed any more, purge what has "
        "expired in small batches, refresh discovery ahead of time; once, or for ever with "
        "--every. Exit code 1 where some of it failed in the last round."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="repeat for ever")

    def handle(self, *args: Any, **options: Any) -> None:
        every: float | None = options["every"]
        if every is not None and not 0 < every <= MOST_SECONDS:  # nor "nan"
            raise CommandError(
                f"--every takes a number of seconds above 0, {MOST_SECONDS} at most."
            )
        deadlines.keep()
        self._logs: dict[str, Failures] = {}
        with _end_of_process() as ending:
            while True:
                started = time.monotonic()
                failures = self._round(ending)
                left = max(0.0, (every or 0) - (time.monotonic() - started))
                if every is None or ending.wait(left):
                    break
        if failures:
            raise CommandError(f"Failed in the last round: {', '.join(failures)}.")

    def _round(self, ending: threading.Event) -> dict[str, str]:
        """Do each task, the most important first; return the causes of failures by task. A failed
        task does not stop the others."""
        done: dict[str, int] = {}
        failures: dict[str, str] = {}
        with self._bulkhead("the database's clock", failures):
            _verify_clock()
        due = {} if failures else self._work()
        for name, work in due.items():
            if ending.is_set():
                break
            with self._bulkhead(name, failures):
                done[name] = work()
        with self._bulkhead("heartbeat", failures):
            heartbeat.finished(failures)
        with self._bulkhead("report", failures):
            self._report(done)
        return failures

    def _work(self) -> dict[str, Callable[[], int]]:
        """Return the tasks by name. Each returns how many rows or revocations it processed."""
        return {
            "keys": self._rotate,
            "key ring": _look_at_key_ring,
            "revocations": _revoke,
            **{f"purging {name}": partial(purge, batch) for name, batch in PURGES.items()},
            "discovery": _read_discovery,
            "brands": _look_at_brands,
        }

    def _rotate(self) -> int:
        words = io.StringIO()
        try:
            call_command("rotate_keys", "--auto", stdout=words)
        finally:
            for line in words.getvalue().splitlines():
                self._tell(line)
        heartbeat.ran(timezone.now())
        return 0

    def _report(self, done: dict[str, int]) -> None:
        purged = sum(rows for name, rows in done.items() if name.startswith("purging"))
        self._tell(
            f"Purged {purged} rows: expired sessions, unfinished launches, old timelines and "
            f"JWKS fetches. Revoked at their EHR: {done.get('revocations', 0)}; "
            f"still to do: {pending_revocations.waiting()}."
        )

    @contextmanager
    def _bulkhead(self, name: str, failures: dict[str, str]) -> Iterator[None]:
        """Run a task: record the cause if it fails, and let the others go on."""
        words = f"{name} failed, each round tries again"
        log = self._logs.setdefault(name, Failures(logger, words))
        try:
            with own_connection():
                yield
        except Exception as error:
            # Any error: it must not end the rotation of keys for good.
            failures[name] = cause(error)
            log.failed(failures[name])
        else:
            log.worked()

    def _tell(self, words: str) -> None:
        """Report to a terminal, or to a log of JSON, in which every line has to be an object."""
        if settings.LOG_FORMAT == "json":
            logger.info(words)
            return
        self.stdout.write(words)
        self.stdout.flush()  # a file or a journal would get it after dozens of rounds


@contextmanager
def _end_of_process() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets: the current task ends, and no other begins."""
    ending = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = signal.signal(signal.SIGTERM, lambda *_: ending.set())
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)


def _verify_clock() -> None:
    """Raise ImproperlyConfigured where this machine's clock is wrong: by one that is ahead, the
    launches of everybody would be over, and keys would sign before EHRs have them."""
    ahead = round(seconds_ahead())
    if abs(ahead) > waits.MARGIN.total_seconds():
        raise ImproperlyConfigured(
            f"This machine's clock and the database's differ by {abs(ahead)} s. Nothing is purged "
            "or rotated from here until both are right."
        )


def _look_at_key_ring() -> int:
    checks.verify_all_opened()
    checks.verify_opened()
    return 0


def _revoke() -> int:
    return http.run(pending_revocations.work_off(within_seconds=REVOKING_SECONDS))


def _read_discovery() -> int:
    """Refresh discovery within a time limit: slow EHRs must not delay the next round's key
    rotation."""

    async def bounded() -> None:
        async with asyncio.timeout(READING_DISCOVERY_SECONDS):
            await discovery.refresh_ahead()

    http.run(bounded())
    return 0


def _look_at_brands() -> int:
    own.sync()

    async def look() -> None:
        await health.check_round(timezone.now())
        await logos.fetch_round(timezone.now())

    http.run(look())
    return 0


def purge_all() -> int:
    """Delete everything that has expired; return the number of rows."""
    return sum(map(purge, PURGES.values()))


def purge(batch: Callable[[datetime], int]) -> int:
    """Delete expired rows of one kind in batches; return the number of rows."""
    total = 0
    while deleted := batch(timezone.now()):
        total += deleted
        time.sleep(PAUSE_BETWEEN_BATCHES_SECONDS)
    return total
