"""Parsing of `Retry-After` (RFC 9110 §10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(value: str | None, *, now: datetime, longest: float) -> float | None:
    """Return the delay in seconds from `now`: 0 if it has passed, at most `longest`, so that a
    mistake cannot keep people out for a day.

    None if there is no such header, or if it is neither delta-seconds nor an HTTP-date.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), longest)  # float() takes any number of digits
    at = http_date(text)
    return None if at is None else min(max((at - now).total_seconds(), 0.0), longest)


def http_date(text: str) -> datetime | None:
    """Return the moment that a header names, None if it is no HTTP-date. It is in GMT, also in the
    obsolete format that does not say so (RFC 9110 §5.6.7)."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
