"""Whether `maintain` runs, on which machines. All automatic steps depend on it.

There is one row per machine, so that one stopped machine is noticed while the others run.
"""

import socket
from datetime import datetime, timedelta

from smartapp.keys import automation
from smartapp.keys.models import KeySet, MaintainedBy
from smartapp.keys.wording import ago

# `maintain` runs every minute; even a slow round has ended by then.
SILENT_AFTER = timedelta(minutes=10)
# Machines come and go: one that was silent for so long no longer belongs to this app.
KEPT_FOR = timedelta(days=7)


def ran(now: datetime) -> None:
    """Record that this machine has just taken every step that was due."""
    MaintainedBy.objects.update_or_create(machine=_machine(), defaults={"last_at": now})
    MaintainedBy.objects.filter(last_at__lt=now - KEPT_FOR).delete()


def finished(failures: dict[str, str]) -> None:
    """Record what failed in this machine's last round, with the cause."""
    MaintainedBy.objects.filter(machine=_machine()).update(failures=failures)


def _machine() -> str:
    return socket.gethostname()[:100] or "unnamed"


def problems(now: datetime) -> list[str]:
    """Return sentences about what is wrong with `maintain`: it has stopped everywhere, or a part of
    it fails somewhere. Returns none before the first key set is ten minutes old."""
    if MaintainedBy.objects.filter(last_at__gt=now - SILENT_AFTER).exists():
        return failures(now)
    if not KeySet.objects.filter(created_at__lt=now - SILENT_AFTER).exists():
        return []
    return [f"{last_runs(now)} It should run every minute."]


def failures(now: datetime) -> list[str]:
    """Return sentences about what failed in the last round of each running machine."""
    lively = MaintainedBy.objects.filter(last_at__gt=now - SILENT_AFTER)
    return [
        f"manage.py maintain on {row.machine}: {name} failed in the last round: {why}"
        for row in lively
        for name, why in row.failures.items()
    ]


def is_running(now: datetime) -> bool:
    """Return whether `maintain` ran within the last hour, so that due steps are taken soon."""
    return MaintainedBy.objects.filter(last_at__gt=now - automation.OVERDUE).exists()


def last_runs(now: datetime) -> str:
    """Return a sentence that says when `maintain` last ran, on each machine."""
    known = [f"{one.machine} {ago(one.last_at, now)}" for one in MaintainedBy.objects.all()]
    if not known:
        return f"manage.py maintain has not run in the last {KEPT_FOR.days} days."
    return f"manage.py maintain ran last on {', on '.join(known)}."


def to_do(key_set: KeySet, now: datetime, *, is_warned: bool) -> str:
    """Return a sentence that says whether an administrator has to do anything about the key set
    now."""
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
