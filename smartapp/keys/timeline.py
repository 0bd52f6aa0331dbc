"""The keys of a line as a timeline: past, now and planned. Returns numbers; the template draws.

Rotations take hours and keys sign for months. So the time axis is stretched near the present and
compressed far from it, symmetrically; its marks give the dates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import asinh

from smartapp.keys import automation
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.rotation import Line, RotationStep

# The axis is about linear up to here and logarithmic beyond.
NEAR = timedelta(hours=6)
FAR = timedelta(days=100)
MARKS = (
    ("-90 d", timedelta(days=-90)),
    ("-7 d", timedelta(days=-7)),
    ("-1 d", timedelta(days=-1)),
    ("now", timedelta(0)),
    ("+1 d", timedelta(days=1)),
    ("+7 d", timedelta(days=7)),
    ("+90 d", timedelta(days=90)),
)


class Phase(StrEnum):
    WAITS = "waits"
    SIGNS = "signs"
    RETIRES = "retires"


@dataclass(frozen=True, slots=True)
class Bar:
    """`x` and `width` in percent of the picture. `planned`: lies in the future."""

    phase: Phase
    x: float
    width: float
    planned: bool


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    state: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    label: str
    x: float
    anchor: str


Span = tuple[Phase, datetime | None, datetime | None]


def _x(at: datetime, now: datetime) -> float:
    distance = max(-FAR, min(FAR, at - now))
    return round(50 + 50 * asinh(distance / NEAR) / asinh(FAR / NEAR), 2)


def marks(now: datetime) -> list[Mark]:
    """Return the marks of the axis. The outermost texts are anchored inwards, or they would be
    cut."""
    anchors = ["start", *["middle"] * (len(MARKS) - 2), "end"]
    return [
        Mark(label, _x(now + distance, now), anchor)
        for (label, distance), anchor in zip(MARKS, anchors, strict=True)
    ]


def rows(key_set: KeySet, line: Line, keys: Iterable[SigningKey], now: datetime) -> list[Row]:
    """Return a row for each published key, for recently withdrawn keys, and for the next key."""
    plan = automation.plan(key_set, line, now)
    shown = [key for key in keys if not key.withdrawn_at or now - key.withdrawn_at < FAR]
    drawn = [Row(key.kid[:8], key.state(now), _bars(_spans(key, plan), now)) for key in shown]
    if RotationStep.PUBLISH in plan:
        drawn.insert(0, Row("next key", "planned", _bars(_spans_of_next(plan), now)))
    return drawn


def _spans(key: SigningKey, plan: dict[RotationStep, datetime]) -> list[Span]:
    """Return the phases of a key, past and planned. An end of None is open."""
    if key.withdrawn_at and not key.signs_from:
        return [(Phase.WAITS, key.published_at, key.withdrawn_at)]
    signs = plan.get(RotationStep.SIGN)
    if not key.signs_from:
        return [(Phase.WAITS, key.published_at, signs), (Phase.SIGNS, signs, None)]
    until = key.signs_until or signs
    earlier = [tuple(map(datetime.fromisoformat, term)) for term in key.earlier_terms]
    ends = [key.published_at, *(moment for term in earlier for moment in term), key.signs_from]
    phases = [Phase.WAITS] + [Phase.SIGNS, Phase.RETIRES] * len(earlier)
    past: list[Span] = list(zip(phases, ends, ends[1:], strict=False))
    gone = key.withdrawn_at or plan.get(RotationStep.WITHDRAW)
    return [*past, (Phase.SIGNS, key.signs_from, until), (Phase.RETIRES, until, gone)]


def _spans_of_next(plan: dict[RotationStep, datetime]) -> list[Span]:
    signs = plan[RotationStep.SIGN]
    return [(Phase.WAITS, plan[RotationStep.PUBLISH], signs), (Phase.SIGNS, signs, None)]


def _bars(spans: Iterable[Span], now: datetime) -> tuple[Bar, ...]:
    """Return the spans as bars. A span across the present becomes two bars."""
    bars = []
    for phase, start, end in spans:
        if start is None:
            continue
        finish = end or now + FAR
        if start < now:
            bars.append(_bar(phase, start, min(finish, now), now, planned=False))
        if finish > now:
            bars.append(_bar(phase, max(start, now), finish, now, planned=True))
    return tuple(bar for bar in bars if bar.width > 0)


def _bar(phase: Phase, start: datetime, end: datetime, now: datetime, *, planned: bool) -> Bar:
    x = _x(start, now)
    return Bar(phase, x, round(_x(end, now) - x, 2), planned)
