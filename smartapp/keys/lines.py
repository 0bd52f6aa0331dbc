"""A line: one algorithm of a key set, where it is in its rotation, and which step comes next.

Each line has exactly one signer at any moment and at most one rotation under way, so that two
lines never need more than four published keys (spec §3.5, §3.6).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from smartapp.keys import stale_copies
from smartapp.keys.models import KeySet, SigningKey

# Epic keeps a JWKS for up to 29 hours; how long athenahealth, Oracle and others do is not
# published (spec §3.3). So the next key is public for longer than that before it signs.
WAIT_BEFORE_SIGNING = timedelta(hours=30)
# The last assertion lives for 5 minutes at most; the rest is for clocks, slow requests, and for
# an EHR to show that it does not know the new key yet.
WAIT_BEFORE_WITHDRAWAL = timedelta(hours=1)


class Step(StrEnum):
    PUBLISH = "publish"
    CONFIRM = "confirm"
    SIGN = "sign"
    ROLL_BACK = "roll-back"
    WITHDRAW = "withdraw"
    ABANDON = "abandon"


@dataclass(frozen=True, slots=True)
class Line:
    """The published keys of one algorithm of a key set."""

    alg: str
    signer: SigningKey | None
    waiting: SigningKey | None
    retiring: SigningKey | None
    imported_by_vendor: bool
    # When an EHR last took the retired key because it did not know the one that signs.
    needed_at: datetime | None = None

    @property
    def withdrawal_from(self) -> datetime | None:
        """Return when the retired key may be withdrawn; None where no key has retired."""
        if self.retiring is None or self.retiring.signs_until is None:
            return None
        last = max(self.retiring.signs_until, self.needed_at or self.retiring.signs_until)
        return last + WAIT_BEFORE_WITHDRAWAL

    def next_step(self) -> tuple[Step, datetime | None]:
        """Return the step that comes next and the moment from which it is allowed (None: now)."""
        if self.waiting and self.imported_by_vendor and not self.waiting.confirmed_at:
            return Step.CONFIRM, None
        if self.waiting:
            return Step.SIGN, self.waiting.published_at + WAIT_BEFORE_SIGNING
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


def line_of(key_set: KeySet, alg: str, keys: Iterable[SigningKey]) -> Line:
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
    return Line(alg, signer, waiting, retiring, key_set.imported_by_vendor, needed_at)


def of(key_set: KeySet) -> list[Line]:
    """Return the lines of a key set as the database has them now."""
    keys = list(key_set.signing_keys.filter(withdrawn_at=None).defer("sealed_private_key"))
    return [line_of(key_set, alg, keys) for alg in sorted({key.alg for key in keys})]


@contextmanager
def locked_line(key_set: KeySet, alg: str) -> Iterator[Line]:
    """A transaction that is alone with the key set; gives the line as it is then."""
    with transaction.atomic():
        locked = KeySet.objects.select_for_update().get(pk=key_set.pk)
        yield line_of(locked, alg, key_set.signing_keys.filter(withdrawn_at=None, alg=alg))
