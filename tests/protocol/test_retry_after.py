"""`Retry-After` (RFC 9110 §10.2.3; C125, C128, C144; RFC 7009 §2.2.1)."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smartapp.protocol.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 25, 14, 0, 0, tzinfo=UTC)
LONGEST = 3600


def seconds(value: str | None) -> float | None:
    return retry_after_seconds(value, now=NOW, longest=LONGEST)


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("0", 0),
        ("40", 40),
        (" 40 ", 40),
        ("0040", 40),
        ("3600", 3600),
        ("86400", LONGEST),
        ("9" * 400, LONGEST),
        ("9" * 8000, LONGEST),
    ],
)
def test_delta_seconds_are_kept_to_within_reason(value: str, asked: float) -> None:
    assert seconds(value) == asked


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("Wed, 25 Nov 2026 14:00:30 GMT", 30),
        ("Wednesday, 25-Nov-26 14:00:30 GMT", 30),
        ("Wed Nov 25 14:00:30 2026", 30),
        ("Wed, 25 Nov 2026 15:00:30 +0100", 30),
        ("Wed, 25 Nov 2026 14:00:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 01 Jan 9999 00:00:00 GMT", LONGEST),
    ],
)
def test_an_http_date_is_counted_from_now(value: str, asked: float) -> None:
    """§5.6.7: also in its two obsolete forms."""
    assert seconds(value) == asked


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "-3",
        "+3",
        "1.5",
        "1e3",
        "0x10",
        "٣",
        "40, 40",
        "Mon, 1 Jan",
        "Wed, 99 Nov 2026 14:00:30 GMT",
        f"Fri, 01 Jan 2027 00:00:00 +{'9' * 30}",
        f"Fri, 01 Jan {'9' * 30} 00:00:00 GMT",
        f"Fri, 01 Jan {'9' * 5000} 00:00:00 GMT",
    ],
)
def test_anything_else_asks_for_nothing(value: str | None) -> None:
    assert seconds(value) is None


@given(
    st.text()
    | st.text(alphabet="0123456789:+-,. GMTJanWed", max_size=60)
    | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
)
@example("Wed, 25 Nov 0 14:00:30 GMT")
def test_no_value_raises_or_leaves_its_bounds(value: str) -> None:
    """T25."""
    asked = seconds(value)
    assert asked is None or 0 <= asked <= LONGEST
