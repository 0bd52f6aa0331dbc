from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.record.moments import (
    DATA_ABSENT_REASON,
    Chronology,
    Moment,
    first_moment,
    member_moment,
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
        ("2026-10-05T08:15:00.123456789Z", "5 Oct 2026, 08:15 UTC", "2026-10-05T08:15+00:00"),
        ("2026-12-31T23:59:60Z", "31 Dec 2026, 23:59 UTC", "2026-12-31T23:59+00:00"),
        ("2026-10-05T08:15", "5 Oct 2026, 08:15", "2026-10-05T08:15+00:00"),
        ("2026-10-05T08:15:00.000+0200", "5 Oct 2026, 08:15", "2026-10-05T08:15+02:00"),
        ("2026-10-05T08:15:00+02", "5 Oct 2026, 08:15", "2026-10-05T08:15+02:00"),
        ("2026-10-05T08:15:00-0000", "5 Oct 2026, 08:15 UTC", "2026-10-05T08:15+00:00"),
        ("2026-10-05T08:15:00 GMT", "5 Oct 2026, 08:15 UTC", "2026-10-05T08:15+00:00"),
        (" 2026-10-05  08:15 ", "5 Oct 2026, 08:15", "2026-10-05T08:15+00:00"),
        ("2026-10-05 08:15 -05:00", "5 Oct 2026, 08:15", "2026-10-05T08:15-05:00"),
        ("2026/10/5", "5 Oct 2026", "2026-10-05"),
        ("20261005", "5 Oct 2026", "2026-10-05"),
        ("202610050815", "5 Oct 2026, 08:15", "2026-10-05T08:15+00:00"),
        ("5 Oct 2026", "5 Oct 2026", "2026-10-05"),
        ("05-OCT-2026", "5 Oct 2026", "2026-10-05"),
        ("October 5, 2026", "5 Oct 2026", "2026-10-05"),
        ("Oct 5, 2026 9:05 PM", "5 Oct 2026, 21:05", "2026-10-05T21:05+00:00"),
        ("2026-10-05 12:15 AM", "5 Oct 2026, 00:15", "2026-10-05T00:15+00:00"),
        ("2026-10-05T8:15:00Z", "5 Oct 2026, 08:15 UTC", "2026-10-05T08:15+00:00"),
        ("2026-10-05T08:15:00\u221205:00", "5 Oct 2026, 08:15", "2026-10-05T08:15-05:00"),
        ("2026-10-05T08:15:00+02:00[Europe/Berlin]", "5 Oct 2026, 08:15", "2026-10-05T08:15+02:00"),
        ("2026-10-05Z", "5 Oct 2026", "2026-10-05"),
        ("2026-10-05+02:00", "5 Oct 2026", "2026-10-05"),
        ("20261005081500.000-0500", "5 Oct 2026, 08:15", "2026-10-05T08:15-05:00"),
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
    ("sent", "day"),
    [
        ("2026-05-02T02:30:00Z", "2 May 2026 (UTC)"),
        ("2026-05-02T02:30:00+00:00", "2 May 2026 (UTC)"),
        ("2026-05-02T00:00:00Z", "2 May 2026"),
        ("2026-05-01T19:30:00-07:00", "1 May 2026"),
        ("2026-05-02", "2 May 2026"),
    ],
)
def test_a_day_without_its_time_says_that_it_is_one_of_utc(sent: str, day: str) -> None:
    moment = parse_moment(sent)
    assert moment is not None
    assert moment.day_text == day


@pytest.mark.parametrize("value", [None, True, "", " ", [], {}])
def test_nothing_is_no_date(value: object) -> None:
    assert parse_moment(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "5 Dez 1948",
        "5 Decimal 1948",
        "31 Jun 2026",
        "05/12/1948",
        "05.12.1948",
        "2026-10-05 13:15 PM",
        "2026-10-05T08:15:00EST",
        "1948-13",
        "1948-02-30",
        "0001-01-01T00:00:00",
        "9999-12-31",
        "2026-10-05T25:00Z",
        "2026-10T08:15Z",
        "2026-10-05T08:15+01:75",
        1_780_477_200_000,
    ],
)
def test_what_cannot_be_read_keeps_its_own_text(value: object) -> None:
    moment = parse_moment(value)
    assert moment is not None
    assert (moment.text, moment.iso) == (f"date not readable: {value}", "")


def test_a_date_that_is_absent_with_a_reason_is_not_a_missing_one() -> None:
    reason = {"url": DATA_ABSENT_REASON, "valueCode": "masked"}
    moment = member_moment({"_birthDate": {"extension": [reason]}}, "birthDate")
    assert moment is not None
    assert moment.text == "date not readable: masked"
    assert member_moment({"birthDate": None}, "birthDate") is None


def at(value: str) -> Moment:
    moment = parse_moment(value)
    assert moment is not None
    return moment


def in_order(*values: str, now: datetime = datetime(2026, 11, 29, tzinfo=UTC)) -> list[str]:
    moments = [at(value) for value in values]
    chronology = Chronology.of(moments, now=now)
    return [moment.sent for moment in sorted(moments, key=chronology.newest_first)]


def test_a_day_without_a_time_is_compared_by_the_wall_clock() -> None:
    assert in_order("2026-06-02T22:30:00-07:00", "2026-06-03") == [
        "2026-06-03",
        "2026-06-02T22:30:00-07:00",
    ]
    assert in_order("2026-06-03", "2026-06-03T00:30:00+10:00")[0] == "2026-06-03T00:30:00+10:00"


def test_what_cannot_be_read_stands_above_what_can() -> None:
    assert in_order("2026-06-03", "yesterday") == ["yesterday", "2026-06-03"]


@pytest.mark.parametrize(
    ("value", "is_future"),
    [
        ("2099-07-07", True),
        ("2026-12-01", True),
        ("2026-11-29T12:00:00Z", False),  # some EHRs write their wall clock as UTC
        ("2026-11-29", False),
        ("2026", False),
        ("soon", False),
    ],
)
def test_a_moment_in_the_future_is_told_apart(value: str, *, is_future: bool) -> None:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    assert Chronology(now).is_future(at(value)) is is_future


def test_the_first_that_is_a_date_counts() -> None:
    found = first_moment(None, "soon", "2020", "2021")
    assert found is not None
    assert found.text == "2020"
    assert first_moment() is None
    unread = first_moment(None, "soon")
    assert unread is not None
    assert not unread.is_readable


@given(st.integers(-5_000_000_000, 7_000_000_000))
def test_every_instant_survives(seconds: int) -> None:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    moment = parse_moment(instant.isoformat())
    assert moment is not None
    assert moment.at == instant


def test_years_are_counted_as_birthdays_count_them() -> None:
    assert years_between(date(2000, 2, 29), date(2026, 2, 28)) == 25
    assert years_between(date(2000, 2, 29), date(2026, 3, 1)) == 26
