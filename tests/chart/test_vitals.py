from typing import Any

from smartapp.chart.graphics import LineChart
from smartapp.chart.value_table import MAX_ROWS
from smartapp.chart.vitals import DrawnSign, draw_vital_signs
from smartapp.record.reading import Given
from smartapp.record.vital_signs import read_vital_signs
from tests.chart.samples import NOW, Resource, blood_pressure, observation, quantity

CHILD: dict[str, Any] = {"birthDate": "2020-01-01"}
ADULT: dict[str, Any] = {"birthDate": "1948-12-05"}
WEIGHT, HEART_RATE, TEMPERATURE = "29463-7", "8867-4", "8310-5"


def signs(*observations: Resource, patient: Resource = ADULT) -> tuple[DrawnSign, ...]:
    return draw_vital_signs(read_vital_signs(Given(observations, NOW, patient)).entries)


def chart_of(drawn: DrawnSign) -> LineChart:
    assert drawn.chart is not None
    return drawn.chart


class TestOrder:
    def test_blood_pressure_first_then_the_known_then_the_rest(self) -> None:
        found = signs(
            observation("99999-9", 3, name="Peak flow"),
            observation(WEIGHT, 66, "kg"),
            observation(HEART_RATE, 67, "/min"),
            blood_pressure(136, 70, "2026-10-05"),
        )
        names = [drawn.sign.name for drawn in found]
        assert names == ["Blood pressure", "Heart rate", "Body weight", "Peak flow"]

    def test_what_has_no_number_or_no_time_is_listed_and_not_drawn(self) -> None:
        undated = {**observation(WEIGHT, 66, "kg"), "effectiveDateTime": "once"}
        rate, weight = signs(undated, observation(HEART_RATE, None, valueString="fast"))
        assert (rate.chart, rate.sign.rows[0].text) == (None, "fast")
        assert (weight.chart, weight.sign.rows[0].when_text) == (None, "date not readable: once")


class TestBloodPressure:
    def test_a_panel_and_two_single_observations_are_the_same_thing(self) -> None:
        found = signs(
            blood_pressure(136, 70, "2026-10-05"),
            observation("8480-6", 128, "mmHg", when="2025-10-05"),
            observation("8462-4", 66, "mmHg", when="2025-10-05"),
        )
        assert len(found) == 1
        assert [row.text for row in found[0].sign.rows] == ["136/70", "128/66"]
        assert len(chart_of(found[0]).bars) == 2

    def test_half_a_pressure_is_shown_as_half(self) -> None:
        (found,) = signs(observation("8480-6", 128, "mmHg"))
        assert found.sign.latest.text == "128/–"
        assert [line.name for line in chart_of(found).lines] == ["Systolic"]
        assert chart_of(found).bars == ()

    def test_many_pressures_become_two_lines(self) -> None:
        many = [
            blood_pressure(120 + d, 70, f"2026-{m:02}-{d:02}")
            for m in (1, 2, 3, 4)
            for d in range(1, 29)
        ]
        (found,) = signs(*many)
        assert chart_of(found).bars == ()
        assert all(line.path for line in chart_of(found).lines)

    def test_the_summary_says_what_the_picture_shows(self) -> None:
        (found,) = signs(
            blood_pressure(136, 70, "2026-10-05"), blood_pressure(150, 85, "2020-01-01")
        )
        assert found.summary == (
            "Blood pressure: 2 values from 1 Jan 2020 to 5 Oct 2026, systolic between 136 and 150, "
            "diastolic between 70 and 85, latest 136/70 mmHg. "
            "Usual for adults at rest: 90 to 120 over 60 to 80 (not from the record)."
        )


class TestUnits:
    def test_an_older_unit_is_drawn_in_the_newest_one_and_the_table_says_so(self) -> None:
        (found,) = signs(
            observation(WEIGHT, 150, "[lb_av]", when="2019-01-01"),
            observation(WEIGHT, 66, "kg", when="2026-01-01"),
        )
        assert found.sign.unit == "kg"
        assert [row.text for row in found.sign.rows] == ["66", "68"]
        assert found.sign.rows[1].notes == ("recorded as 150 lb",)

    def test_fahrenheit_keeps_its_own_range(self) -> None:
        (found,) = signs(observation(TEMPERATURE, 98.6, "[degF]"))
        assert found.sign.range_text == (
            "Usual for adults at rest: 96.98 to 98.96 (not from the record)"
        )

    def test_units_without_a_conversion_are_never_on_one_axis(self) -> None:
        found = signs(
            observation(WEIGHT, 66, "kg", when="2026-01-01"),
            observation(WEIGHT, 10, "catty", when="2019-01-01"),
        )
        assert [(one.sign.name, one.sign.unit) for one in found] == [
            ("Body weight", "kg"),
            ("Body weight", "catty"),
        ]


class TestRange:
    def test_children_have_no_adult_range(self) -> None:
        pulse = observation(HEART_RATE, 120, "/min")
        assert signs(pulse, patient=CHILD)[0].sign.range_text == ""
        assert chart_of(signs(pulse, patient={})[0]).bands == ()
        assert signs(pulse)[0].sign.range_text == (
            "Usual for adults at rest: 60 to 100 (not from the record)"
        )

    def test_the_records_own_range_goes_first(self) -> None:
        own = [{"low": quantity(50, "/min"), "high": quantity(90, "/min")}]
        (found,) = signs(observation(HEART_RATE, 67, "/min", referenceRange=own))
        assert found.sign.range_text == "Range in the record: 50 to 90"


class TestBesideTheUsual:
    def test_a_value_outside_the_range_that_stands_beside_it_says_so(self) -> None:
        pulse, pressure = (
            observation(HEART_RATE, 120, "/min"),
            blood_pressure(139, 55, "2026-10-05"),
        )
        assert [one.sign.beside_usual for one in signs(pressure, pulse)] == [
            "above and below usual",
            "above usual",
        ]
        assert signs(observation(HEART_RATE, 70, "/min"))[0].sign.beside_usual == ""

    def test_where_the_ehr_judges_or_nothing_is_usual_nothing_is_said(self) -> None:
        own = [{"low": quantity(50, "/min"), "high": quantity(90, "/min")}]
        ranged = observation(HEART_RATE, 120, "/min", referenceRange=own)
        flagged = observation(HEART_RATE, 120, "/min", interpretation=[{"coding": [{"code": "N"}]}])
        for one in (ranged, flagged):
            assert signs(one)[0].sign.beside_usual == ""
        assert signs(observation(HEART_RATE, 120, "/min"), patient=CHILD)[0].sign.beside_usual == ""


def test_the_table_is_long_but_not_endless() -> None:
    many = [
        observation(
            HEART_RATE,
            60 + n % 7,
            "/min",
            id=str(n),
            when=f"20{10 + n // 28 % 10}-{n % 12 + 1:02}-{n % 28 + 1:02}",
        )
        for n in range(MAX_ROWS + 50)
    ]
    (found,) = signs(*many)
    assert (found.table.count, found.table.left_out) == (MAX_ROWS + 50, 50)
    assert found.table.rows.count("<tr>") == MAX_ROWS


def test_one_value_says_that_it_is_one() -> None:
    (found,) = signs(observation(HEART_RATE, 67, "/min"))
    assert found.summary == "Heart rate: one value, 67 /min, 5 Oct 2026, 08:15."


def test_one_date_of_long_ago_does_not_make_the_others_one_line() -> None:
    (found,) = signs(
        observation(HEART_RATE, 61, "/min", when="1970-01-01"),
        *(observation(HEART_RATE, 60 + n, "/min", when=f"2026-01-{n + 1:02}") for n in range(9)),
    )
    assert found.not_drawn == (
        "1 value of 1 Jan 1970, long before the others, is listed and not drawn."
    )
    assert len(chart_of(found).lines[0].marks) == 9
    assert len(found.sign.rows) == 10


def test_years_between_visits_are_drawn_as_they_are() -> None:
    (found,) = signs(
        *(observation(WEIGHT, 70, "kg", when=f"{year}-01-01") for year in (1999, 2013, 2020, 2026))
    )
    assert found.not_drawn == ""


def test_what_was_measured_in_the_same_moment_stands_beside_the_latest() -> None:
    when = "2026-05-02T09:00:00Z"
    pulses = [observation("8867-4", n, "/min", id=f"o{n}", when=when) for n in (60, 120)]
    earlier = observation("8867-4", 70, "/min", when="2026-05-01T09:00:00Z")
    (sign,) = signs(earlier, *pulses)
    assert {sign.sign.latest.text, *(row.text for row in sign.aside)} == {"60", "120"}


def test_a_reading_after_an_effort_has_no_range_of_people_at_rest() -> None:
    for circumstance in (
        {"method": {"text": "After exercise"}},
        {"note": [{"text": "while walking"}]},
        {"component": [{"code": {"text": "Activity"}, "valueString": "Running"}]},
    ):
        (sign,) = signs(observation(HEART_RATE, 150, "/min", **circumstance))
        assert not sign.sign.range_text
    (sign,) = signs(observation(HEART_RATE, 150, "/min", method={"text": "Palpation"}))
    assert sign.sign.range_text


def test_what_is_dated_in_the_future_is_latest_only_where_there_is_nothing_else() -> None:
    future = observation(WEIGHT, 99, "kg", when="2099-01-01")
    undated = {**observation(WEIGHT, 70, "kg"), "effectiveDateTime": None}
    for readings in ((future, undated), (undated, future)):
        (sign,) = signs(*readings)
        assert sign.sign.latest.text == "70"
    (sign,) = signs(future)
    assert "date in the future" in sign.sign.latest.notes


def test_another_than_the_patient_is_named_in_the_words_of_the_picture() -> None:
    (sign,) = signs(observation(HEART_RATE, 158, "/min", focus=[{"display": "Fetus"}]))
    assert sign.summary.startswith("Heart rate (of: Fetus): one value, 158 /min")
