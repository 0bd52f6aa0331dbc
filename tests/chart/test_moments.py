from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.chart.moments import (
    first_moment,
    newest_first,
    parse_moment,
    years_between,
)


@pytest.mark.parametrize(
    ("value", "shown", "iso"),
    [
        ("1948", "1948", "1948"),
        ("1948-12", "Dec 1948", "1948-12"),
        ("1948-12-05", "5 Dec 1948", "1948-12-05"),
        ("2026-10-05T08:15:00+02:00", "5 Oct 2026, 08:15", "2026-10-05T08:15+02:00"),
        ("2026-10-05T08:15:00.123456789Z", "5 Oct 2026, 08:15", "2026-10-05T08:15+00:00"),
        ("2026-12-31T23:59:60Z", "31 Dec 2026, 23:59", "2026-12-31T23:59+00:00"),
        ("2026-10-05T08:15", "5 Oct 2026, 08:15", "2026-10-05T08:15+00:00"),
    ],
)
def test_a_date_is_shown_as_precisely_as_it_was_recorded(value: str, shown: str, iso: str) -> None:
    moment = parse_moment(value)
    assert moment is not None
    assert (moment.text, moment.iso) == (shown, iso)


def test_the_wall_clock_of_the_place_is_shown_and_the_instant_orders() -> None:
    in_new_york = parse_moment("2026-10-05T23:30:00-04:00")
    in_berlin = parse_moment("2026-10-06T05:00:00+02:00")
    assert in_new_york is not None
    assert in_berlin is not None
    assert in_new_york.date_text == "5 Oct 2026"
    assert sorted([in_new_york, in_berlin], key=newest_first) == [in_new_york, in_berlin]


@pytest.mark.parametrize(
    "value",
    [
        None,
        1948,
        True,
        "",
        "5 Dec 1948",
        "1948-13",
        "1948-02-30",
        "0001-01-01",
        "9999-12-31",
        "2026-10-05T25:00Z",
        "2026-10-05T08:15:00+02",
        "2026-10-05 08:15",
        "2026-10T08:15Z",
        [],
    ],
)
def test_what_is_no_date_is_none(value: object) -> None:
    assert parse_moment(value) is None


def test_the_first_that_is_a_date_counts() -> None:
    found = first_moment(None, "soon", "2020", "2021")
    assert found is not None
    assert found.text == "2020"
    assert first_moment() is None


@given(st.integers(-5_000_000_000, 7_000_000_000))
def test_every_instant_survives(seconds: int) -> None:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    moment = parse_moment(instant.isoformat())
    assert moment is not None
    assert moment.at == instant


def test_years_are_counted_as_birthdays_count_them() -> None:
    assert years_between(date(2000, 2, 29), date(2026, 2, 28)) == 25
    assert years_between(date(2000, 2, 29), date(2026, 3, 1)) == 26
