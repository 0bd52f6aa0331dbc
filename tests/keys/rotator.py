"""One of several machines that rotate the same key set without knowing of each other.

    python -m tests.keys.rotator <database URL> migrate | rotate | check [start]

The clock is simulated: it begins at `start` (seconds since the epoch) on all machines and runs
40 hours a second, so that they are at the same step at the same time; each is up to a minute off.
"""

import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 120  # three rotations of each line, and something left under way
HOURS_PER_SECOND = 40
ALGS = ("ES384", "RS384")


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def rotate() -> None:
    from smartapp.keys import automation, lifecycle

    start = float(sys.argv[3])
    time.sleep(max(0.0, start - time.time()))
    for hour in range(HOURS):
        # In step with the others where this machine is fast enough; every hour comes either way.
        time.sleep(max(0.0, start + hour / HOURS_PER_SECOND - time.time()))
        now = START + timedelta(hours=hour, seconds=random.uniform(0, 60))
        key_set = lifecycle.create_key_set("contested", algs=ALGS, now=now)
        automation.auto([key_set], now=now, actor="rotator")
        for alg in ALGS:
            try:
                lifecycle.publish_next(key_set, alg, now=now, actor="rotator")
            except lifecycle.StepRefused:
                continue


def check() -> None:
    from smartapp.audit.models import AuditEvent
    from smartapp.keys.models import KeySet
    from tests.keys.timeline import assert_timeline_holds

    key_set = KeySet.objects.get()
    assert_timeline_holds(key_set)
    for alg in ALGS:
        keys = key_set.signing_keys.filter(alg=alg)
        assert keys.exclude(withdrawn_at=None).count() >= 2
        # Each step was taken once, whoever took it: nobody recorded what somebody else did.
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
    {"migrate": migrate, "rotate": rotate, "check": check}[sys.argv[2]]()
