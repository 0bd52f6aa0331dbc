"""FHIR dates and times, which may be as vague as a year (FHIR R4 §2.24.0.1, date and dateTime)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

Precision = Literal["year", "month", "day", "time"]

# Beyond these years a date is a slip of the pen, and comparing it across offsets can overflow.
FIRST_YEAR, LAST_YEAR = 1800, 2199
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_TIME = re.compile(r"T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as precise as the record has it.

    `at` is aware and serves order and axes only; what is shown is the wall clock where it was
    recorded, because that is what the person remembers and what the EHR shows.
    """

    at: datetime
    precision: Precision

    @property
    def date_text(self) -> str:
        """The date in a form that no country reads differently: 3 Feb 2024."""
        if self.precision == "year":
            return str(self.at.year)
        month_and_year = f"{MONTHS[self.at.month - 1]} {self.at.year}"
        return month_and_year if self.precision == "month" else f"{self.at.day} {month_and_year}"

    @property
    def text(self) -> str:
        if self.precision == "time":
            return f"{self.date_text}, {self.at:%H:%M}"
        return self.date_text

    @property
    def iso(self) -> str:
        """The value for <time datetime="…">."""
        if self.precision == "time":
            return self.at.isoformat(timespec="minutes")
        length = {"year": 4, "month": 7, "day": 10}[self.precision]
        return self.at.date().isoformat()[:length]


def parse_moment(value: object) -> Moment | None:
    """Return the moment that a FHIR date, dateTime or instant names, or None."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    match = _DATE.match(value)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return None
    try:
        rest = value[match.end() :]
        return _parse_date(match) if not rest else _parse_date_and_time(value, rest)
    except ValueError:
        return None


def _parse_date(match: re.Match[str]) -> Moment:
    year, month, day = match.groups()
    at = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    return Moment(at, "day" if day else "month" if month else "year")


def _parse_date_and_time(value: str, time: str) -> Moment | None:
    if _TIME.fullmatch(time) is None:
        return None
    at = datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", value))
    return Moment(at if at.tzinfo else at.replace(tzinfo=UTC), "time")


def first_moment(*values: object) -> Moment | None:
    """Return the first of the values that is a date."""
    return next((moment for moment in map(parse_moment, values) if moment), None)


def newest_first(moment: Moment | None) -> float:
    """Sort key: newest first, undated last."""
    return -moment.at.timestamp() if moment else float("inf")


def years_between(start: date, end: date) -> int:
    """Return whole years, as birthdays count them."""
    return end.year - start.year - ((end.month, end.day) < (start.month, start.day))
