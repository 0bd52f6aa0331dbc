"""The life of signing keys, step by step: publish, wait, sign, retire, withdraw (spec §3.4, §3.5).

    publish_next      the next key enters the JWKS; nothing is signed with it yet (`key_creation`)
    confirm           where an EHR imported our JWKS: somebody says that it has the next key
    start_signing     when its wait is over and no EHR holds a copy without it (`waits`)
    roll_back         the old one signs again, and the new one retires
    withdraw          an hour after its last signature the retired one leaves the JWKS for good;
                      an EHR that still needs it in the new one's stead puts that off
    abandon           the next key leaves the JWKS without ever having signed

`rotation` says where a line is and what comes next, `refusals` why a step is refused, `automation`
what happens by itself, `emergency` what is done when a private half is known to somebody.

Everything here may run on several machines at once. Each change is one short transaction that
first locks the key set's row (SQLite has one writer at a time anyway) and then looks again: who
comes second is refused, and the database's constraints stand behind it.
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
from smartapp.keys.rotation import Line, Step, locked_line


def confirm(key_set: KeySet, alg: str, *, now: datetime, actor: str) -> SigningKey:
    """Take down that the EHR which imported our JWKS has the next key too (spec §3.10)."""
    with locked_line(key_set, alg) as line:
        if line.waiting is None or line.next_step()[0] is not Step.CONFIRM:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting for a confirmation.")
        refuse_clock_behind(line, now)
        line.waiting.confirmed_at = now
        line.waiting.save(update_fields=["confirmed_at"])
        trail.record(actor, "keys.confirm", f"key set {key_set}", alg=alg, kid=line.waiting.kid)
    return line.waiting


def start_signing(
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str = "", reason: str = ""
) -> SigningKey:
    """Let the published key sign and the old one retire, in one moment.

    StepRefused before every EHR has had the time to fetch the new key, unless `typed` names the
    EHRs at risk, for a `reason`; never before an EHR that imported our JWKS has it.
    """
    with locked_line(key_set, alg) as line:
        if line.waiting is None:
            raise NothingToDo(f"No {alg} key of {key_set} is waiting to sign: publish one first.")
        refuse_clock_behind(line, now)
        step, when = line.next_step()
        if step is Step.CONFIRM or when is None:
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
    """Let the retired key sign again and the present signer retire, in one moment.

    There is nothing to wait for: the retired key has never left the JWKS. StepRefused when another
    key signs than `while_signs`.
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
    key_set: KeySet, alg: str, *, now: datetime, actor: str, typed: str = "", reason: str = ""
) -> SigningKey:
    """Withdraw the key that has retired. StepRefused while its last assertion may be on its way
    or an EHR still needs it, unless `typed` names the EHRs at risk, for a `reason`.

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
