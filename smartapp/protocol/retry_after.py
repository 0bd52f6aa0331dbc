"""How long an EHR asks to be left alone: the `Retry-After` of its answer (RFC 9110 §10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(value: str | None, *, now: datetime, longest: float) -> float | None:
    """Return for how many seconds from `now` a header's value asks: 0 when that is over already,
    never more than `longest`, as a mistake must not keep people out for a day.

    None where there is no such header, or it is neither delta-seconds nor an HTTP-date.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), longest)  # as many digits as there are: none is too long for this
    try:
        at = parsedate_to_datetime(text)
        # An HTTP-date is in GMT, also in the obsolete form that does not say so (§5.6.7).
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds.total_seconds(), 0.0), longest)
