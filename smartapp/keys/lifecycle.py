"""The life of signing keys: publish, wait, sign, retire, withdraw (spec §3.4 to §3.6).

A *line* is one algorithm of a key set. Each line has exactly one signer at any moment and at
most one rotation under way, so that two lines never need more than four published keys.

    publish_next      the next key enters the JWKS; nothing is signed with it yet
    confirm           where an EHR imported our JWKS: somebody says that it has the next key
    start_signing     30 hours later, when no EHR holds a copy without it; the old one retires
    roll_back         the old one signs again, and the new one retires
    withdraw          an hour after its last signature the retired one leaves the JWKS for good
    abandon           the next key leaves the JWKS without ever having signed
    replace_at_once   emergency: a new key signs at once, all others of the line are dropped

Who wants to cut a wait short names the EHRs that it may break, letter by letter; the same for an
emergency. What happens by itself is in `automation`.

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
from typing import Any

from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
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
    CONFIRM = "confirm"
    SIGN = "sign"
    ROLL_BACK = "roll-back"
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
    imported_by_vendor: bool

    def next_step(self) -> tuple[Step, datetime | None]:
        """Return the step that comes next and the moment from which it is allowed (None: now)."""
        if self.waiting and self.imported_by_vendor and not self.waiting.confirmed_at:
            return Step.CONFIRM, None
        if self.waiting:
            return Step.SIGN, self.waiting.published_at + WAIT_BEFORE_SIGNING
        if self.retiring and self.retiring.signs_until:
            return Step.WITHDRAW, self.retiring.signs_until + WAIT_BEFORE_WITHDRAWAL
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


def _line(key_set: KeySet, alg: str, keys: Iterable[SigningKey]) -> Line:
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
    return Line(alg, signer, waiting, retiring, key_set.imported_by_vendor)


def lines(key_set: KeySet) -> list[Line]:
    """Return the lines of a key set as the database has them now."""
    keys = list(key_set.signing_keys.filter(withdrawn_at=None).defer("sealed_private_key"))
    return [_line(key_set, alg, keys) for alg in sorted({key.alg for key in keys})]


def at_risk(key_set: KeySet) -> list[str]:
    """Return the names of the registrations whose launches fail when a key changes too early."""
    signing = key_set.registrations.filter(enabled=True, auth_method="private_key_jwt")
    return list(signing.order_by("name").values_list("name", flat=True))


def confirmation(key_set: KeySet) -> str:
    """Return what has to be typed before a wait is cut short: the EHRs at risk, by name."""
    return ", ".join(at_risk(key_set)) or key_set.slug


def _refuse_unless_named(key_set: KeySet, typed: str) -> None:
    if typed != confirmation(key_set):
        raise StepRefused(
            f"To do this, type exactly what is at risk: {confirmation(key_set)}. "
            "Nothing was changed."
        )


def _refuse_before(
    when: datetime, key_set: KeySet, reason: str, *, now: datetime, typed: str
) -> dict[str, Any]:
    """StepRefused before `when`, unless the EHRs at risk were named; returns what the audit
    trail has to say about that."""
    if now >= when:
        return {}
    if not typed:
        raise StepRefused(reason, when=when)
    _refuse_unless_named(key_set, typed)
    return {"cut_short": f"{when:%Y-%m-%d %H:%M:%S} UTC", "at_risk": at_risk(key_set)}


@contextmanager
def _locked_line(key_set: KeySet, alg: str) -> Iterator[Line]:
    """A transaction that is alone with the key set; gives the line as it is then."""
    with transaction.atomic():
        locked = KeySet.objects.select_for_update().get(pk=key_set.pk)
        yield _line(locked, alg, key_set.signing_keys.filter(withdrawn_at=None, alg=alg))


def _refuse_clock_behind(line: Line, now: datetime) -> None:
    """A clock that was set back would write times out of order and cut a wait short."""
    times = [
        moment
        for key in line.published()
        for moment in (key.published_at, key.signs_from, key.signs_until)
        if moment
    ]
    if times and max(times) > now:
        raise StepRefused(
            "The clock of this machine is behind the last step: set it right, or wait.",
            when=max(times),
        )


def _refuse_second_rotation(key_set: KeySet, line: Line, now: datetime) -> None:
    if line.signer is None:
        raise StepRefused(f"Key set {key_set} has no {line.alg} key to rotate.")
    _refuse_clock_behind(line, now)
    step, when = line.next_step()
    if step in {Step.SIGN, Step.CONFIRM}:
        raise StepRefused(
            f"The next {line.alg} key of {key_set} is published already; it has to sign first.",
            when=when,
        )
    if step is Step.WITHDRAW:
        raise StepRefused(
            f"The previous {line.alg} key of {key_set} has to be withdrawn first.", when=when
        )
    _free_place(key_set)


def _free_place(key_set: KeySet) -> int:
    """Return the first free place among the published keys; StepRefused when all five are taken."""
    taken = set(key_set.signing_keys.filter(withdrawn_at=None).values_list("place", flat=True))
    free = [place for place in range(1, MAX_PUBLISHED_KEYS + 1) if place not in taken]
    if not free:
        raise StepRefused(
            f"Key set {key_set} has {MAX_PUBLISHED_KEYS} published keys, and more are refused: "
            "finish the rotation of another algorithm first."
        )
    return free[0]


def _insert(
    key_set: KeySet, new: material.NewKey, *, published_at: datetime, signs_from: datetime | None
) -> SigningKey:
    row = material.sealed_row(
        new,
        key_set=key_set,
        place=_free_place(key_set),
        published_at=published_at,
        signs_from=signs_from,
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
    current = _line(key_set, alg, key_set.signing_keys.filter(withdrawn_at=None, alg=alg))
    _refuse_second_rotation(key_set, current, now)
    new = material.generate(alg)
    with _locked_line(key_set, alg) as line:
        _refuse_second_rotation(key_set, line, now)
        row = _insert(key_set, new, published_at=now, signs_from=None)
        trail.record(actor, "keys.publish", f"key set {key_set}", alg=alg, kid=row.kid)
    return row


def import_key(key_set: KeySet, new: material.NewKey, *, now: datetime, actor: str) -> SigningKey:
    """Publish a key that was made elsewhere as the next one of its line.

    Where the line has no key yet, it signs at once, as in `add_line`: an EHR that knows this key
    from before has nothing to wait for. StepRefused while a rotation is under way, and for a key
    that any key set has or had.
    """
    with _locked_line(key_set, new.alg) as line, _kid_refused_twice(new.kid):
        if line.signer:
            _refuse_second_rotation(key_set, line, now)
        row = _insert(key_set, new, published_at=now, signs_from=None if line.signer else now)
        trail.record(actor, "keys.import", f"key set {key_set}", alg=new.alg, kid=row.kid)
    return row


@contextmanager
def _kid_refused_twice(kid: str) -> Iterator[None]:
    """The database knows best: the same key may be on its way into another set just now."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        if not SigningKey.objects.filter(kid=kid).exists():
            raise
        raise StepRefused(
            f"The key {kid} is or was in a key set already, and no key is used twice: import "
            "another, or let one be made."
        ) from None


def confirm(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Take down that the EHR which imported our JWKS has the next key too (spec §3.10)."""
    with _locked_line(key_set, alg) as line:
        if line.waiting is None or line.next_step()[0] is not Step.CONFIRM:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting for a confirmation.")
        _refuse_clock_behind(line, now)
        line.waiting.confirmed_at = now
        line.waiting.save(update_fields=["confirmed_at"])
        trail.record(actor, "keys.confirm", f"key set {key_set}", alg=alg, kid=line.waiting.kid)
    return line.waiting


def start_signing(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str = ""
) -> SigningKey:
    """Let the published key sign and the old one retire, in one moment.

    StepRefused before every EHR has had the time to fetch the new key, unless `typed` names the
    EHRs at risk; never before an EHR that imported our JWKS has it.
    """
    with _locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign: publish one first.")
        _refuse_clock_behind(line, now)
        if line.next_step()[0] is Step.CONFIRM:
            raise StepRefused(
                f"An EHR holds an imported copy of the keys of {key_set}: give it the new {alg} "
                "key and confirm that first."
            )
        evidence = _refuse_before(
            line.waiting.published_at + WAIT_BEFORE_SIGNING,
            key_set,
            f"EHRs may still hold a copy of the JWKS of {key_set} without the new {alg} key.",
            now=now,
            typed=typed,
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
            **evidence,
        )
    return line.waiting


def roll_back(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Let the retired key sign again and the present signer retire, in one moment.

    There is nothing to wait for: the retired key has never left the JWKS.
    """
    with _locked_line(key_set, alg) as line:
        again, signer = line.retiring, line.signer
        if again is None or signer is None or not (again.signs_from and again.signs_until):
            raise NothingToDo(
                f"No {alg} key of {key_set} has retired and is still public: publish a new one."
            )
        _refuse_clock_behind(line, now)
        signer.signs_until = now
        signer.save(update_fields=["signs_until"])
        again.earlier_terms.append([again.signs_from.isoformat(), again.signs_until.isoformat()])
        again.signs_from, again.signs_until = now, None
        again.save(update_fields=["signs_from", "signs_until", "earlier_terms"])
        trail.record(
            actor,
            "keys.roll_back",
            f"key set {key_set}",
            alg=alg,
            kid=again.kid,
            retired_kid=signer.kid,
        )
    return again


def _withdraw(key: SigningKey, *, now: datetime, retired_before: datetime) -> None:
    """Take a key out of the JWKS and destroy its private half, in the same UPDATE.

    The condition names once more what may be withdrawn, whatever happened in between.
    """
    over = Q(signs_until__lte=retired_before) | Q(signs_from=None)
    withdrawn = SigningKey.objects.filter(over, pk=key.pk, withdrawn_at=None).update(
        withdrawn_at=now, sealed_private_key="", place=None
    )
    if not withdrawn:
        raise StepRefused(f"The {key.alg} key {key.kid} is in use: let another one sign first.")


def withdraw(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str = ""
) -> SigningKey:
    """Withdraw the key that has retired. StepRefused while its last assertion may be on its way,
    unless `typed` names the EHRs at risk.

    A signer is never withdrawn: it retires when the next key starts to sign.
    """
    with _locked_line(key_set, alg) as line:
        if line.retiring is None or line.retiring.signs_until is None:
            raise NothingToDo(
                f"No {alg} key of {key_set} has retired, so none can be withdrawn: publish the "
                "next one and let it sign first."
            )
        _refuse_clock_behind(line, now)
        when = line.retiring.signs_until + WAIT_BEFORE_WITHDRAWAL
        evidence = _refuse_before(
            when,
            key_set,
            f"Assertions signed with the old {alg} key of {key_set} may still be on their way.",
            now=now,
            typed=typed,
        )
        retired_before = now if evidence else now - WAIT_BEFORE_WITHDRAWAL
        _withdraw(line.retiring, now=now, retired_before=retired_before)
        trail.record(
            actor, "keys.withdraw", f"key set {key_set}", alg=alg, kid=line.retiring.kid, **evidence
        )
    return line.retiring


def abandon(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Withdraw the published key that has never signed: the rotation is called off."""
    with _locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign.")
        _refuse_clock_behind(line, now)
        _withdraw(line.waiting, now=now, retired_before=now - WAIT_BEFORE_WITHDRAWAL)
        trail.record(actor, "keys.abandon", f"key set {key_set}", alg=alg, kid=line.waiting.kid)
    return line.waiting


def replace_at_once(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str
) -> SigningKey:
    """Publish a new key, sign with it and drop every other key of the line, in one moment.

    For a private half that somebody else may have. Token requests fail at each EHR until it
    fetches the JWKS again, so `typed` must name them.
    """
    _refuse_unless_named(key_set, typed)
    new = material.generate(alg)
    with _locked_line(key_set, alg) as line:
        if line.signer is None:
            raise NothingToDo(f"Key set {key_set} has no {alg} key to replace.")
        _refuse_clock_behind(line, now)
        dropped = [_drop(key, now) for key in line.published()]
        row = _insert(key_set, new, published_at=now, signs_from=now)
        trail.record(
            actor,
            "keys.emergency",
            f"key set {key_set}",
            alg=alg,
            kid=row.kid,
            dropped_kids=dropped,
            at_risk=at_risk(key_set),
        )
    return row


def _drop(key: SigningKey, now: datetime) -> str:
    """Take a compromised key out of the JWKS and destroy its private half; return its kid."""
    if key.signs_from and not key.signs_until:
        key.signs_until = now
    key.withdrawn_at, key.place, key.sealed_private_key, key.compromised = now, None, "", True
    key.save(
        update_fields=["signs_until", "withdrawn_at", "place", "sealed_private_key", "compromised"]
    )
    return key.kid


TAKE: dict[Step, Callable[..., SigningKey]] = {
    Step.PUBLISH: publish_next,
    Step.CONFIRM: confirm,
    Step.SIGN: start_signing,
    Step.ROLL_BACK: roll_back,
    Step.WITHDRAW: withdraw,
    Step.ABANDON: abandon,
}

# Their waits may be cut short by naming the EHRs at risk.
WAITING = frozenset({Step.SIGN, Step.WITHDRAW})
