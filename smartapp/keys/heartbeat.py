"""Whether the periodic work runs, which everything that happens by itself depends on, and where.

One row for each machine: with several, one that has stopped is seen although the others go on.
"""

import socket
from datetime import datetime, timedelta

from smartapp.keys import automation
from smartapp.keys.models import KeySet, MaintainedBy
from smartapp.keys.wording import ago

# It runs every minute; a round that takes long has ended by then.
SILENT_AFTER = timedelta(minutes=10)
# Machines come and go; one that has been silent for so long is no longer one of this app's.
KEPT_FOR = timedelta(days=7)


def ran(now: datetime) -> None:
    """Note that this machine has just taken every step that was due."""
    MaintainedBy.objects.update_or_create(machine=_machine(), defaults={"last_at": now})
    MaintainedBy.objects.filter(last_at__lt=now - KEPT_FOR).delete()


def finished(failures: dict[str, str]) -> None:
    """Note what failed in the round that this machine has just ended, with its cause."""
    MaintainedBy.objects.filter(machine=_machine()).update(failures=failures)


def _machine() -> str:
    return socket.gethostname()[:100] or "unnamed"


def has_ever_run() -> bool:
    return MaintainedBy.objects.exists()


def problems(now: datetime) -> list[str]:
    """Return in sentences what is wrong with the periodic work: it has stopped everywhere, or some
    of it fails somewhere. Before there was anything to do for some minutes, nothing is wrong."""
    if MaintainedBy.objects.filter(last_at__gt=now - SILENT_AFTER).exists():
        return failures(now)
    if not KeySet.objects.filter(created_at__lt=now - SILENT_AFTER).exists():
        return []
    return [f"{last_runs(now)} It should run every minute."]


def failures(now: datetime) -> list[str]:
    """Return in sentences what failed in the last round of each machine that goes on."""
    lively = MaintainedBy.objects.filter(last_at__gt=now - SILENT_AFTER)
    return [
        f"manage.py maintain on {row.machine}: {name} failed in the last round: {why}"
        for row in lively
        for name, why in row.failures.items()
    ]


def is_running(now: datetime) -> bool:
    """Whether `maintain` ran so lately that what is due does not wait for long."""
    return MaintainedBy.objects.filter(last_at__gt=now - automation.OVERDUE).exists()


def last_runs(now: datetime) -> str:
    """Return in a sentence when `maintain` ran last, on each machine."""
    known = [f"{one.machine} {ago(one.last_at, now)}" for one in MaintainedBy.objects.all()]
    if not known:
        return f"manage.py maintain has not run in the last {KEPT_FOR.days} days."
    return f"manage.py maintain ran last on {', on '.join(known)}."


def to_do(key_set: KeySet, now: datetime, *, is_warned: bool) -> str:
    """Return in a sentence whether anybody has to do anything about a key set now."""
    if is_warned:
        return "There is something to do; it is said below."
    if not is_running(now):
        return (
            "See that `manage.py maintain` runs, every minute, on one machine at least: until it "
            "does, nothing happens here by itself."
        )
    if key_set.imported_by_vendor or key_set.rotate_after_days is None:
        return (
            "You need not do anything now. The next rotation begins when somebody publishes the "
            "next key."
        )
    return "You need not do anything: what comes next happens by itself."
