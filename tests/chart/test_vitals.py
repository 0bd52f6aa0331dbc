from smartapp.chart.vitals import MAX_ROWS, VitalSign, read_vital_signs
from smartapp.record.moments import Moment, parse_moment
from tests.chart.samples import Resource, blood_pressure, observation, quantity

ADULT = parse_moment("1948-12-05")
CHILD = parse_moment("2020-01-01")
WEIGHT, HEART_RATE, TEMPERATURE = "29463-7", "8867-4", "8310-5"


def signs(*observations: Resource, birth_date: Moment | None = ADULT) -> tuple[VitalSign, ...]:
    return read_vital_signs(list(observations), birth_date=birth_date)


class TestOrder:
    def test_blood_pressure_first_then_the_known_then_the_rest(self) -> None:
        found = signs(
            observation("99999-9", 3, name="Peak flow"),
            observation(WEIGHT, 66, "kg"),
            observation(HEART_RATE, 67, "/min"),
            blood_pressure(136, 70, "2026-10-05"),
        )
        names = [sign.name for sign in found]
        assert names == ["Blood pressure", "Heart rate", "Body weight", "Peak flow"]

    def test_what_has_no_number_or_no_time_is_not_drawn(self) -> None:
        undated = {**observation(WEIGHT, 66, "kg"), "effectiveDateTime": "once"}
        assert signs(undated, observation(HEART_RATE, None, valueString="fast")) == ()


class TestBloodPressure:
    def test_a_panel_and_two_single_observations_are_the_same_thing(self) -> None:
        found = signs(
            blood_pressure(136, 70, "2026-10-05"),
            observation("8480-6", 128, "mmHg", when="2025-10-05"),
            observation("8462-4", 66, "mmHg", when="2025-10-05"),
        )
        assert len(found) == 1
        assert [row.text for row in found[0].rows] == ["136/70", "128/66"]
        assert len(found[0].chart.bars) == 2

    def test_half_a_pressure_is_shown_as_half(self) -> None:
        (found,) = signs(observation("8480-6", 128, "mmHg"))
        assert found.latest.text == "128/–"
        assert [line.name for line in found.chart.lines] == ["Systolic"]
        assert found.chart.bars == ()

    def test_many_pressures_become_two_lines(self) -> None:
        many = [
            blood_pressure(120 + d, 70, f"2026-{m:02}-{d:02}")
            for m in (1, 2, 3, 4)
            for d in range(1, 29)
        ]
        (found,) = signs(*many)
        assert found.chart.bars == ()
        assert all(line.path for line in found.chart.lines)

    def test_the_summary_says_what_the_picture_shows(self) -> None:
        (found,) = signs(
            blood_pressure(136, 70, "2026-10-05"), blood_pressure(150, 85, "2020-01-01")
        )
        assert found.summary == (
            "Blood pressure: 2 values since 1 Jan 2020, systolic between 136 and 150, "
            "diastolic between 70 and 85, latest 136/70 mmHg, 5 Oct 2026. "
            "Usual for adults 90 to 120 over 60 to 80."
        )


class TestUnits:
    def test_an_older_unit_is_drawn_in_the_newest_one_and_the_table_says_so(self) -> None:
        (found,) = signs(
            observation(WEIGHT, 150, "[lb_av]", when="2019-01-01"),
            observation(WEIGHT, 66, "kg", when="2026-01-01"),
        )
        assert found.unit == "kg"
        assert [row.text for row in found.rows] == ["66", "68"]
        assert found.rows[1].note == "recorded as 150 lb"

    def test_fahrenheit_keeps_its_own_range(self) -> None:
        (found,) = signs(observation(TEMPERATURE, 98.6, "[degF]"))
        assert found.range_text == "Usual for adults 96.98 to 98.96"

    def test_units_without_a_conversion_are_never_on_one_axis(self) -> None:
        found = signs(
            observation(WEIGHT, 66, "kg", when="2026-01-01"),
            observation(WEIGHT, 10, "stone", when="2019-01-01"),
        )
        assert [(sign.name, sign.unit) for sign in found] == [
            ("Body weight", "kg"),
            ("Body weight", "stone"),
        ]


class TestRange:
    def test_children_have_no_adult_range(self) -> None:
        pulse = observation(HEART_RATE, 120, "/min")
        assert signs(pulse, birth_date=CHILD)[0].range_text == ""
        assert signs(pulse, birth_date=None)[0].chart.bands == ()
        assert signs(pulse)[0].range_text == "Usual for adults 60 to 100"

    def test_the_records_own_range_goes_first(self) -> None:
        own = [{"low": quantity(50, "/min"), "high": quantity(90, "/min")}]
        (found,) = signs(observation(HEART_RATE, 67, "/min", referenceRange=own))
        assert found.range_text == "Reference range 50 to 90"


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
    assert (found.count, len(found.rows), found.rows_left_out) == (MAX_ROWS + 50, MAX_ROWS, 50)


def test_one_value_says_that_it_is_one() -> None:
    (found,) = signs(observation(HEART_RATE, 67, "/min"))
    assert found.summary == "Heart rate: one value, 67 /min, 5 Oct 2026."
