"""The content of the key set page: the keys of each algorithm, the next steps, who fetched them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User

from smartapp.keys import (
    affected_launches,
    automation,
    emergency,
    evidence,
    heartbeat,
    public,
    refusals,
    rotation,
    timeline,
    wording,
)
from smartapp.keys.models import KeySet, SigningKey, StaleCopy
from smartapp.keys.rotation import Line, RotationStep
from smartapp.keys.wording import StepWords

EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class Button:
    step: str
    label: str
    consequence: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    kid: str
    state: str
    life: str
    moments: tuple[tuple[str, str], ...]  # column and time


@dataclass(frozen=True, slots=True)
class Section:
    """One algorithm. `risky`: buttons of steps that may break launches and ask for the EHRs at
    risk."""

    alg: str
    used_by: list[str]
    next_step: str
    timeline: list[timeline.Row]
    allowed: list[Button]
    risky: list[Button]
    can_be_asked: list[str]
    after_emergency: dict[str, Any] | None
    keys: list[KeyRow]


@dataclass(frozen=True, slots=True)
class StaleRow:
    """An EHR that did not know the new key when it began to sign."""

    name: str
    what: str
    count: int


def words_of(step: str) -> StepWords:
    """Return the texts of a step or of the emergency. Raises ValueError for anything else."""
    return wording.EMERGENCY if step == EMERGENCY else wording.STEPS[RotationStep(step)]


def consequence(step: str, line: Line) -> str:
    """Return what a step or the emergency does to this line."""
    if step == EMERGENCY:
        return wording.in_line(wording.EMERGENCY.consequence, line)
    return wording.consequence(RotationStep(step), line)


def needs_naming(line: Line, step: str, now: datetime) -> bool:
    """Return whether the names of the EHRs at risk must be typed for this step."""
    return step == EMERGENCY or step == line.blocked_step(now)


def page(key_set: KeySet, user: User | AnonymousUser, now: datetime) -> dict[str, Any]:
    """Return the template context. It has buttons only for what `user` may do now."""
    [reading] = rotation.of_each([key_set])
    keys = list(key_set.signing_keys.order_by("-published_at", "-id").defer("sealed_private_key"))
    may_rotate = user.has_perm("keys.rotate_keyset")
    may_risk = user.has_perm("keys.emergency_keyset")
    sections = [
        _section(key_set, line, keys, now, may_rotate=may_rotate, may_risk=may_risk)
        for line in reading.lines
    ]
    warnings = automation.warnings(reading, now) + heartbeat.failures(now)
    to_be_told = [one for one in sections if one.after_emergency and one.after_emergency["ehrs"]]
    return {
        "key_set": key_set,
        "jwks_url": public.jwks_url(key_set.slug),
        "to_do": heartbeat.to_do(key_set, now, is_warned=bool(warnings or to_be_told)),
        "last_runs": heartbeat.last_runs(now),
        "warnings": warnings,
        "habits": wording.habits(key_set),
        "wait": wording.wait(key_set),
        # Algorithms that an EHR uses come first.
        "sections": sorted(sections, key=lambda section: not section.used_by),
        "marks": timeline.marks(now),
        "stale_copies": [_stale_row(copy, now) for copy in key_set.stale_copies.all()],
        "evidence": evidence.of(key_set, reading.lines, now),
        "may_rotate": may_rotate,
        "may_import": user.has_perm("keys.import_keyset"),
        "now": wording.moment(now),
    }


def _section(
    key_set: KeySet,
    line: Line,
    keys: list[SigningKey],
    now: datetime,
    *,
    may_rotate: bool,
    may_risk: bool,
) -> Section:
    of_line = [key for key in keys if key.alg == line.alg]
    return Section(
        alg=line.alg,
        used_by=refusals.at_risk(key_set, line.alg),
        next_step=wording.next_step(key_set, line, now),
        timeline=timeline.rows(key_set, line, of_line, now),
        allowed=[_button(step, line) for step in line.allowed_steps(now)] if may_rotate else [],
        risky=_risky(line, now) if may_risk else [],
        can_be_asked=affected_launches.launches().can_be_asked(key_set, line.alg)
        if may_rotate
        else [],
        after_emergency=_after_emergency(key_set, line, now) if may_risk else None,
        keys=[_key_row(key, now) for key in of_line],
    )


def affected_by_emergency(key_set: KeySet, alg: str, now: datetime) -> dict[str, Any]:
    """Return the template context for the launches that an emergency affects now."""
    found = affected_launches.launches().affected(key_set, alg, now)
    return {
        "ehrs": refusals.at_risk(key_set, alg),
        "sentences": wording.affected(found),
        "launches": found.renewing,
        "not_listed": found.not_listed,
    }


def _after_emergency(key_set: KeySet, line: Line, now: datetime) -> dict[str, Any] | None:
    """Return the same context while an EHR may still hold the old keys; None afterwards."""
    at = emergency.explains(key_set.slug, line.alg, now)
    if at is None:
        return None
    return {
        "at": wording.moment(at),
        "until": wording.moment(at + line.wait.span),
        **affected_by_emergency(key_set, line.alg, now),
    }


def _button(step: str, line: Line) -> Button:
    return Button(step, words_of(step).label, consequence(step, line))


def _risky(line: Line, now: datetime) -> list[Button]:
    # A key that never signed needs no replacement.
    replaces = [_button(EMERGENCY, line)] if line.signer else []
    blocked = line.blocked_step(now)
    if blocked is None:
        return replaces
    label = f"{words_of(blocked).label} before its time"
    return [Button(blocked, label, wording.before_its_time(line)), *replaces]


def _key_row(key: SigningKey, now: datetime) -> KeyRow:
    moments = {
        "Published": key.published_at,
        "Signs from": key.signs_from,
        "Signs until": key.signs_until,
        "Withdrawn": key.withdrawn_at,
    }
    shown = tuple((column, wording.moment(at)) for column, at in moments.items())
    return KeyRow(key.kid, key.state(now), wording.life(key, now), shown)


def _stale_row(copy: StaleCopy, now: datetime) -> StaleRow:
    return StaleRow(copy.name, wording.stale(copy, now), copy.count)
