"""How keys enter a key set: created with it, published as the next key, or imported.

Keys are generated before the transaction, because that takes CPU time.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.core.validators import validate_slug
from django.db import IntegrityError, transaction

from smartapp.audit import trail
from smartapp.keys import material, rotation, waits
from smartapp.keys.models import MAX_PUBLISHED_KEYS, Algorithm, KeySet, SigningKey
from smartapp.keys.refusals import StepRefused, refuse_clock_behind
from smartapp.keys.rotation import Line, RotationStep, locked_line

DEFAULT_ALGS = (Algorithm.RS384, Algorithm.ES384)  # what a SMART client must support (C64)


def _refuse_second_rotation(key_set: KeySet, line: Line, now: datetime) -> None:
    if line.signer is None:
        raise StepRefused(f"Key set {key_set} has no {line.alg} key to rotate.")
    step, when = line.next_step()
    if step in {RotationStep.SIGN, RotationStep.CONFIRM}:
        raise StepRefused(
            f"The next {line.alg} key of {key_set} is published already; it has to sign first.",
            when=when,
        )
    if step is RotationStep.WITHDRAW:
        raise StepRefused(
            f"The previous {line.alg} key of {key_set} has to be withdrawn first.", when=when
        )
    # Checked last: a user who lost a race against another by a moment has no wrong clock.
    refuse_clock_behind(line, now)
    free_slot(key_set)


def free_slot(key_set: KeySet) -> int:
    """Return the first free slot of the published keys. Raises StepRefused when all five are
    taken."""
    taken = set(key_set.signing_keys.filter(withdrawn_at=None).values_list("slot", flat=True))
    free = [slot for slot in range(1, MAX_PUBLISHED_KEYS + 1) if slot not in taken]
    if not free:
        raise StepRefused(
            f"Key set {key_set} has {MAX_PUBLISHED_KEYS} published keys, and more are refused: "
            "finish the rotation of another algorithm first."
        )
    return free[0]


def insert(
    key_set: KeySet, new: material.NewKey, *, published_at: datetime, signs_from: datetime | None
) -> SigningKey:
    row = material.sealed_row(
        new,
        key_set=key_set,
        slot=free_slot(key_set),
        published_at=published_at,
        known_from=published_at + waits.before_signing(key_set).span,
        signs_from=signs_from,
    )
    row.save(force_insert=True)
    return row


def add_lines(
    key_set: KeySet, algs: Iterable[str], *, now: datetime, actor: str = "system"
) -> None:
    """Give the key set a key for each of `algs` for which it has none; all of them or none.

    In one transaction, because a copy of the set that is taken between two keys lacks the second.
    A key signs at once if no EHR can hold a copy of the set without it. Otherwise it waits, as
    every next key does (docs/key-rotation.md, "How long a new key waits").
    """
    published = key_set.signing_keys.filter(withdrawn_at=None)
    present = set(published.values_list("alg", flat=True))
    missing = [material.generate(alg) for alg in dict.fromkeys(algs) if alg not in present]
    with transaction.atomic():
        for new in missing:
            _add_line(key_set, new, now=now, actor=actor)


def _add_line(key_set: KeySet, new: material.NewKey, *, now: datetime, actor: str) -> None:
    with locked_line(key_set, new.alg) as line:
        if line.published():
            return
        was_public = key_set.signing_keys.filter(published_at__lt=now).exists()
        waits_for_copies = was_public and waits.may_be_held(key_set)
        signs_from = None if waits_for_copies else now
        row = insert(key_set, new, published_at=now, signs_from=signs_from)
        trail.record(actor, "keys.add", f"key set {key_set}", alg=new.alg, kid=row.kid)


def create_key_set(
    slug: str, *, algs: Iterable[str] = DEFAULT_ALGS, now: datetime, actor: str = "system"
) -> KeySet:
    """Return the key set `slug` with a key for each of `algs`; create what is missing.

    Raises ValidationError if `slug` cannot be part of a URL.
    """
    validate_slug(slug)
    key_set, _ = KeySet.objects.get_or_create(slug=slug, defaults={"created_at": now})
    add_lines(key_set, algs, now=now, actor=actor)
    return key_set


def publish_next(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Publish the next key of a line. Raises StepRefused while a rotation is under way."""
    _refuse_second_rotation(key_set, rotation.read(key_set, alg), now)
    new = material.generate(alg)
    with locked_line(key_set, alg) as line:
        _refuse_second_rotation(key_set, line, now)
        row = insert(key_set, new, published_at=now, signs_from=None)
        trail.record(actor, "keys.publish", f"key set {key_set}", alg=alg, kid=row.kid)
    return row


def import_key(
    key_set: KeySet, new: material.NewKey, *, now: datetime, actor: str, reason: str
) -> SigningKey:
    """Publish a key that was made elsewhere as the next key of its line.

    If the line has no key yet, it signs at once: an EHR that already knows this key need not wait.
    Raises StepRefused while a rotation is under way, and for a key that is or was in any key set.
    """
    with locked_line(key_set, new.alg) as line, _kid_refused_twice(new.kid):
        if line.signer:
            _refuse_second_rotation(key_set, line, now)
        row = insert(key_set, new, published_at=now, signs_from=None if line.signer else now)
        trail.record(
            actor, "keys.import", f"key set {key_set}", alg=new.alg, kid=row.kid, reason=reason
        )
    return row


@contextmanager
def _kid_refused_twice(kid: str) -> Iterator[None]:
    """Refuse a kid that the database already has. The same key may be entering another set right
    now, so only the database's constraint can tell."""
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
