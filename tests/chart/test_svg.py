"""The charts' SVG; what it looks like, the tests of the pages see."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from smartapp.chart.graphics import Reading, line_chart, sparkline
from smartapp.chart.svg import chart_svg, spark_svg
from tests.hostile import ATTRIBUTE

START = datetime(2026, 1, 1, tzinfo=UTC)
READINGS = [Reading(START + timedelta(days=n), n % 7, f"{n % 7}<") for n in range(40)]
OUTLIER = Reading(START + timedelta(days=41), 9_000, "9000<")


def test_texts_are_texts() -> None:
    """A test's name and a value are the EHR's words."""
    series = [("Potassium", [*READINGS, OUTLIER])]
    chart = line_chart(series, bands=[(2, 5), (8_000, 8_500)], behind=[("<P3", lambda _: 3.0)])
    drawn = ET.fromstring(chart_svg(chart, ATTRIBUTE))  # noqa: S314 - our own
    assert drawn.get("aria-label") == ATTRIBUTE
    shown = [one.text for one in drawn.iter() if one.text]
    assert {"9000<", "9000<, off the scale", "<P3"} <= set(shown)


def test_a_small_trend_is_a_picture_with_words() -> None:
    spark = sparkline(READINGS, (2, 5))
    assert spark is not None
    drawn = ET.fromstring(spark_svg(spark, ATTRIBUTE))  # noqa: S314 - our own
    assert (drawn.get("role"), drawn.get("aria-label")) == ("img", ATTRIBUTE)
    assert [one.tag for one in drawn] == ["rect", "path", "circle"]
