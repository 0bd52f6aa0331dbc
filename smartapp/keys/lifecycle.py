"""The life of signing keys: publish, wait, sign, retire, withdraw (spec §3.4 to §3.6).

A *line* is one algorithm of a key set. Each line has exactly one signer at any moment and at
most one rotation under way, so that two lines never need more than four published keys.

    publish_next      the next key enters the JWKS; nothing is signed with it yet
    start_signing     30 hours later, when no EHR holds a copy without it; the old one retires
    withdraw          an hour after its last signature the old one leaves the JWKS for good
    abandon           the next key leaves the JWKS without ever having signed

`auto` finishes what an administrator began. It never begins: an EHR may hold a copy of the JWKS
that somebody uploaded (spec §3.10), and only a person knows.

Everything here may run on several machines at once. Each change is one short transaction that
first locks the key set's row (SQLite has one writer at a time anyway) and then looks again: who
comes second is refused, and the database's constraints stand behind it. Keys are generated
before the transaction, because that takes CPU.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.core.validators import validate_slug
from django.db import transaction
from django.db.models import Q

from smartapp.audit import trail
from smartapp.keys import material
from smartapp.keys.models import MAX_PUBLISHED_KEYS, Algorithm, KeySet, SigningKey

# Epic keeps a JWKS for up to 29 hours; how long athenahealth, Oracle and others do is not
# published (spec §3.3). So the next key is public for longer than that before it signs.
WAIT_BEFORE_SIGNING = timedelta(hours=30)
# The last assertion lives for 5 minutes at most; the rest is for clocks and slow requests.
WAIT_BEFORE_WITHDRAWAL = timedelta(hours=1)

DEFAULT_ALGS = (Algorithm.RS384, Algorithm.ES384)  # what a SMART client must have (C64)


class Step(StrEnum):
    PUBLISH = "publish"
    SIGN = "sign"
    WITHDRAW = "withdraw"
    ABANDON = "abandon"


class StepRefused(Exception):
    """A step that is not allowed now, and why. `when`: the moment from which it will be."""

    def __init__(self, reason: str, *, when: datetime | None = None) -> None:
        at = f" This step is possible from {when:%Y-%m-%d %H:%M:%S} UTC." if when else ""
        super().__init__(reason + at)
        self.when = when


class NothingToDo(StepRefused):
    """No key of the line is at the stage that the step begins with."""


@dataclass(frozen=True, slots=True)
class Line:
    """The published keys of one algorithm of a key set."""

    alg: str
    signer: SigningKey | None
    waiting: SigningKey | None
    retiring: SigningKey | None

    def next_step(self) -> tuple[Step, datetime | None]:
        """Return the step that comes next and the moment from which it is allowed (None: now)."""
        if self.waiting:
            return Step.SIGN, self.waiting.published_at + WAIT_BEFORE_SIGNING
        if self.retiring and self.retiring.signs_until:
            return Step.WITHDRAW, self.retiring.signs_until + WAIT_BEFORE_WITHDRAWAL
        return Step.PUBLISH, None

    def allowed_steps(self, now: datetime) -> list[Step]:
        """Return what may be done at this moment."""
        step, when = self.next_step()
        due = [step] if when is None or when <= now else []
        return [*due, Step.ABANDON] if self.waiting else due


def _line(alg: str, keys: Iterable[SigningKey]) -> Line:
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
    return Line(alg, signer, waiting, retiring)


def lines(key_set: KeySet) -> list[Line]:
    """Return the lines of a key set as the database has them now."""
    keys = list(key_set.signing_keys.filter(withdrawn_at=None).defer("sealed_private_key"))
    return [_line(alg, keys) for alg in sorted({key.alg for key in keys})]


@contextmanager
def _locked_line(key_set: KeySet, alg: str) -> Iterator[Line]:
    """A transaction that is alone with the key set; gives the line as it is then."""
    with transaction.atomic():
        KeySet.objects.select_for_update().get(pk=key_set.pk)
        yield _line(alg, key_set.signing_keys.filter(withdrawn_at=None, alg=alg))


def _refuse_clock_behind(line: Line, now: datetime) -> None:
    """A clock that was set back would write times out of order and cut a wait short."""
    times = [
        moment
        for key in (line.signer, line.waiting, line.retiring)
        if key
        for moment in (key.published_at, key.signs_from, key.signs_until)
        if moment
    ]
    if times and max(times) > now:
        raise StepRefused("The clock of this machine is behind the last step.", when=max(times))


def _refuse_second_rotation(key_set: KeySet, line: Line, now: datetime) -> None:
    if line.signer is None:
        raise StepRefused(f"Key set {key_set} has no {line.alg} key to rotate.")
    _refuse_clock_behind(line, now)
    step, when = line.next_step()
    if step is Step.SIGN:
        raise StepRefused(
            f"The next {line.alg} key of {key_set} is published already; it has to sign first.",
            when=when,
        )
    if step is Step.WITHDRAW:
        raise StepRefused(
            f"The previous {line.alg} key of {key_set} has to be withdrawn first.", when=when
        )


def _insert(
    key_set: KeySet, new: material.NewKey, *, published_at: datetime, signs_from: datetime | None
) -> SigningKey:
    """Insert a new key at the first free place; StepRefused when all five are taken."""
    taken = set(key_set.signing_keys.filter(withdrawn_at=None).values_list("place", flat=True))
    free = [place for place in range(1, MAX_PUBLISHED_KEYS + 1) if place not in taken]
    if not free:
        raise StepRefused(
            f"Key set {key_set} has {MAX_PUBLISHED_KEYS} published keys, and more are refused: "
            "finish the rotation of another algorithm first."
        )
    row = material.sealed_row(
        new, key_set=key_set, place=free[0], published_at=published_at, signs_from=signs_from
    )
    row.save(force_insert=True)
    return row


def add_line(key_set: KeySet, alg: str, *, now: datetime, actor: str = "system") -> None:
    """Give the key set a signer for `alg` if it has none.

    The key signs at once: nobody can have signed with this algorithm before.
    """
    if key_set.signing_keys.filter(alg=alg, withdrawn_at=None).exists():
        return
    new = material.generate(alg)
    with _locked_line(key_set, alg) as line:
        if line.signer is None:
            row = _insert(key_set, new, published_at=now, signs_from=now)
            trail.record(actor, "keys.add", f"key set {key_set}", alg=alg, kid=row.kid)


def create_key_set(
    slug: str, *, algs: Iterable[str] = DEFAULT_ALGS, now: datetime, actor: str = "system"
) -> KeySet:
    """Return the key set `slug` with a signer for each of `algs`, made as far as they are missing.

    ValidationError when `slug` cannot be part of a URL.
    """
    validate_slug(slug)
    key_set, _ = KeySet.objects.get_or_create(slug=slug, defaults={"created_at": now})
    for alg in algs:
        add_line(key_set, alg, now=now, actor=actor)
    return key_set


def publish_next(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Publish the next key of a line. StepRefused while a rotation is under way."""
    current = _line(alg, key_set.signing_keys.filter(withdrawn_at=None, alg=alg))
    _refuse_second_rotation(key_set, current, now)
    new = material.generate(alg)
    with _locked_line(key_set, alg) as line:
        _refuse_second_rotation(key_set, line, now)
        row = _insert(key_set, new, published_at=now, signs_from=None)
        trail.record(actor, "keys.publish", f"key set {key_set}", alg=alg, kid=row.kid)
    return row


def start_signing(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Let the published key sign and the old one retire, in one moment.

    StepRefused before every EHR has had the time to fetch the new key.
    """
    with _locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign: publish one first.")
        _refuse_clock_behind(line, now)
        when = line.waiting.published_at + WAIT_BEFORE_SIGNING
        if now < when:
            raise StepRefused(
                f"EHRs may still hold a copy of the JWKS of {key_set} without the new {alg} key.",
                when=when,
            )
        if line.signer:
            line.signer.signs_until = now
            line.signer.save(update_fields=["signs_until"])
        line.waiting.signs_from = now
        line.waiting.save(update_fields=["signs_from"])
        trail.record(
            actor,
            "keys.sign",
            f"key set {key_set}",
            alg=alg,
            kid=line.waiting.kid,
            retired_kid=line.signer.kid if line.signer else None,
        )
    return line.waiting


def _withdraw(key: SigningKey, *, now: datetime) -> None:
    """Take a key out of the JWKS and destroy its private half, in the same UPDATE.

    The condition names once more what may be withdrawn, whatever happened in between.
    """
    over = Q(signs_until__lte=now - WAIT_BEFORE_WITHDRAWAL) | Q(signs_from=None)
    withdrawn = SigningKey.objects.filter(over, pk=key.pk, withdrawn_at=None).update(
        withdrawn_at=now, sealed_private_key="", place=None
    )
    if not withdrawn:
        raise StepRefused(f"The {key.alg} key {key.kid} is in use.")


def withdraw(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Withdraw the key that has retired. StepRefused while its last assertion may be on its way.

    A signer is never withdrawn: it retires when the next key starts to sign.
    """
    with _locked_line(key_set, alg) as line:
        if line.retiring is None or line.retiring.signs_until is None:
            raise NothingToDo(f"No {alg} key of {key_set} has retired, so none can be withdrawn.")
        when = line.retiring.signs_until + WAIT_BEFORE_WITHDRAWAL
        if now < when:
            raise StepRefused(
                f"Assertions signed with the old {alg} key of {key_set} may still be on their way.",
                when=when,
            )
        _withdraw(line.retiring, now=now)
        trail.record(actor, "keys.withdraw", f"key set {key_set}", alg=alg, kid=line.retiring.kid)
    return line.retiring


def abandon(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Withdraw the published key that has never signed: the rotation is called off."""
    with _locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign.")
        _refuse_clock_behind(line, now)
        _withdraw(line.waiting, now=now)
        trail.record(actor, "keys.abandon", f"key set {key_set}", alg=alg, kid=line.waiting.kid)
    return line.waiting


TAKE: dict[Step, Callable[..., SigningKey]] = {
    Step.PUBLISH: publish_next,
    Step.SIGN: start_signing,
    Step.WITHDRAW: withdraw,
    Step.ABANDON: abandon,
}


def auto(
    key_sets: Iterable[KeySet], *, now: datetime, actor: str
) -> list[tuple[KeySet, Step, SigningKey]]:
    """Take every step whose wait is over and return them. Idempotent."""
    taken = []
    for key_set in key_sets:
        for line in lines(key_set):
            step, when = line.next_step()
            if when is None or now < when:
                continue
            try:
                taken.append((key_set, step, TAKE[step](key_set, line.alg, now=now, actor=actor)))
            except StepRefused:
                # Another machine took this step between our look and our lock.
                continue
    return taken
