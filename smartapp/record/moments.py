"""FHIR dates and times, which may be as vague as a year (FHIR R4 §2.24.0.1, date and dateTime).

Other forms that people and programs write are read if they have only one meaning: offsets without a
colon, no seconds, spaces. An unreadable date keeps its own text and is shown.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Literal, NamedTuple

from smartapp.record.elements import Resource, extensions
from smartapp.record.texts import text

# "unreadable" only has `sent`, and is listed above all dates.
Precision = Literal["year", "month", "day", "time", "unreadable"]
# utc: "Z", which is no hospital's local time · none: a time of day without an offset
Zone = Literal["offset", "utc", "none"]

# A date outside these years is a mistake, and comparing it across offsets can overflow.
FIRST_YEAR, LAST_YEAR = 1800, 2199
# An EHR that sends its local time as UTC is up to this far ahead of us.
CLOCK_TOLERANCE = timedelta(hours=14)
MAX_SENT = 60
# HL7 v2 and C-CDA have no separators, and converters pass that on.
_CLOSE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?(?:\.\d+)?([+-]\d{4})?)?")
_PARTS = re.compile(
    r"(?P<year>\d{4})(?:[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?)?"
    r"(?:(?:\s*[Tt]|\s+)\s*(?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?)?"
)
# XML and JavaScript write these; neither changes the day.
_ZONED_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)")
_ZONE_NAME = re.compile(r"\[[A-Za-z_/+-]+\]$")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_NAMED_MONTH = re.compile(
    rf"(?:(?P<day>\d{{1,2}})[ -](?P<month>{_MONTH}),?[ -]"
    rf"|(?P<first>{_MONTH}) (?P<second>\d{{1,2}}),? )"
    r"(?P<year>\d{4})(?P<rest>,? \d{1,2}:.*)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?P<day>\d{4}-\d\d?-\d\d?)(?:[Tt]|,? +)(?P<hour>\d\d?)(?P<rest>:\d\d(?::\d\d(?:\.\d+)?)?)"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name.casefold(): number for number, name in enumerate(MONTHS, 1)}
# Reasons why a date is absent that say no more than that nobody knows it.
UNKNOWN = frozenset({"unknown", "asked-unknown"})
# Of a date of death: the patient is alive.
NOT_APPLICABLE = "not-applicable"
DATA_ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


class Moment(NamedTuple):
    """A point in time, as precise as the record has it.

    `at` has a time zone and is only used for ordering and axes. Shown is the local time where it
    was recorded, because the person remembers it and the EHR shows it. A time that was recorded as
    UTC says so, because no clock in the hospital showed it.
    """

    at: datetime
    precision: Precision
    zone: Zone = "none"
    sent: str = ""

    @property
    def is_readable(self) -> bool:
        return self.precision != "unreadable"

    @property
    def date_text(self) -> str:
        """The date in a form that has the same meaning in every country: 3 Feb 2024. Pages show
        `day_text`."""
        if self.sent in UNKNOWN and not self.is_readable:
            return "date unknown"
        if self.sent == NOT_APPLICABLE:
            return "date not applicable"
        if self.precision == "unreadable":
            return f"date not readable: {self.sent}"
        if self.precision == "year":
            return str(self.at.year)
        month_and_year = f"{MONTHS[self.at.month - 1]} {self.at.year}"
        return month_and_year if self.precision == "month" else f"{self.at.day} {month_and_year}"

    @property
    def day_text(self) -> str:
        """The date for places without a time of day. A date in UTC may be another local day, so it
        says so; except for midnight, because many programs write a date without a time like
        that."""
        is_midnight = not (self.at.hour or self.at.minute)
        is_of_utc = self.zone == "utc" and not is_midnight
        return f"{self.date_text} (UTC)" if is_of_utc else self.date_text

    @property
    def time_text(self) -> str:
        """The time of day, "02:30 UTC"; "" if the record has none."""
        if self.precision != "time":
            return ""
        # Called thousands of times for a page: strftime takes four times as long.
        clock = f"{self.at.hour:02}:{self.at.minute:02}"
        return f"{clock} UTC" if self.zone == "utc" else clock

    @property
    def text(self) -> str:
        return f"{self.date_text}, {self.time_text}" if self.precision == "time" else self.date_text

    @property
    def iso(self) -> str:
        """The value for <time datetime="…">; "" if there is none."""
        if self.precision == "unreadable":
            return ""
        if self.precision == "time":
            return self.at.isoformat(timespec="minutes")
        length = {"year": 4, "month": 7, "day": 10}[self.precision]
        return self.at.date().isoformat()[:length]


def parse_moment(value: object) -> Moment | None:
    """Return the moment of a FHIR date, dateTime or instant; None if there is none.

    An unreadable value is a Moment too, with the text as it was sent.
    """
    sent = _sent(value)
    if not sent:
        return None
    if (usual := _usual(sent)) is not None:
        return usual
    match = _PARTS.fullmatch(_spaced(sent)) if len(sent) <= MAX_SENT else None
    if match is None or not FIRST_YEAR <= int(match["year"]) <= LAST_YEAR:
        return unreadable(sent)
    try:
        return _moment(match, sent)
    except ValueError:
        return unreadable(sent)


def _spaced(sent: str) -> str:
    """Return other forms with FHIR's separators, if they have only one meaning: HL7 v2's
    "20260603091500+0200", "3 Jun 2026", "Jun 3, 2026", "2026-06-03Z", "9:05 PM". Any other text is
    unchanged."""
    sent = _ZONE_NAME.sub("", sent.replace("\u2212", "-"))
    if named := _NAMED_MONTH.fullmatch(sent):
        number = _MONTH_NUMBERS[(named["month"] or named["first"])[:3].casefold()]
        of_month = int(named["day"] or named["second"])
        sent = f"{named['year']}-{number:02}-{of_month:02}{named['rest'] or ''}"
    if zoned := _ZONED_DAY.fullmatch(sent):
        return zoned[1]
    if of_clock := _CLOCK.fullmatch(sent):
        return _in_24_hours(of_clock)
    if (close := _CLOSE.fullmatch(sent)) is None:
        return sent
    year, month, day, hour, minute, second, zone = close.groups()
    clock = f"T{hour}:{minute}:{second or '00'}{zone or ''}" if hour else ""
    return f"{year}-{month}-{day}{clock}"


def _in_24_hours(match: re.Match[str]) -> str:
    """Return a date and time whose hour has one digit, or is before or after noon."""
    hour, half = int(match["hour"]), (match["half"] or "").casefold()[:1]
    if half and not 1 <= hour <= 12:
        return match[0]
    of_day = hour % 12 + 12 * (half == "p") if half else hour
    return f"{match['day']}T{of_day:02}{match['rest']}{match['zone'] or ''}"


def _usual(sent: str) -> Moment | None:
    """Return a FHIR dateTime with its offset, the most common form; None for any other text."""
    if len(sent) < 20 or sent[4] != "-" or sent[7] != "-" or sent[10] != "T" or sent[13] != ":":
        return None
    try:
        at = datetime.fromisoformat(sent)
    except ValueError:
        return None
    offset = at.utcoffset()
    if offset is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return None
    # Python accepts an offset of 75 minutes.
    if offset and sent[-2:] > "59":
        return None
    return Moment(at, "time", "offset" if offset else "utc", sent)


def _sent(value: object) -> str:
    if isinstance(value, str):
        return text(value)
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return str(value) if is_number else ""


def unreadable(sent: str) -> Moment:
    """Return a moment that only has its own text."""
    shown = sent if len(sent) <= MAX_SENT else f"{sent[:MAX_SENT]}…"
    return Moment(datetime.max.replace(tzinfo=UTC), "unreadable", sent=shown)


def member_moment(resource: Resource, *names: str) -> Moment | None:
    """Return the moment of the first member that has one.

    A member that is absent with a reason (FHIR R4, data-absent-reason on `_name`) is unreadable,
    not missing. A readable one comes before an unreadable one.
    """
    found = None
    for name in names:
        moment = _member(resource, name)
        if moment is not None and moment.is_readable:
            return moment
        found = found or moment
    return found


def first_moment(*values: object) -> Moment | None:
    """Return the first value that is a date, or the first unreadable one."""
    moments = [moment for moment in map(parse_moment, values) if moment is not None]
    return next((moment for moment in moments if moment.is_readable), next(iter(moments), None))


def is_open(end: Moment | None) -> bool:
    """Return whether an end is 31 December 9999, with which databases say that there is none."""
    return end is not None and end.sent.startswith("9999-12-31")


def last_day(moment: Moment) -> date:
    """Return the last day that the moment may mean; for a year its 31 December."""
    if moment.precision == "year":
        return date(moment.at.year, 12, 31)
    if moment.precision == "month":
        return date(moment.at.year, moment.at.month, monthrange(moment.at.year, moment.at.month)[1])
    return moment.at.date()


def is_past(moment: Moment, now: datetime) -> bool:
    """Return whether a moment was before now; one without a time of day is over with its day."""
    return moment.at < now if moment.precision == "time" else last_day(moment) < now.date()


def has_ended(end: Moment | None, now: datetime) -> bool:
    """Return whether the last day of a period is over; False if its end is not known."""
    return end is not None and end.is_readable and last_day(end) < now.date()


def is_reversed(start: Moment | None, end: Moment | None) -> bool:
    """Return whether a period ends on a day before it begins, by more than time zones can explain.
    Then nobody knows which date is wrong, or whether it is over."""
    if start is None or end is None or not (start.is_readable and end.is_readable):
        return False
    # Nearly all end later, and it takes longer to find the last day.
    if end.at.year > start.at.year:
        return False
    slack = timedelta(days=0 if start.zone == end.zone else 1)
    return last_day(end) < start.at.date() - slack


def years_between(start: date, end: date) -> int:
    """Return whole years, as for birthdays."""
    return end.year - start.year - ((end.month, end.day) < (start.month, start.day))


def ago_text(moment: Moment | None, now: datetime) -> str:
    """Return "3 years ago" if it is more than a year ago, else ""."""
    if moment is None or not moment.is_readable:
        return ""
    years = years_between(moment.at.date(), now.date())
    return "" if years < 1 else "1 year ago" if years == 1 else f"{years} years ago"


@dataclass(frozen=True, slots=True)
class Chronology:
    """Orders the moments of one list.

    A day without a time has no offset. It is compared by local time, so it gets the offset of the
    newest moment in the list that has a time. `now` decides which moments are in the future.
    """

    now: datetime
    zone: tzinfo = UTC
    _latest: datetime = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_latest", self.now + CLOCK_TOLERANCE)

    @classmethod
    def of(cls, moments: Iterable[Moment | None], *, now: datetime) -> "Chronology":
        timed = [m.at for m in moments if m and m.precision == "time" and m.zone != "none"]
        zone = max(timed, key=datetime.timestamp).tzinfo if timed else None
        return cls(now, zone or UTC)

    def is_future(self, moment: Moment | None) -> bool:
        """Return whether the moment is after now, by more than time zones can explain."""
        if moment is None or not moment.is_readable:
            return False
        # Nearly all are long ago, and comparing moments of two zones takes much longer.
        is_long_ago = moment.at.year < self._latest.year - 1
        return not is_long_ago and self.at(moment) > self._latest

    def at(self, moment: Moment) -> datetime:
        """Return the instant for comparisons."""
        if moment.zone != "none" or moment.precision == "unreadable":
            return moment.at
        return moment.at.replace(tzinfo=self.zone)

    def newest_first(self, moment: Moment | None) -> float:
        """Sort key: unreadable moments first, then the newest; undated last."""
        if moment is None:
            return float("inf")
        return -self.at(moment).timestamp() if moment.is_readable else float("-inf")


def newest_first(moment: Moment | None) -> float:
    """Sort key for a list in which the time zone does not matter: unreadable first, then the
    newest; undated last."""
    if moment is None:
        return float("inf")
    return -moment.at.timestamp() if moment.is_readable else float("-inf")


def _member(resource: Resource, name: str) -> Moment | None:
    if (found := parse_moment(resource.get(name))) is not None:
        return found
    if f"_{name}" not in resource:
        return None
    for extension in extensions(resource[f"_{name}"], DATA_ABSENT_REASON):
        return unreadable(text(extension.get("valueCode")) or "not given")
    return None


def _moment(match: re.Match[str], sent: str) -> Moment:
    year, month, day = (int(match[name] or 1) for name in ("year", "month", "day"))
    if match["hour"] is None:
        precision: Precision = "day" if match["day"] else "month" if match["month"] else "year"
        return Moment(datetime(year, month, day, tzinfo=UTC), precision, sent=sent)
    if match["day"] is None:
        raise ValueError("a time of day without a day")
    zone, offset = _zone(match["zone"])
    # datetime cannot represent a leap second.
    second = min(int(match["second"] or 0), 59)
    at = datetime(year, month, day, int(match["hour"]), int(match["minute"]), second, tzinfo=offset)
    return Moment(at, "time", zone, sent)


def _zone(written: str | None) -> tuple[Zone, tzinfo]:
    if written is None:
        return "none", UTC
    digits = written.replace(":", "")
    if digits[0] not in "+-" or not int(digits[1:]):
        return "utc", UTC
    hours, minutes = int(digits[1:3]), int(digits[3:] or 0)
    if minutes > 59:
        raise ValueError("an offset of more than 59 minutes")
    offset = timedelta(hours=hours, minutes=minutes)
    return "offset", timezone(-offset if digits[0] == "-" else offset)
