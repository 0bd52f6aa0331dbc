from typing import Any

import pytest

from smartapp.chart.measurements import Measurement, read_measurements
from tests.chart.samples import blood_pressure, concept, observation, quantity


def measured(**members: Any) -> Measurement:
    resource = {**observation("2345-7", 95, "mg/dL"), **members}
    return read_measurements([resource])[0]


class TestValue:
    @pytest.mark.parametrize(
        ("member", "value", "shown"),
        [
            ("valueCodeableConcept", {"text": "Positive"}, "Positive"),
            ("valueString", "Cloudy", "Cloudy"),
            ("valueInteger", 3, "3"),
            ("valueBoolean", False, "No"),
            ("valueRange", {"low": quantity(1, "mg"), "high": quantity(2, "mg")}, "1 mg to 2 mg"),
            ("valueRatio", {"numerator": quantity(1), "denominator": quantity(128)}, "1 : 128"),
            ("valueTime", "08:15", "08:15"),
            ("valueDateTime", "2026", "2026"),
        ],
    )
    def test_every_kind_of_value_has_words(self, member: str, value: object, shown: str) -> None:
        assert measured(valueQuantity=None, **{member: value}).text == shown

    def test_a_quantity_keeps_its_comparator_and_unit_apart(self) -> None:
        found = measured(valueQuantity=quantity(0.5, "mg/L", comparator="<"))
        assert (found.text, found.unit, found.value_and_unit) == ("< 0.5", "mg/L", "< 0.5 mg/L")

    def test_components_are_measurements_of_their_own(self) -> None:
        found = read_measurements([blood_pressure(136, 70, "2026-10-05")])
        assert [(m.name, m.number) for m in found] == [("Systolic", 136), ("Diastolic", 70)]

    @pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
    def test_what_was_withdrawn_is_left_out(self, status: str) -> None:
        assert read_measurements([{**observation("2345-7", 95), "status": status}]) == []

    def test_a_value_that_is_absent_is_no_value(self) -> None:
        assert read_measurements([observation("2345-7", None, dataAbsentReason={})]) == []

    def test_a_preliminary_result_says_so(self) -> None:
        assert measured(status="preliminary").status == "Preliminary"

    @pytest.mark.parametrize(
        ("members", "shown"),
        [
            ({"effectiveDateTime": None, "issued": "2026-01-02"}, "2 Jan 2026"),
            (
                {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-01-01"}},
                "1 Jan 2026",
            ),
        ],
    )
    def test_the_time_is_found_where_it_is(self, members: dict[str, Any], shown: str) -> None:
        when = measured(**members).when
        assert when is not None
        assert when.date_text == shown


class TestFlag:
    RANGE = [{"low": quantity(70, "mg/dL"), "high": quantity(99, "mg/dL")}]

    def test_the_laboratorys_word_counts(self) -> None:
        found = measured(interpretation=[concept("", "HH")], referenceRange=self.RANGE)
        assert (found.flag.direction, found.flag.text) == ("high", "Critically high")
        assert found.flag.is_critical

    @pytest.mark.parametrize(
        ("value", "words"), [(120, "Above range"), (60, "Below range"), (80, ""), (99, "")]
    )
    def test_without_it_the_laboratorys_range_counts(self, value: float, words: str) -> None:
        found = measured(valueQuantity=quantity(value, "mg/dL"), referenceRange=self.RANGE)
        assert found.flag.text == words

    def test_two_units_are_never_compared(self) -> None:
        found = measured(valueQuantity=quantity(5.1, "mmol/L"), referenceRange=self.RANGE)
        assert not found.flag.is_notable

    def test_a_normal_value_bears_no_mark(self) -> None:
        found = measured(interpretation=[concept("", "N")])
        assert not found.flag.is_shown

    def test_an_unknown_word_is_shown_as_it_is(self) -> None:
        flag = measured(interpretation=[{"text": "Haemolysed"}]).flag
        assert (flag.text, flag.is_shown, flag.is_notable) == ("Haemolysed", True, False)


class TestRange:
    def test_the_unit_is_said_only_when_it_differs(self) -> None:
        same = measured(referenceRange=TestFlag.RANGE).range
        other = measured(valueQuantity=quantity(5, "mmol/L"), referenceRange=TestFlag.RANGE).range
        assert same is not None
        assert other is not None
        assert (same.text_beside("mg/dL"), other.text_beside("mmol/L")) == (
            "70 to 99",
            "70 to 99 mg/dL",
        )

    @pytest.mark.parametrize(
        ("members", "shown"),
        [
            ({"high": quantity(5, "mg/dL")}, "up to 5"),
            ({"low": quantity(5, "mg/dL")}, "from 5"),
            ({"text": "negative"}, "negative"),
        ],
    )
    def test_open_and_written_ranges(self, members: dict[str, Any], shown: str) -> None:
        found = measured(referenceRange=[members]).range
        assert found is not None
        assert found.text_beside("mg/dL") == shown

    def test_a_treatment_goal_is_no_normal_range(self) -> None:
        goal = {"type": concept("", "treatment"), "high": quantity(7, "mg/dL")}
        assert measured(referenceRange=[goal]).range is None
