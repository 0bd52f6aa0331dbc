"""The state of a line's rotation, and its next step. A line is one algorithm of a key set.

Each line has exactly one signer at any moment and at most one rotation under way, so two lines
never need more than four published keys.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import Error as DatabaseError
from django.db import transaction

from smartapp.keys import memory, stale_copies, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.stale_copies import Refusal
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
    # EHRs that did not know one of these keys.
    refusals: tuple[Refusal, ...] = ()

    @property
    def needed_at(self) -> datetime | None:
        """When an EHR last accepted the retired key because it did not know the signer."""
        kid = self.retiring.kid if self.retiring else ""
        return max((one.last_at for one in self.refusals if one.taken_kid == kid), default=None)

    def left_behind_at(self, now: datetime) -> datetime | None:
        """Return when an EHR last refused the signer, if that EHR may be failing now: the key that
        it accepted instead was withdrawn in the last week, less than an hour after that."""
        kid = self.signer.kid if self.signer else ""
        refused = (
            one.last_at
            for one in self.refusals
            if one.refused_kid == kid
            and one.withdrawn_at
            and now - waits.LATEST_WITHDRAWAL < one.withdrawn_at
            and one.withdrawn_at < one.last_at + waits.BEFORE_WITHDRAWAL
        )
        return max(refused, default=None)

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


@dataclass(frozen=True, slots=True)
class Reading:
    """The lines of a key set as the database has them, or why they could not be read."""

    key_set: KeySet
    lines: Sequence[Line]
    error: DatabaseError | None = None


def of(key_set: KeySet) -> list[Line]:
    """Return the lines of a key set, read from the database."""
    return _lines([key_set])[key_set.pk]


def of_each(key_sets: Sequence[KeySet]) -> list[Reading]:
    """Return the lines of each key set, in as many statements as for a single one.

    If that fails, each is read alone, so that one that cannot be read hides no other.
    """
    try:
        found = _lines(key_sets)
    except DatabaseError as error:
        if len(key_sets) == 1:
            return [Reading(key_sets[0], (), error)]
        return [reading for key_set in key_sets for reading in of_each([key_set])]
    return [Reading(key_set, found[key_set.pk]) for key_set in key_sets]


def read(key_set: KeySet, alg: str) -> Line:
    """Return one line, read from the database; one without keys if the key set has none of this
    algorithm."""
    if line := next((line for line in of(key_set) if line.alg == alg), None):
        return line
    wait = waits.before_signing(key_set)
    return Line(alg, None, None, None, key_set.imported_by_vendor, wait)


def _lines(key_sets: Sequence[KeySet]) -> dict[int, list[Line]]:
    """Return the lines of each key set by its id. The private keys stay sealed."""
    rows = SigningKey.objects.filter(key_set__in=key_sets, withdrawn_at=None)
    keys: dict[int, list[SigningKey]] = defaultdict(list)
    for key in rows.defer("sealed_private_key"):
        keys[key.key_set_id].append(key)
    spans = waits.before_signing_each(key_sets)
    refusals = stale_copies.about(key.kid for of_set in keys.values() for key in of_set)
    return {
        one.pk: [
            _line(one, alg, keys[one.pk], spans[one.pk], refusals)
            for alg in sorted({key.alg for key in keys[one.pk]})
        ]
        for one in key_sets
    }


def _line(
    key_set: KeySet,
    alg: str,
    keys: Iterable[SigningKey],
    wait: Wait,
    refusals: Mapping[str, Sequence[Refusal]],
) -> Line:
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
    kids = [key.kid for key in (signer, retiring) if key]
    own = tuple(one for kid in kids for one in refusals.get(kid, ()))
    return Line(alg, signer, waiting, retiring, key_set.imported_by_vendor, wait, own)


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
