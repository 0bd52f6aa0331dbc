"""Why a step is refused: its wait, a clock that was set back, or nobody named who is at risk."""

from datetime import datetime
from typing import Any

from smartapp.keys.models import KeySet
from smartapp.keys.rotation import Line

MAX_REASON = 300  # characters


class StepRefused(Exception):
    """A step that is not allowed now, and why. `when`: the moment from which it will be."""

    def __init__(self, reason: str, *, when: datetime | None = None) -> None:
        at = f" This step is possible from {when:%Y-%m-%d %H:%M:%S} UTC." if when else ""
        super().__init__(reason + at)
        self.when = when


class NothingToDo(StepRefused):
    """No key of the line is at the stage that the step begins with."""


def last_step(line: Line) -> datetime | None:
    """Return when the line was last changed; None where it has no key."""
    times = [
        moment
        for key in line.published()
        for moment in (key.published_at, key.signs_from, key.signs_until)
        if moment
    ]
    return max(times, default=None)


def refuse_clock_behind(line: Line, now: datetime) -> None:
    """A clock that was set back would write times out of order and cut a wait short."""
    last = last_step(line)
    if last and last > now:
        raise StepRefused(
            "The clock of this machine is behind the last step: set it right, or wait.",
            when=last,
        )


def refuse_if_another_signs(line: Line, while_signs: str) -> None:
    """Of two people who press the same button at once, the second would undo or repeat what the
    first did: StepRefused unless the key that was shown to sign, `while_signs` (its kid), still
    does. Empty: whoever signs."""
    if while_signs and (line.signer is None or line.signer.kid != while_signs):
        raise StepRefused(
            f"Another {line.alg} key signs now than when you looked, so somebody else was faster. "
            "Look at the page again before you go on. Nothing was changed."
        )


def at_risk(key_set: KeySet, *algs: str) -> list[str]:
    """Return the names of the registrations whose launches fail when a key changes too early:
    those that sign with one of `algs`, or all that may come to."""
    signing = key_set.registrations.filter(enabled=True, auth_method="private_key_jwt")
    if algs:
        signing = signing.filter(alg__in=algs)
    return list(signing.order_by("name").values_list("name", flat=True))


def confirmation(key_set: KeySet, *algs: str) -> str:
    """Return what has to be typed before launches are put at risk: the EHRs, by name.

    Of `algs` that nobody signs with, nothing: no launch fails. Where a wait is cut short, all
    registrations of the key set count, as any may choose the algorithm then; it is named itself
    where there are none.
    """
    return ", ".join(at_risk(key_set, *algs)) or ("" if algs else key_set.slug)


def refuse_unless_named(key_set: KeySet, typed: str, reason: str, *algs: str) -> dict[str, Any]:
    """StepRefused unless the EHRs at risk were typed, as `confirmation` has them, and a reason
    was given; returns what the audit trail has to say about that."""
    named = confirmation(key_set, *algs)
    if named and typed != named:
        raise StepRefused(
            f"To do this, type exactly what is at risk: {named}. Nothing was changed."
        )
    if not reason.strip():
        raise StepRefused(
            "Say why, in a few words and without patient data: it is kept in the audit trail. "
            "Nothing was changed."
        )
    return {"at_risk": at_risk(key_set, *algs), "reason": reason.strip()[:MAX_REASON]}


def refuse_before(
    when: datetime, key_set: KeySet, refusal: str, *, now: datetime, typed: str, reason: str
) -> dict[str, Any]:
    """StepRefused before `when`, unless the EHRs at risk were named; returns what the audit
    trail has to say about that."""
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
