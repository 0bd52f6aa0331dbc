"""The life of signing keys, step by step: publish, wait, sign, retire, withdraw.

    publish_next      the next key enters the JWKS and does not sign yet (`key_creation`)
    confirm           an administrator confirms that the EHR that imported our JWKS has it
    start_signing     the next key signs once no EHR holds an older copy of the JWKS (`waits`)
    roll_back         the previous key signs again, and the new one retires
    withdraw          an hour after its last signature the retired key leaves the JWKS for good;
                      an EHR that still needs it postpones that
    abandon           the next key leaves the JWKS without ever having signed

`rotation` describes the state of a line and its next step, `refusals` has the reasons for refusing
a step, `automation` the automatic steps, and `emergency` the replacement of a leaked key. For
administrators: docs/key-rotation.md.

Everything here may run on several machines at once. Each change is one short transaction. It locks
the key set's row first (SQLite has one writer at a time anyway) and then checks the state again, so
the second of two concurrent steps is refused. The database's constraints enforce the same rules.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Q

from smartapp.audit import trail
from smartapp.keys import waits
from smartapp.keys.key_creation import publish_next
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import (
    NothingToDo,
    StepRefused,
    refuse_before,
    refuse_clock_behind,
    refuse_if_another_signs,
    why_not_withdrawn,
)
from smartapp.keys.rotation import Line, RotationStep, locked_line


def confirm(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Record that the EHR which imported our JWKS has the next key too."""
    with locked_line(key_set, alg) as line:
        if line.waiting is None or line.next_step()[0] is not RotationStep.CONFIRM:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting for a confirmation.")
        refuse_clock_behind(line, now)
        line.waiting.confirmed_at = now
        line.waiting.save(update_fields=["confirmed_at"])
        trail.record(actor, "keys.confirm", f"key set {key_set}", alg=alg, kid=line.waiting.kid)
    return line.waiting


def start_signing(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str = "", reason: str = ""
) -> SigningKey:
    """Let the published key sign and the present signer retire, in one transaction.

    Raises StepRefused before every EHR has had time to fetch the new key, unless `typed` names the
    EHRs at risk and `reason` is given. An EHR that imported our JWKS must always have the new key
    first.
    """
    with locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign: publish one first.")
        refuse_clock_behind(line, now)
        step, when = line.next_step()
        if step is RotationStep.CONFIRM or when is None:
            raise StepRefused(
                f"An EHR holds an imported copy of the keys of {key_set}: give it the new {alg} "
                "key and confirm that first."
            )
        evidence = refuse_before(
            when,
            key_set,
            f"EHRs may still hold a copy of the JWKS of {key_set} without the new {alg} key. "
            f"{_why_so_long(line)}",
            now=now,
            typed=typed,
            reason=reason,
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


def _why_so_long(line: Line) -> str:
    if line.waiting and line.known_from(line.waiting) > line.waiting.published_at + line.wait.span:
        return "When it was published the wait was longer, and it does not become shorter."
    return line.wait.why


def roll_back(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, while_signs: str = ""
) -> SigningKey:
    """Let the retired key sign again and the present signer retire, in one transaction.

    No wait is needed: the retired key never left the JWKS. Raises StepRefused if a key other than
    `while_signs` signs now.
    """
    with locked_line(key_set, alg) as line:
        again, signer = line.retiring, line.signer
        if again is None or signer is None or not (again.signs_from and again.signs_until):
            raise NothingToDo(
                f"No {alg} key of {key_set} has retired and is still public: publish a new one."
            )
        refuse_if_another_signs(line, while_signs)
        refuse_clock_behind(line, now)
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
    """Remove a key from the JWKS and destroy its private key, in the same UPDATE.

    The WHERE clause repeats the conditions, in case the row has changed meanwhile.
    """
    over = Q(signs_until__lte=retired_before) | Q(signs_from=None)
    withdrawn = SigningKey.objects.filter(over, pk=key.pk, withdrawn_at=None).update(
        withdrawn_at=now, sealed_private_key="", slot=None
    )
    if not withdrawn:
        raise StepRefused(f"The {key.alg} key {key.kid} is in use: let another one sign first.")


def withdraw(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str = "", reason: str = ""
) -> SigningKey:
    """Withdraw the retired key. Raises StepRefused while its last assertion may be in transit or an
    EHR still needs the key, unless `typed` names the EHRs at risk and `reason` is given.

    A signer is never withdrawn: it retires when the next key starts to sign.
    """
    with locked_line(key_set, alg) as line:
        when = line.withdrawal_from
        if line.retiring is None or when is None:
            raise NothingToDo(
                f"No {alg} key of {key_set} has retired, so none can be withdrawn: publish the "
                "next one and let it sign first."
            )
        refuse_clock_behind(line, now)
        evidence = refuse_before(
            when,
            key_set,
            why_not_withdrawn(key_set, line),
            now=now,
            typed=typed,
            reason=reason,
        )
        retired_before = now if evidence else now - waits.BEFORE_WITHDRAWAL
        _withdraw(line.retiring, now=now, retired_before=retired_before)
        trail.record(
            actor, "keys.withdraw", f"key set {key_set}", alg=alg, kid=line.retiring.kid, **evidence
        )
    return line.retiring


def abandon(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Withdraw the published key that has never signed: the rotation is called off."""
    with locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign.")
        refuse_clock_behind(line, now)
        _withdraw(line.waiting, now=now, retired_before=now - waits.BEFORE_WITHDRAWAL)
        trail.record(actor, "keys.abandon", f"key set {key_set}", alg=alg, kid=line.waiting.kid)
    return line.waiting


TAKE: dict[RotationStep, Callable[..., SigningKey]] = {
    RotationStep.PUBLISH: publish_next,
    RotationStep.CONFIRM: confirm,
    RotationStep.SIGN: start_signing,
    RotationStep.ROLL_BACK: roll_back,
    RotationStep.WITHDRAW: withdraw,
    RotationStep.ABANDON: abandon,
}

# Steps whose wait may be cut short by naming the EHRs at risk.
WAITING = frozenset({RotationStep.SIGN, RotationStep.WITHDRAW})
