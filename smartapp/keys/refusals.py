"""The reasons for refusing a step: its wait, a clock that is behind, or EHRs at risk not named."""

from datetime import datetime
from typing import Any

from smartapp.keys.models import KeySet
from smartapp.keys.rotation import Line

MAX_REASON = 300  # characters


class StepRefused(Exception):
    """A step is not allowed now, and why. `when`: the time from which it will be allowed, in
    UTC."""

    def __init__(self, reason: str, *, when: datetime | None = None) -> None:
        at = f" This step is possible from {when:%Y-%m-%d %H:%M:%S} UTC." if when else ""
        super().__init__(reason + at)
        self.when = when


class NothingToDo(StepRefused):
    """No key of the line is at the stage where this step begins."""


class NotNamed(StepRefused):
    """What puts launches at risk was not confirmed by typing it, or no reason was given."""


def last_step(line: Line) -> datetime | None:
    """Return the time of the line's last change; None if it has no key."""
    times = [
        moment
        for key in line.published()
        for moment in (key.published_at, key.signs_from, key.signs_until)
        if moment
    ]
    return max(times, default=None)


def refuse_clock_behind(line: Line, now: datetime) -> None:
    """Raise StepRefused if the clock is behind the last step: it would write timestamps out of
    order and cut a wait short."""
    last = last_step(line)
    if last and last > now:
        raise StepRefused(
            "The clock of this machine is behind the last step: set it right, or wait.",
            when=last,
        )


def refuse_if_another_signs(line: Line, while_signs: str) -> None:
    """Raise StepRefused unless the key `while_signs` (a kid, as the page showed it) still signs.
    Two people may press the same button at once; the second would undo or repeat the first one's
    step. An empty `while_signs` accepts any signer."""
    if while_signs and (line.signer is None or line.signer.kid != while_signs):
        raise StepRefused(
            f"Another {line.alg} key signs now than when you looked: somebody else was faster, or "
            "you pressed the button twice. Look at the page again before you go on. Nothing more "
            "was changed."
        )


def at_risk(key_set: KeySet, *algs: str) -> list[str]:
    """Return the names of the registrations whose launches fail if a key changes too early: those
    that sign with one of `algs`, or without `algs` all that may."""
    signing = key_set.registrations.filter(enabled=True, auth_method="private_key_jwt")
    if algs:
        signing = signing.filter(alg__in=algs)
    return list(signing.order_by("name").values_list("name", flat=True))


def confirmation(key_set: KeySet, *algs: str) -> str:
    """Return what the user must type before launches are put at risk: the names of the EHRs.

    With `algs`, only their registrations count; the result is empty if there are none, because then
    no launch fails. Without `algs` a wait is cut short, and all registrations of the key set count,
    as each may choose the algorithm; if there are none, the name of the key set is returned.
    """
    return ", ".join(at_risk(key_set, *algs)) or ("" if algs else key_set.slug)


def refuse_unless_named(key_set: KeySet, typed: str, reason: str, *algs: str) -> dict[str, Any]:
    """Return the entries for the audit trail. Raises NotNamed unless `typed` equals
    `confirmation` and a reason is given."""
    named = confirmation(key_set, *algs)
    if named and typed != named:
        raise NotNamed(f"To do this, type exactly what is at risk: {named}. Nothing was changed.")
    if not reason.strip():
        raise NotNamed(
            "Say why, in a few words and without patient data: it is kept in the audit trail. "
            "Nothing was changed."
        )
    return {"at_risk": at_risk(key_set, *algs), "reason": reason.strip()[:MAX_REASON]}


def refuse_before(
    when: datetime, key_set: KeySet, refusal: str, *, now: datetime, typed: str, reason: str
) -> dict[str, Any]:
    """Return the entries for the audit trail, none from `when` on. Before `when` this raises
    StepRefused unless the EHRs at risk were typed."""
    if now >= when:
        return {}
    if not typed:
        raise StepRefused(refusal, when=when)
    named = refuse_unless_named(key_set, typed, reason)
    return {"cut_short": f"{when:%Y-%m-%d %H:%M:%S} UTC", **named}


def why_not_withdrawn(key_set: KeySet, line: Line) -> str:
    if line.needed_at:
        return (
            f"An EHR does not know the new {line.alg} key of {key_set} yet, and took the old one "
            f"at {line.needed_at:%Y-%m-%d %H:%M} UTC."
        )
    return f"Assertions signed with the old {line.alg} key of {key_set} may still be on their way."
