"""Emergency replacement of a private key that may be known to an attacker
(docs/key-rotation.md)."""

from datetime import datetime, timedelta

from django.db.models import Max

from smartapp import alerts
from smartapp.audit import trail
from smartapp.keys import material, waits
from smartapp.keys.key_creation import insert
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import (
    NothingToDo,
    StepRefused,
    last_step,
    refuse_clock_behind,
    refuse_if_another_signs,
    refuse_unless_named,
)
from smartapp.keys.rotation import locked_line

# How far the clock of another machine, which took the last step, may be ahead of this one.
CLOCKS = timedelta(minutes=1)


def replace_at_once(
    key_set: KeySet,
    alg: str,
    *,
    now: datetime,
    actor: str,
    typed: str,
    reason: str,
    while_signs: str = "",
) -> SigningKey:
    """Publish a new key, sign with it and drop every other key of the line, in one transaction.

    For a private key that may be known to an attacker. Token requests signed with `alg` fail at
    each EHR until it fetches the JWKS again. So `typed` must name these EHRs, if there are any.
    `reason` is kept in the audit trail. Raises StepRefused if a key other than `while_signs` signs
    now.
    """
    named = refuse_unless_named(key_set, typed, reason, alg)
    failing = f"the emergency of key set {key_set}, {alg}, failed: its keys still sign"
    with alerts.sent_on_failure("emergency-failed", failing, unless=StepRefused):
        new = material.generate(alg)
        with locked_line(key_set, alg) as line:
            if line.signer is None:
                raise NothingToDo(f"Key set {key_set} has no {alg} key to replace.")
            refuse_if_another_signs(line, while_signs)
            # Another machine may have taken a step while the key was made. That is not a wrong
            # clock.
            now = max(now, min(last_step(line) or now, now + CLOCKS))
            refuse_clock_behind(line, now)
            dropped = [_drop(key, now) for key in line.published()]
            row = insert(key_set, new, published_at=now, signs_from=now)
            trail.record(
                actor,
                "keys.emergency",
                f"key set {key_set}",
                alg=alg,
                kid=row.kid,
                dropped_kids=dropped,
                **named,
            )
    return row


def last_at(slug: str, alg: str) -> datetime | None:
    """Return when keys of this line were last dropped as compromised; None if they never were."""
    dropped: datetime | None = SigningKey.objects.filter(
        key_set__slug=slug, alg=alg, compromised=True
    ).aggregate(at=Max("withdrawn_at"))["at"]
    return dropped


def explains(slug: str, alg: str, now: datetime) -> datetime | None:
    """Return the time of an emergency because of which an EHR may still refuse this line's key;
    None if there was none, or if it is so long ago that no EHR holds the old keys any more."""
    at = last_at(slug, alg)
    if at is None:
        return None
    longest = waits.before_signing(KeySet.objects.get(slug=slug)).span
    return at if now < at + longest else None


def _drop(key: SigningKey, now: datetime) -> str:
    """Remove a compromised key from the JWKS and destroy its private key; return its kid."""
    if key.signs_from and not key.signs_until:
        key.signs_until = now
    key.withdrawn_at, key.slot, key.sealed_private_key, key.compromised = now, None, "", True
    key.save(
        update_fields=["signs_until", "withdrawn_at", "slot", "sealed_private_key", "compromised"]
    )
    return key.kid
