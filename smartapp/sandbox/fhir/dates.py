"""FHIR dates as intervals, as R4 search compares them (https://hl7.org/fhir/R4/search.html#date).

`2026`, `2026-11` and `2026-11-01` each mean their whole year, month or day; a date without an
offset is read as UTC.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` until just before `end`; both aware."""

    start: datetime
    end: datetime


def interval(value: str | Mapping[str, Any]) -> Interval:
    """The time that a dateTime, a date or a Period covers. ValueError when it is none of these."""
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


def compare(prefix: str, stored: Interval, asked: Interval) -> bool:
    """Whether `stored` answers `asked` under one of the prefixes of R4 search."""
    match prefix:
        case "eq":
            return asked.start <= stored.start and stored.end <= asked.end
        case "ne":
            return not (asked.start <= stored.start and stored.end <= asked.end)
        case "gt":
            return stored.end > asked.end
        case "lt":
            return stored.start < asked.start
        case "ge":
            return stored.end > asked.end or stored.start >= asked.start
        case "le":
            return stored.start < asked.start or stored.end <= asked.end
        case "sa":
            return stored.start >= asked.end
        case "eb":
            return stored.end <= asked.start
    raise ValueError(f"{prefix!r} is not a prefix of R4 search.")
