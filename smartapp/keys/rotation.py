"""A line: one algorithm of a key set, where it is in its rotation, and which step comes next.

Each line has exactly one signer at any moment and at most one rotation under way, so that two
lines never need more than four published keys (spec §3.5, §3.6).
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


class Step(StrEnum):
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
    # When an EHR last took the retired key because it did not know the one that signs.
    needed_at: datetime | None = None

    def known_from(self, key: SigningKey) -> datetime:
        """Return from when no EHR can hold a copy of the JWKS without this key: by the longer of
        the wait as it is now and as it was when the key was published."""
        return max(key.published_at + self.wait.span, key.known_from or key.published_at)

    @property
    def withdrawal_from(self) -> datetime | None:
        """Return when the retired key may be withdrawn; None where no key has retired."""
        if self.retiring is None or self.retiring.signs_until is None:
            return None
        retired = self.retiring.signs_until
        needed = max(retired, self.needed_at or retired)
        return min(needed + waits.BEFORE_WITHDRAWAL, retired + waits.LATEST_WITHDRAWAL)

    def next_step(self) -> tuple[Step, datetime | None]:
        """Return the step that comes next and the moment from which it is allowed (None: now)."""
        if self.waiting and self.imported_by_vendor and not self.waiting.confirmed_at:
            return Step.CONFIRM, None
        if self.waiting:
            return Step.SIGN, self.known_from(self.waiting)
        if self.withdrawal_from:
            return Step.WITHDRAW, self.withdrawal_from
        return Step.PUBLISH, None

    def allowed_steps(self, now: datetime) -> list[Step]:
        """Return what may be done at this moment."""
        step, when = self.next_step()
        allowed = [step] if when is None or when <= now else []
        if self.waiting:
            allowed.append(Step.ABANDON)
        if self.retiring:
            allowed.append(Step.ROLL_BACK)
        return allowed

    def blocked_step(self, now: datetime) -> Step | None:
        """Return the step whose wait is not over, which may be cut short at the EHRs' risk."""
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
    """Return the lines of a key set as the database has them now."""
    keys = list(key_set.signing_keys.filter(withdrawn_at=None).defer("sealed_private_key"))
    wait = waits.before_signing(key_set)
    return [_line(key_set, alg, keys, wait) for alg in sorted({key.alg for key in keys})]


def read(key_set: KeySet, alg: str) -> Line:
    """Return one line as the database has it now, with the private halves of its keys sealed."""
    keys = key_set.signing_keys.filter(withdrawn_at=None, alg=alg)
    return _line(key_set, alg, keys, waits.before_signing(key_set))


def usable_from(key_set: KeySet, line: Line) -> datetime | None:
    """Return from when an EHR that may hold a copy of the key set knows the signer of this line.

    None: at once, as nobody can hold a copy without it, or as its wait was ended by somebody who
    named the EHRs at risk; or the line has no signer.
    """
    signer = line.signer
    if signer is None or signer.signs_from != signer.published_at:
        return None
    before = key_set.signing_keys.filter(published_at__lt=signer.published_at)
    held = before.exists() and waits.may_be_held(key_set)
    return line.known_from(signer) if held else None


@contextmanager
def locked_line(key_set: KeySet, alg: str) -> Iterator[Line]:
    """A transaction that is alone with the key set; gives the line as it is then."""
    with transaction.atomic():
        transaction.on_commit(memory.refresh_soon)
        locked = KeySet.objects.select_for_update().get(pk=key_set.pk)
        yield read(locked, alg)
