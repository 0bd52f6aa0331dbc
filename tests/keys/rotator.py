"""One of several machines that rotate the same key set without knowing of each other.

    python -m tests.keys.rotator <database URL> rotate | check [start]
    python -m tests.keys.rotator <database URL> prepare | rotate-for-ever | check-all

In the first the clock is simulated. It begins at `start` (seconds since the epoch) on all machines
and runs 40 hours a second, so that they reach the same step at the same time; each clock is up to a
minute off. In the second the clock is a sequence of PostgreSQL, which goes on when processes are
killed.
"""

import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 120  # three rotations of each line, and an unfinished one
HOURS_PER_SECOND = 40
ALGS = ("ES384", "RS384")
KEY_SETS = 10
HOURS_PER_TICK = 8


def rotate() -> None:
    from smartapp.keys import automation, key_creation, refusals

    start = float(sys.argv[3])
    time.sleep(max(0.0, start - time.time()))
    for hour in range(HOURS):
        # In step with the others if this machine is fast enough; no hour is skipped in any case.
        time.sleep(max(0.0, start + hour / HOURS_PER_SECOND - time.time()))
        now = START + timedelta(hours=hour, seconds=random.uniform(0, 60))
        key_set = key_creation.create_key_set("contested", algs=ALGS, now=now)
        automation.auto([key_set], now=now, actor="rotator")
        for alg in ALGS:
            try:
                key_creation.publish_next(key_set, alg, now=now, actor="rotator")
            except refusals.StepRefused:
                continue


def prepare() -> None:
    from django.db import connection

    from smartapp.keys import key_creation
    from smartapp.keys.models import KeySet

    for number in range(KEY_SETS):
        key_creation.create_key_set(f"set-{number}", algs=["ES384"], now=START)
    KeySet.objects.update(rotate_after_days=2)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE ticks")


def rotate_for_ever() -> None:
    """Do what `rotate_keys --auto` does, again and again, until killed."""
    from django.db import connection

    from smartapp.keys import automation
    from smartapp.keys.models import KeySet

    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('ticks')")
            [ticks] = cursor.fetchone()
        now = START + timedelta(hours=ticks * HOURS_PER_TICK)
        automation.auto(KeySet.objects.all(), now=now, actor="rotator")


def check_all() -> None:
    """Check that the audit trail has exactly the steps that the keys have gone through."""
    from smartapp.audit.models import AuditEvent
    from smartapp.keys.models import KeySet, SigningKey
    from tests.keys.timeline import assert_timeline_holds

    for key_set in KeySet.objects.all():
        assert_timeline_holds(key_set)
    expected = {
        "keys.add": KEY_SETS,
        "keys.publish": SigningKey.objects.count() - KEY_SETS,
        "keys.sign": SigningKey.objects.exclude(signs_from=None).count() - KEY_SETS,
        "keys.withdraw": SigningKey.objects.exclude(withdrawn_at=None).count(),
    }
    for action, count in expected.items():
        assert AuditEvent.objects.filter(action=action).count() == count


def check() -> None:
    from smartapp.audit.models import AuditEvent
    from smartapp.keys.models import KeySet
    from tests.keys.timeline import assert_timeline_holds

    key_set = KeySet.objects.get()
    assert_timeline_holds(key_set)
    for alg in ALGS:
        keys = key_set.signing_keys.filter(alg=alg)
        assert keys.exclude(withdrawn_at=None).count() >= 2
        # Each step was taken once and recorded by the process that took it.
        expected = {
            "keys.add": 1,
            "keys.publish": keys.count() - 1,
            "keys.sign": keys.exclude(signs_from=None).count() - 1,
            "keys.withdraw": keys.exclude(withdrawn_at=None).count(),
        }
        for action, count in expected.items():
            assert AuditEvent.objects.filter(action=action, detail__alg=alg).count() == count


if __name__ == "__main__":
    import django

    os.environ["DATABASE_URL"] = sys.argv[1]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    tasks = (rotate, check, prepare, rotate_for_ever, check_all)
    {task.__name__.replace("_", "-"): task for task in tasks}[sys.argv[2]]()
