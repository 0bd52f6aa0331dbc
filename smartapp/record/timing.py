"""FHIR Timing in words: how often, on which days, when, for how long (FHIR R4, Timing)."""

import re
from collections.abc import Mapping
from typing import Any

from smartapp.record.amounts import (
    counted,
    digits,
    duration_text,
    is_one,
    range_text,
    unit_of_time,
)
from smartapp.record.codes import codings, concept_text, concept_words
from smartapp.record.elements import each_of, mapping, mappings, remembered
from smartapp.record.moments import Moment, is_open, is_reversed, member_moment, parse_moment
from smartapp.record.quantities import without_trailing_zeros
from smartapp.record.texts import text, texts
from smartapp.record.wording import Parts, Words, has_any, say_parts

EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"
WEEKDAYS = {
    "mon": "Mondays", "tue": "Tuesdays", "wed": "Wednesdays", "thu": "Thursdays",
    "fri": "Fridays", "sat": "Saturdays", "sun": "Sundays",
}  # fmt: skip
# FHIR EventTiming. The reference point of an offset follows "before", "after" or the bare event.
EVENTS = {
    "MORN": "in the morning",
    "MORN.early": "early in the morning",
    "MORN.late": "late in the morning",
    "NOON": "at noon",
    "AFT": "in the afternoon",
    "AFT.early": "early in the afternoon",
    "AFT.late": "late in the afternoon",
    "EVE": "in the evening",
    "EVE.early": "early in the evening",
    "EVE.late": "late in the evening",
    "NIGHT": "at night",
    "IMD": "immediately",
    "PHS": "after going to sleep",
    "HS": "before going to sleep",
    "WAKE": "on waking",
    "C": "with meals",
    "CM": "with breakfast",
    "CD": "with lunch",
    "CV": "with dinner",
    "AC": "before meals",
    "ACM": "before breakfast",
    "ACD": "before lunch",
    "ACV": "before dinner",
    "PC": "after meals",
    "PCM": "after breakfast",
    "PCD": "after lunch",
    "PCV": "after dinner",
}
# HL7 v3 GTSAbbreviation, and other letters that prescribers write.
ABBREVIATIONS = {
    "QD": "once a day",
    "BID": "2 times a day",
    "TID": "3 times a day",
    "QID": "4 times a day",
    "QOD": "every 2 days",
    "AM": "in the morning",
    "PM": "in the evening",
    "BED": "at bedtime",
    "WK": "once a week",
    "MO": "once a month",
    "Q1H": "every hour",
    "Q2H": "every 2 hours",
    "Q3H": "every 3 hours",
    "Q4H": "every 4 hours",
    "Q6H": "every 6 hours",
    "Q8H": "every 8 hours",
    "Q12H": "every 12 hours",
    "Q24H": "every 24 hours",
    "Q48H": "every 48 hours",
    "Q72H": "every 72 hours",
    "QAM": "in the morning",
    "QPM": "in the evening",
    "QHS": "at bedtime",
    "QWK": "once a week",
    "Q7D": "every 7 days",
    "Q2WK": "every 2 weeks",
    "QMO": "once a month",
}
ABBREVIATION_SYSTEMS = frozenset(
    {
        "",
        "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation",
        "http://hl7.org/fhir/v3/GTSAbbreviation",
    }
)
# What a dose is counted in if it has no unit.
_FORM = (
    r"(?:tab|tablet|cap|capsule|caplet|pill|puff|drop|spray|unit|patch|dose|application|inhalation"
    r"|lozenge|suppository|sachet|packet|vial|ampoule)"
)
_COUNTED = re.compile(rf"(?<!\S)(\d+(?:[.,]\d+)?) (?:{_FORM}|ml)\b")
# One spelling for each frequency, way and form that is written in several ways. In Polish "po" is
# before an amount or a meal, in the languages of Scandinavia "tid" is the time ("samma tid").
_SPELLINGS = (
    (re.compile(r"(?<=\d) ?(?:[-\u2013]|\bto\b|\bor\b) ?(?=\d)"), "-"),
    # Words that deny a way or a time do not say it: "do not take by mouth", "not for oral use".
    (
        re.compile(
            r"\b(?:not|never|nothing)\b[^.;,]{0,20}\b(?:by mouth|oral(?:ly)?|per os|bed(?:time)?)\b"
        ),
        " ",
    ),
    (
        re.compile(
            r"\bp\.?o\b(?=\W*(?:$|[bt]\.?i\.?d|q|once|twice|three|four|daily|every|at |as |prn|with"
            r"|x ?\d|\d (?:\(\w+\) )?times))"
        ),
        "oral",
    ),
    (re.compile(r"(?<=\d )\((?:one|two|three|four|five|six|eight|ten|twelve)\) "), ""),
    (re.compile(r"\bb\.?i\.?d\b"), "2 times a day"),
    (re.compile(r"(?<!samma )(?<!samme )(?<!till )(?<!til )\bt\.?i\.?d\b"), "3 times a day"),
    (re.compile(r"\bq\.?i\.?d\b"), "4 times a day"),
    (re.compile(r"\bq\.?d\b(?!\.s)"), "once a day"),
    (re.compile(r"\bq(\d+) ?h(?:rs?|ours?)?\b"), r"every \1 hours"),
    (re.compile(r"\bevery 1 hours\b|\b(?:every|each) hour\b"), "once an hour"),
    (re.compile(r"\bq\.?h\.?s\b|\bat bedtime\b|\bbefore bed(?:time)?\b"), "before going to sleep"),
    (re.compile(r"\bp\.?r\.?n\b"), "as needed"),
    (re.compile(r"\b(?:by mouth|orally|per os|oral route)\b"), "oral"),
    (re.compile(rf"\b({_FORM})(?:e?s\b|\(s\))"), r"\1"),
    *(
        (re.compile(rf"\b{number}(?= {_FORM}\b)"), str(count))
        for count, number in enumerate(("one", "two", "three", "four"), 1)
    ),
    (re.compile(r"\b(?:twice|two times)\b"), "2 times"),
    (re.compile(r"\bthree times\b"), "3 times"),
    (re.compile(r"\bfour times\b"), "4 times"),
    (re.compile(r"\btimes (?:daily|per day|each day|every day)\b"), "times a day"),
    (re.compile(r"\b(?:once )?(?:daily|per day|each day|every day)\b"), "once a day"),
    (re.compile(r"\b(?:once )?(?:weekly|per week|each week|every week)\b"), "once a week"),
    (re.compile(r"\bhrs?\b"), "hours"),
)
_RATE = ("frequency", "frequencyMax", "period", "periodMax", "periodUnit")
# "1/2" and "1-2" are not 2.
_WORD = re.compile(r"\d+(?:[.,/-]\d+)*|[^\W\d_]+")
_TIME_OF_DAY = re.compile(r"(\d\d:\d\d)(?::00(?:\.0+)?)?|\d\d:\d\d:\d\d(?:\.\d+)?")
# The event that an `offset` counts from. If the event does not say before or after, FHIR means
# after.
_OFFSET_TARGET = re.compile(r"(?:(before|after) |with |at |in |on )?(.+)")


def timing_words(timing: object) -> Words:
    """Return when and how often, in words; complete only if every member is included."""
    return say_parts(timing, TIMING_PARTS)


@remembered
def plain_words(words: str) -> str:
    """Return words without case and punctuation, with one spelling for each usual frequency and
    each number."""
    plain = without_trailing_zeros(words.casefold())
    for pattern, spelling in _SPELLINGS:
        plain = pattern.sub(spelling, plain)
    return " ".join(_WORD.findall(plain))


def counted_in(words: str) -> list[str]:
    """Return the numbers of tablets, drops, millilitres and the like: ["2"] for "two tablets"."""
    return [count.replace(",", ".") for count in _COUNTED.findall(plain_words(words))]


def _code(timing: Mapping[str, Any]) -> str | None:
    words = _code_words(timing.get("code"))
    repeat = say_parts(timing.get("repeat"), REPEAT_PARTS)
    if not words or not repeat.words:
        return words or None
    # The code may say less than the numbers with it ("daily", but on Mondays), so it is shown as
    # the EHR's own word.
    said = f" {plain_words(repeat.join())} "
    return "" if f" {plain_words(words)} " in said else f"coded as “{words}”"


def _code_words(code: object) -> str:
    written = concept_words(code)
    if spelled_out := ABBREVIATIONS.get(written.upper()):
        return spelled_out
    abbreviations = (
        ABBREVIATIONS.get(code, "")
        for system, code in codings(code)
        if system in ABBREVIATION_SYSTEMS
    )
    return written or next(filter(None, abbreviations), "") or concept_text(code)


def _repeat(timing: Mapping[str, Any]) -> Words:
    return say_parts(timing.get("repeat"), REPEAT_PARTS)


def _events(timing: Mapping[str, Any]) -> str | None:
    events = timing.get("event")
    moments = [parse_moment(event) for event in each_of(events)]
    if None in moments:
        return None
    return "on " + _and([moment.text for moment in moments if moment])


def _how_often(repeat: Mapping[str, Any]) -> Words:
    """Return "2 times a day", "every 4 to 6 hours", "on Mondays"."""
    days, rate = _weekdays(repeat), _rate(repeat)
    # One dose a day on one weekday is one dose a week, so "once a day" must not be shown. Weekdays
    # without words limit the doses as well.
    said = [days] if days is None or (days and rate == "once a day") else [rate, days]
    return Words(tuple(filter(None, said)), is_whole=None not in said)


def _rate(repeat: Mapping[str, Any]) -> str | None:
    if not has_any(repeat, _RATE):
        return ""
    times, period = _times(repeat), _period(repeat)
    return None if times is None or period is None else _times_per(times, *period)


def _times_per(times: str, length: str, unit: str) -> str:
    """Return "1 to 3 times a day"; one dose in 8 hours is "every 8 hours"."""
    every = f"every {length} {unit}s"
    if is_one(length):
        article = "an" if unit == "hour" else "a"
        return f"{'once' if is_one(times) else f'{times} times'} {article} {unit}"
    return every if is_one(times) else f"{times} times {every}"


def _times(repeat: Mapping[str, Any]) -> str | None:
    """Return "2", "1 to 3" or "up to 3". In FHIR a missing frequency means 1."""
    low, high = _digits(repeat, "frequency"), _digits(repeat, "frequencyMax")
    if low is None or high is None:
        return None
    if high and high != low:
        return f"{low} to {high}" if low else f"up to {high}"
    return low or "1"


def _period(repeat: Mapping[str, Any]) -> tuple[str, str] | None:
    low, high = _digits(repeat, "period"), _digits(repeat, "periodMax")
    unit = unit_of_time(repeat.get("periodUnit"))
    if not low or high is None or not unit:
        return None
    return (f"{low} to {high}" if high and high != low else low), unit


def _digits(element: Mapping[str, Any], name: str) -> str | None:
    """Return the number as sent; "" if there is none, None if it is not a number above 0."""
    if element.get(name) is None:
        return None if f"_{name}" in element else ""
    literal = digits(element[name])
    return None if not literal or literal.startswith("-") or not literal.strip("0.") else literal


def _weekdays(repeat: Mapping[str, Any]) -> str | None:
    days = [_weekday(day.lower()) for day in texts(repeat.get("dayOfWeek"))]
    if None in days or (not days and "_dayOfWeek" in repeat):
        return None
    return "on " + _and([day for day in days if day]) if days else ""


def _weekday(day: str) -> str | None:
    """Return "Mondays" for FHIR's "mon", and for "Monday"."""
    found = WEEKDAYS.get(day[:3], "")
    return found if found.lower().startswith(day) else None


def _when(repeat: Mapping[str, Any]) -> str | None:
    events = [EVENTS.get(code, EVENTS.get(code.upper())) for code in texts(repeat.get("when"))]
    # No minutes away from an event is the event itself.
    is_at_once = digits(repeat.get("offset")) == "0"
    offset = "" if is_at_once else _digits(repeat, "offset")
    if not events or None in events or offset is None:
        return None
    said = [event for event in events if event]
    return _and([_with_offset(event, offset) for event in said] if offset else said)


def _with_offset(event: str, minutes: str) -> str:
    match = _OFFSET_TARGET.fullmatch(event)
    side, target = (match[1], match[2]) if match else (None, event)
    return f"{minutes} minutes {side or 'after'} {target}"


def _times_of_day(repeat: Mapping[str, Any]) -> str | None:
    clocks = [_TIME_OF_DAY.fullmatch(time) for time in texts(repeat.get("timeOfDay"))]
    if not clocks or None in clocks:
        return None
    return "at " + _and([clock[1] or clock[0] for clock in clocks if clock])


def _count(repeat: Mapping[str, Any]) -> str | None:
    low, high = _digits(repeat, "count"), _digits(repeat, "countMax")
    if low is None or high is None:
        return None
    if high and high != low:
        return f"{low} to {high} times in all" if low else f"up to {high} times in all"
    return "once in all" if is_one(low) else f"{low} times in all"


def _duration(repeat: Mapping[str, Any]) -> str | None:
    low, high = _digits(repeat, "duration"), _digits(repeat, "durationMax")
    unit = unit_of_time(repeat.get("durationUnit"))
    if low is None or high is None or not unit or not (low or high):
        return None
    if high and high != low:
        return f"over {low} to {high} {unit}s" if low else f"over up to {high} {unit}s"
    return f"over {counted(low, unit)}"


def _bounds(repeat: Mapping[str, Any]) -> Words:
    """Return the bounds. FHIR allows one form: of two nobody knows which is meant."""
    forms = (
        ("boundsDuration", _length),
        ("boundsRange", _lengths),
        ("boundsPeriod", period_words),
    )
    said = [say(repeat[name]) for name, say in forms if name in repeat]
    return Words(tuple(filter(None, said)), is_whole=len(said) == 1 and None not in said)


def _length(duration: object) -> str | None:
    words = duration_text(duration)
    return f"for {words}" if words else None


def _lengths(bounds: object) -> str | None:
    words = range_text(bounds, duration_text)
    return f"for {words}" if words else None


def period_words(period: object) -> str | None:
    """Return "from 1 Apr 2026 to 8 Apr 2026", "on 1 Apr 2026", "until 8 Apr 2026" or
    "from 1 Apr 2026"."""
    start, end = period_moments(period)
    if start and end and start.day_text == end.day_text:
        return f"on {start.day_text}"
    if start and end:
        doubt = " (ends before it begins)" if is_reversed(start, end) else ""
        return f"from {start.day_text} to {end.day_text}{doubt}"
    if end:
        return f"until {end.day_text}"
    return f"from {start.day_text}" if start else None


def period_moments(period: object) -> tuple[Moment | None, Moment | None]:
    # Some servers send one date instead of a period.
    members = {"start": period} if isinstance(period, str) else mapping(period)
    end = member_moment(members, "end")
    return member_moment(members, "start"), None if is_open(end) else end


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _days_by_extension(element: Mapping[str, Any]) -> str | None:
    """Return the days that only an extension names: "on days 1 and 8 of the cycle". None for any
    other extension: it may limit the doses."""
    said = [_named_days(one) for one in mappings(element.get("extension"))]
    return None if None in said else _and([words for words in said if words]) if said else ""


def _named_days(extension: Mapping[str, Any]) -> str | None:
    url = text(extension.get("url"))
    if url == f"{EXTENSIONS}timing-dayOfMonth":
        numbers, of = [digits(extension.get("valuePositiveInt"))], "month"
    elif url == f"{EXTENSIONS}timing-daysOfCycle":
        parts = mappings(extension.get("extension"))
        numbers, of = [digits(part.get("valueInteger")) for part in parts], "cycle"
    else:
        return None
    if not numbers or not all(numbers):
        return None
    return f"on {'day' if len(numbers) == 1 else 'days'} {_and(numbers)} of the {of}"


REPEAT_PARTS: Parts = (
    ((*_RATE, "dayOfWeek"), _how_often),
    (("extension",), _days_by_extension),
    (("when", "offset"), _when),
    (("timeOfDay",), _times_of_day),
    (("duration", "durationMax", "durationUnit"), _duration),
    (("count", "countMax"), _count),
    (("boundsDuration", "boundsRange", "boundsPeriod"), _bounds),
)
TIMING_PARTS: Parts = (
    (("repeat",), _repeat),
    (("event",), _events),
    (("code",), _code),
    (("extension",), _days_by_extension),
)
