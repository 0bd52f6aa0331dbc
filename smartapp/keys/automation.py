"""The automatic steps of a rotation, and the warnings that administrators need well in advance.

A rotation begins when its signer has signed for the key set's `rotate_after_days`, and goes on as
its waits end. Where an EHR imported our JWKS, no rotation begins automatically and no new key signs
before it is confirmed, because only a person can give the EHR a new copy. The administrators are
told in time (docs/key-rotation.md).
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from smartapp.exception_reports import cause
from smartapp.keys import lifecycle, rotation, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import StepRefused
from smartapp.keys.rotation import Line, Reading, RotationStep

WARN_AHEAD = timedelta(days=21)
# A due step is taken within minutes while `maintain` runs; if it is later than this, `maintain`
# does not run. A publication may have to wait 31 hours: where five keys are published, the rotation
# of another algorithm has to finish first.
OVERDUE = timedelta(hours=1)
OVERDUE_TO_PUBLISH = timedelta(days=2)

logger = logging.getLogger(__name__)


def age_limit(key_set: KeySet, line: Line) -> datetime | None:
    """Return when the present signer should be replaced; None if it never should."""
    if key_set.rotate_after_days is None or line.signer is None or not line.signer.signs_from:
        return None
    return line.signer.signs_from + timedelta(days=key_set.rotate_after_days)


def planned_step(key_set: KeySet, line: Line) -> tuple[RotationStep, datetime] | None:
    """Return the next automatic step and its time; None where a person has to act."""
    step, when = line.next_step()
    if step is RotationStep.PUBLISH and not key_set.imported_by_vendor:
        when = age_limit(key_set, line)
    return (step, when) if when else None


def plan(key_set: KeySet, line: Line, now: datetime) -> dict[RotationStep, datetime]:
    """Return the automatic steps and their times until the current rotation, or the next one,
    ends."""
    planned = planned_step(key_set, line)
    if planned is None:
        return {}
    step, when = planned[0], max(planned[1], now)
    steps = {step: when}
    if step is RotationStep.PUBLISH:
        steps[RotationStep.SIGN] = when = when + line.wait.span
    if step in {RotationStep.PUBLISH, RotationStep.SIGN} and line.signer:
        steps[RotationStep.WITHDRAW] = when + waits.BEFORE_WITHDRAWAL
    return steps


def auto(
    key_sets: Iterable[KeySet], *, now: datetime, actor: str
) -> list[tuple[KeySet, RotationStep, SigningKey]]:
    """Take every step that is due and return those taken. Idempotent. A database error on one key
    set or algorithm does not stop the others: it is logged, and `all_warnings` reports it while it
    lasts."""
    taken = []
    for reading in rotation.of_each(list(key_sets)):
        key_set = reading.key_set
        if reading.error:
            logger.error("key set %s: its keys cannot be read: %s", key_set, cause(reading.error))
        for line in reading.lines:
            planned = planned_step(key_set, line)
            if planned is None or now < planned[1]:
                continue
            step = planned[0]
            key = _take(key_set, line.alg, step, now=now, actor=actor)
            if key:
                taken.append((key_set, step, key))
    return taken


def _take(
    key_set: KeySet, alg: str, step: RotationStep, *, now: datetime, actor: str
) -> SigningKey | None:
    """Take a step; return None if it was not taken, so that the other lines go on."""
    try:
        return lifecycle.TAKE[step](key_set, alg, now=now, actor=actor)
    except StepRefused:
        # Another machine has just taken this step, or all five slots are taken until the rotation
        # of another algorithm has finished.
        return None
    except Exception as error:
        # Any error must not stop the others. `all_warnings` reports the step once it is overdue.
        logger.error("key set %s: %s of %s failed: %s", key_set, step, alg, cause(error))
        return None


def all_warnings(key_sets: Iterable[KeySet], now: datetime) -> list[str]:
    """Return the warnings about these key sets that need an administrator."""
    readings = rotation.of_each(list(key_sets))
    return [warning for reading in readings for warning in warnings(reading, now)]


def warnings(reading: Reading, now: datetime) -> list[str]:
    """Return the warnings about one key set, also that it cannot be read."""
    if reading.error:
        return [
            f"Key set {reading.key_set}: its keys cannot be read ({type(reading.error).__name__}), "
            "so no step of it was taken. See that the database answers; maintain tries it again."
        ]
    found = (_warning(reading.key_set, line, now) for line in reading.lines)
    return [f"Key set {reading.key_set}, {warning}" for warning in found if warning]


def _patience(step: RotationStep) -> timedelta:
    return OVERDUE_TO_PUBLISH if step is RotationStep.PUBLISH else OVERDUE


def _warning(key_set: KeySet, line: Line, now: datetime) -> str:
    limit = age_limit(key_set, line)
    planned = planned_step(key_set, line)
    if planned and now > planned[1] + _patience(planned[0]):
        return (
            f"{line.alg}: a step was due at {planned[1]:%Y-%m-%d %H:%M} UTC and was not taken. "
            "See that `manage.py maintain` runs."
        )
    if stale := _stale(line, now):
        return f"{line.alg}: {stale}"
    if line.next_step()[0] is RotationStep.CONFIRM:
        return (
            f"{line.alg}: the next key waits. Give the EHR that imported the public keys the new "
            "ones, and confirm that it has them."
        )
    if key_set.imported_by_vendor and not line.waiting and limit and now > limit - WARN_AHEAD:
        return (
            f"{line.alg}: publish the next key by {limit:%Y-%m-%d}. It does not happen by itself, "
            "because an EHR imported the public keys and must be given the new ones."
        )
    return ""


def _stale(line: Line, now: datetime) -> str:
    """Return what an administrator should do about an EHR that holds an old copy of the public
    keys."""
    if line.needed_at:
        return (
            "an EHR refused the new key and took the previous one, last at "
            f"{line.needed_at:%Y-%m-%d %H:%M} UTC. No launch failed. Ask the vendor to fetch the "
            "public keys again; the previous key stays public until an hour after it was needed, "
            f"for {waits.LATEST_WITHDRAWAL.days} days at most."
        )
    if at := line.left_behind_at(now):
        return (
            f"an EHR still refused the key that signs at {at:%Y-%m-%d %H:%M} UTC, and the previous "
            "one is withdrawn since. Launches there may fail: ask the vendor to fetch the public "
            "keys again."
        )
    return ""
