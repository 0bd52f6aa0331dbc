"""FHIR dates as intervals, as R4 search compares them (https://hl7.org/fhir/R4/search.html#date).

`2026`, `2026-11` and `2026-11-01` mean the whole year, month or day. A time without an offset is
read as UTC.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """A time span from `start` until just before `end`; both aware."""

    start: datetime
    end: datetime


def interval(value: str | Mapping[str, Any]) -> Interval:
    """Return the interval of a dateTime, a date or a Period. Raises ValueError for anything
    else."""
    if isinstance(value, str):
        return _interval_of_text(value)
    end = _interval_of_text(value["end"]).end if "end" in value else FOREVER
    return Interval(_interval_of_text(value["start"]).start, end)


def _interval_of_text(text: str) -> Interval:
    partial = PARTIAL_DATE.fullmatch(text)
    if partial:
        return _interval_of_partial(*partial.groups())
    if "T" not in text:
        raise ValueError(f"{text!r} is not a FHIR date.")
    start = datetime.fromisoformat(text)
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return Interval(start, start + timedelta(seconds=1))


def _interval_of_partial(year: str, month: str | None, day: str | None) -> Interval:
    start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    if day:
        return Interval(start, start + timedelta(days=1))
    if month:
        return Interval(start, (start + timedelta(days=32)).replace(day=1))
    return Interval(start, start.replace(year=start.year + 1))


def _within(stored: Interval, asked: Interval) -> bool:
    return asked.start <= stored.start and stored.end <= asked.end


def _not_within(stored: Interval, asked: Interval) -> bool:
    return not _within(stored, asked)


def _reaches_after(stored: Interval, asked: Interval) -> bool:
    return stored.end > asked.end


def _reaches_before(stored: Interval, asked: Interval) -> bool:
    return stored.start < asked.start


def _within_or_after(stored: Interval, asked: Interval) -> bool:
    return _within(stored, asked) or _reaches_after(stored, asked)


def _within_or_before(stored: Interval, asked: Interval) -> bool:
    return _within(stored, asked) or _reaches_before(stored, asked)


def _starts_after(stored: Interval, asked: Interval) -> bool:
    return stored.start >= asked.end


def _ends_before(stored: Interval, asked: Interval) -> bool:
    return stored.end <= asked.start


COMPARE: Mapping[str, Callable[[Interval, Interval], bool]] = {
    "eq": _within,
    "ne": _not_within,
    "gt": _reaches_after,
    "lt": _reaches_before,
    "ge": _within_or_after,
    "le": _within_or_before,
    "sa": _starts_after,
    "eb": _ends_before,
}
"""The prefixes of R4 search; each compares a stored interval with the requested one."""
