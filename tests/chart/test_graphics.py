"""The geometry of charts: nothing off the paper, no peak lost, outliers marked."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.chart.graphics import (
    HEIGHT,
    LABEL_HEIGHT,
    MAX_MARKERS,
    MAX_POINTS,
    MAX_YEAR_TICKS,
    SPARK_HEIGHT,
    SPARK_WIDTH,
    WIDTH,
    LineChart,
    Reading,
    line_chart,
    sparkline,
    thin,
    time_ticks,
    value_axis,
)

START = datetime(2020, 1, 15, tzinfo=UTC)
values = st.floats(-1e14, 1e14)
days = st.integers(-40_000, 40_000)


def readings(numbers: Sequence[float], *, every_days: float = 30) -> list[Reading]:
    return [
        Reading(START + timedelta(days=every_days * index), number, str(number))
        for index, number in enumerate(numbers)
    ]


def chart(numbers: Sequence[float], *, every_days: float = 30) -> LineChart:
    return line_chart([("one", readings(numbers, every_days=every_days))])


def coordinates(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d", path)]


class TestEndsOfTheCalendar:
    """Some EHRs write 0001-01-01 for no date, and 9999-12-31 for no end."""

    ENDS = (
        "0001-01-01",
        "0001-01-02",
        "1900-01-01",
        "9998-12-31",
        "9999-12-01",
        "9999-12-31T23:59",
    )

    @pytest.mark.parametrize("hours", [-12, 0, 14])
    def test_a_chart_that_reaches_them_is_drawn(self, hours: int) -> None:
        zone = timezone(timedelta(hours=hours))
        ends = [datetime.fromisoformat(one).replace(tzinfo=zone) for one in self.ENDS]
        for moments in combinations_with_replacement(ends, 2):
            readings = [Reading(at, 1.0, "1") for at in moments]
            chart = line_chart([("x", readings)], behind=[("half", lambda _: 0.5)])
            assert chart.lines and len(chart.x_ticks) <= 10


class TestNothingLeavesThePaper:
    @given(st.lists(st.tuples(days, values), min_size=1, max_size=300))
    def test_of_a_chart(self, points: list[tuple[int, float]]) -> None:
        found = [Reading(START + timedelta(days=day), value, "") for day, value in sorted(points)]
        drawn = line_chart([("one", found)], bands=[(60, 100)])
        line = drawn.lines[0]
        marks = [float(place) for mark in (*line.marks, line.last) for place in (mark.x, mark.y)]
        assert all(0 <= place <= max(WIDTH, HEIGHT) for place in coordinates(line.path) + marks)
        assert all(0 <= float(tick.position) <= HEIGHT for tick in drawn.y_ticks)
        assert all(0 <= float(tick.position) <= WIDTH for tick in drawn.x_ticks)
        assert all(float(band.height) >= 0 for band in drawn.bands)
        assert 2 <= len(drawn.y_ticks) <= 7
        assert len(drawn.x_ticks) <= MAX_YEAR_TICKS + 1

    @given(st.lists(st.tuples(days, values), min_size=2, max_size=300))
    def test_of_a_sparkline(self, points: list[tuple[int, float]]) -> None:
        found = [Reading(START + timedelta(days=day), value, "") for day, value in sorted(points)]
        drawn = sparkline(found, (60, float("inf")))
        assert drawn is not None
        places = coordinates(drawn.path)
        assert all(0 <= x <= SPARK_WIDTH for x in places[::2])
        assert all(0 <= y <= SPARK_HEIGHT for y in places[1::2])


class TestThinning:
    @given(st.lists(values, min_size=1, max_size=2_000))
    def test_keeps_the_extremes_and_the_newest(self, numbers: list[float]) -> None:
        found = readings(numbers)
        kept = thin(found)
        assert len(kept) <= MAX_POINTS
        assert {min(numbers), max(numbers)} <= {reading.value for reading in kept}
        assert kept[-1] is found[-1]
        assert kept == sorted(kept, key=lambda reading: reading.at)

    def test_few_points_stay_as_they_are(self) -> None:
        found = readings([1, 2, 3])
        assert thin(found) == found

    def test_many_points_are_a_line_without_marks(self) -> None:
        assert len(chart([1.0, 2.0] * (MAX_MARKERS // 2)).lines[0].marks) == MAX_MARKERS
        assert chart([1.0, 2.0] * MAX_MARKERS).lines[0].marks == ()


class TestScale:
    def test_an_outlier_does_not_flatten_the_rest_and_is_marked(self) -> None:
        drawn = chart([70, 71, 70, 72, 71, 700, 70, 71, 7, 70])
        assert float(drawn.y_ticks[-1].label) < 100
        assert [mark.beyond for mark in drawn.lines[0].marks if mark.beyond] == ["high", "low"]

    def test_a_real_change_is_no_outlier(self) -> None:
        drawn = chart([82, 80, 79, 76, 72, 70, 66, 64])
        assert not any(mark.beyond for mark in drawn.lines[0].marks)

    def test_one_value_stands_in_the_middle(self) -> None:
        drawn = chart([158])
        assert drawn.lines[0].path == ""
        assert drawn.left < float(drawn.lines[0].last.x) < drawn.right
        assert len(drawn.x_ticks) > 1

    def test_a_range_is_on_the_scale_when_it_is_near(self) -> None:
        bottom, top, _ = value_axis([65, 70, 75, 72], [(60, 85)])
        assert bottom <= 60
        assert top >= 80
        bottom, top, _ = value_axis([700, 705, 710, 702], [(60, 100)])
        assert bottom > 600


class TestGaps:
    def test_a_pause_of_years_is_drawn_as_a_pause(self) -> None:
        found = readings([70, 71, 72, 73])
        later = [Reading(START + timedelta(days=3000 + 30 * n), 80, "80") for n in range(3)]
        line = line_chart([("one", [*found, *later])]).lines[0]
        assert line.path.count("M") == 2
        assert line.gaps.count("M") == 1

    def test_regular_yearly_values_have_no_gap(self) -> None:
        assert chart([70, 71, 72, 73, 74], every_days=365.25).lines[0].gaps == ""


class TestLabels:
    def test_two_labels_never_run_into_each_other(self) -> None:
        drawn = line_chart([("low", readings([70, 100])), ("high", readings([120, 101]))])
        first, second = (float(line.label_y) for line in drawn.lines)
        assert abs(first - second) >= LABEL_HEIGHT - 0.1
        assert first > second

    def test_ticks_of_time_are_calendar_moments(self) -> None:
        def labels(first: datetime, last: datetime) -> list[str]:
            return [
                label
                for _, label in time_ticks(first.timestamp(), last.timestamp(), first.tzinfo or UTC)
            ]

        assert labels(START, START + timedelta(days=2000)) == [
            "2021", "2022", "2023", "2024", "2025",
        ]  # fmt: skip
        assert labels(START, START + timedelta(days=150)) == [
            "Feb 2020", "Mar 2020", "Apr 2020", "May 2020", "Jun 2020",
        ]  # fmt: skip
        night = START.replace(hour=20, tzinfo=timezone(timedelta(hours=2)))
        assert labels(night, night + timedelta(hours=9)) == [
            "20:00", "22:00", "16 Jan", "02:00", "04:00",
        ]  # fmt: skip
        assert labels(START, START + timedelta(days=5)) == [
            "16 Jan", "17 Jan", "18 Jan", "19 Jan", "20 Jan",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "band"),
    [([26, 27, 26], (12, 20)), ([44], (60, 100)), ([39.4], (36.1, 37.2)), ([88], (95, 100))],
)
def test_some_of_a_range_is_drawn_where_the_values_are_beyond_it(
    values: list[float], band: tuple[float, float]
) -> None:
    drawn = line_chart([("x", readings(values))], bands=[band])
    assert [float(one.height) > 3 for one in drawn.bands] == [True]


def test_a_range_far_away_is_not_drawn_and_does_not_flatten_the_values() -> None:
    drawn = line_chart([("x", readings([70, 71, 72]))], bands=[(7000, 7200)])
    assert drawn.bands == ()
    heights = [float(mark.y) for mark in drawn.lines[0].marks]
    assert max(heights) - min(heights) > 40
    assert [(edge.label, edge.beyond) for edge in drawn.edges] == [("7000", "high")]


def test_an_edge_of_a_range_is_always_drawn() -> None:
    drawn = line_chart([("x", readings([64, 65, 66]))], bands=[(20, 85), (60, float("inf"))])
    assert [edge.label for edge in drawn.edges] == ["20", "85", "60"]
    assert all(drawn.top <= float(edge.y) <= drawn.bottom for edge in drawn.edges)
    assert drawn.edges[0].beyond == "low"


def test_a_curve_behind_the_values_is_on_the_scale() -> None:
    drawn = line_chart(
        [("x", readings([8, 9]))], behind=[("P97", lambda _: 30.0), ("P3", lambda _: None)]
    )
    (curve,) = drawn.curves
    assert curve.label == "P97"
    assert float(drawn.y_ticks[-1].label) >= 30
