"""The periodic work, safe from several machines at once."""

import logging
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from smartapp import http
from smartapp.keys import fetches, heartbeat, stale_copies
from smartapp.launches import events, pending_revocations, revocation, store
from smartapp.registrations import discovery

logger = logging.getLogger(__name__)

PAUSE_BETWEEN_BATCHES_SECONDS = 0.05
REVOKING_SECONDS = 30

PURGES = (
    store.purge_batch,
    fetches.purge_batch,
    stale_copies.purge_batch,
    events.purge_batch,
    pending_revocations.purge_batch,
)


class Command(BaseCommand):
    help = (
        "Rotate keys that are due, purge what has expired in small batches, refresh discovery "
        "ahead of time, tell EHRs which tokens are not needed any more; once, or for ever with "
        "--every."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="repeat for ever")

    def handle(self, *args: Any, **options: Any) -> None:
        every: float | None = options["every"]
        if every is not None and every <= 0:
            raise CommandError("--every takes a number of seconds above 0.")
        while True:
            started = time.monotonic()
            try:
                self._round()
            except Exception as error:
                if every is None:
                    raise
                # A database that is away for a moment must not end the rotation of keys for good.
                logger.error("a round failed, the next one comes: %s", type(error).__name__)
            if every is None:
                return
            time.sleep(max(0.0, every - (time.monotonic() - started)))

    def _round(self) -> None:
        call_command("rotate_keys", "--auto")
        heartbeat.ran(timezone.now())
        purged = purge()
        http.run(discovery.refresh_ahead())
        told = http.run(revocation.work_off(within_seconds=REVOKING_SECONDS))
        self.stdout.write(
            f"Purged {purged} rows: expired sessions, unfinished launches, old timelines and "
            f"JWKS fetches. Revoked at their EHR: {told}; "
            f"still to do: {pending_revocations.waiting()}."
        )


def purge() -> int:
    """Delete everything that has expired, batch by batch; return how many rows went."""
    total = 0
    for purge_batch in PURGES:
        while deleted := purge_batch(timezone.now()):
            total += deleted
            time.sleep(PAUSE_BETWEEN_BATCHES_SECONDS)
    return total
