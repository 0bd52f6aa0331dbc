"""The state of a line's rotation, and its next step. A line is one algorithm of a key set.

Each line has exactly one signer at any moment and at most one rotation under way, so two lines
never need more than four published keys.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from smartapp.keys import memory, stale_copies, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.waits import Wait


class RotationStep(StrEnum):
    PUBLISH = "publish"
    CONFIRM = "confirm"
    SIGN = "sign"
    ROLL_BACK = "roll-back"
    WITHDRAW = "withdraw"
    ABANDON = "abandon"


@dataclass(frozen=True, slots=True)
class Line:
    """The published keys of one algorithm of a key set, and how long its next key waits."""

    alg: str
    signer: SigningKey | None
    waiting: SigningKey | None
    retiring: SigningKey | None
    imported_by_vendor: bool
    wait: Wait
    # When an EHR last accepted the retired key because it did not know the signer.
    needed_at: datetime | None = None

    def known_from(self, key: SigningKey) -> datetime:
        """Return from when no EHR can hold a JWKS without this key. The longer wait counts: the
        present one or the one at its publication."""
        return max(key.published_at + self.wait.span, key.known_from or key.published_at)

    @property
    def withdrawal_from(self) -> datetime | None:
        """Return when the retired key may be withdrawn; None if no key has retired."""
        if self.retiring is None or self.retiring.signs_until is None:
            return None
        retired = self.retiring.signs_until
        needed = max(retired, self.needed_at or retired)
        return min(needed + waits.BEFORE_WITHDRAWAL, retired + waits.LATEST_WITHDRAWAL)

    def next_step(self) -> tuple[RotationStep, datetime | None]:
        """Return the next step and the time from which it is allowed (None: now)."""
        if self.waiting and self.imported_by_vendor and not self.waiting.confirmed_at:
            return RotationStep.CONFIRM, None
        if self.waiting:
            return RotationStep.SIGN, self.known_from(self.waiting)
        if self.withdrawal_from:
            return RotationStep.WITHDRAW, self.withdrawal_from
        return RotationStep.PUBLISH, None

    def allowed_steps(self, now: datetime) -> list[RotationStep]:
        """Return the steps that are allowed at `now`."""
        step, when = self.next_step()
        allowed = [step] if when is None or when <= now else []
        if self.waiting:
            allowed.append(RotationStep.ABANDON)
        if self.retiring:
            allowed.append(RotationStep.ROLL_BACK)
        return allowed

    def blocked_step(self, now: datetime) -> RotationStep | None:
        """Return the step whose wait is not over and may be cut short at the EHRs' risk."""
        step, when = self.next_step()
        return step if when and now < when else None

    def published(self) -> list[SigningKey]:
        return [key for key in (self.signer, self.waiting, self.retiring) if key]


def _line(key_set: KeySet, alg: str, keys: Iterable[SigningKey], wait: Wait) -> Line:
    waiting = signer = retiring = None
    for key in keys:
        if key.alg != alg:
            continue
        if key.signs_until:
            retiring = key
        elif key.signs_from:
            signer = key
        else:
            waiting = key
    needed_at = stale_copies.last_needed_at(retiring.kid) if retiring else None
    return Line(alg, signer, waiting, retiring, key_set.imported_by_vendor, wait, needed_at)


def of(key_set: KeySet) -> list[Line]:
    """Return the lines of a key set, read from the database."""
    keys = list(key_set.signing_keys.filter(withdrawn_at=None).defer("sealed_private_key"))
    wait = waits.before_signing(key_set)
    return [_line(key_set, alg, keys, wait) for alg in sorted({key.alg for key in keys})]


def read(key_set: KeySet, alg: str) -> Line:
    """Return one line, read from the database. The private keys stay sealed."""
    keys = key_set.signing_keys.filter(withdrawn_at=None, alg=alg)
    return _line(key_set, alg, keys, waits.before_signing(key_set))


def usable_from(key_set: KeySet, line: Line) -> datetime | None:
    """Return from when an EHR that may hold a copy of the key set knows the signer of this line.

    None if it may be used at once: no EHR can hold a copy without it, or its wait was cut short by
    an administrator who named the EHRs at risk. Also None if the line has no signer.
    """
    signer = line.signer
    if signer is None or signer.signs_from != signer.published_at:
        return None
    before = key_set.signing_keys.filter(published_at__lt=signer.published_at)
    held = before.exists() and waits.may_be_held(key_set)
    return line.known_from(signer) if held else None


@contextmanager
def locked_line(key_set: KeySet, alg: str) -> Iterator[Line]:
    """Open a transaction that locks the key set; yield the line as read inside it."""
    with transaction.atomic():
        transaction.on_commit(memory.refresh_soon)
        locked = KeySet.objects.select_for_update().get(pk=key_set.pk)
        yield read(locked, alg)
