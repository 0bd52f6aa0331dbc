from smartapp.chart.labs import MAX_EARLIER, LabGroup, draw_labs, short_name
from smartapp.record.elements import Resource
from smartapp.record.laboratory import read_laboratory
from smartapp.record.reading import Given
from tests.chart.samples import NOW, observation, quantity

CREATININE = "Creatinine [Mass/volume] in Serum or Plasma"


def labs(*observations: Resource) -> tuple[LabGroup, ...]:
    return draw_labs(read_laboratory(Given(observations, NOW)).entries)


def test_results_are_grouped_by_test_and_tests_by_the_day_of_their_newest_result() -> None:
    newest, older = labs(
        observation("2160-0", 2.0, "mg/dL", name=CREATININE, when="2026-01-01"),
        observation("2160-0", 2.1, "mg/dL", name=CREATININE, when="2026-10-05T09:00:00Z"),
        observation("2345-7", 95, "mg/dL", name="Glucose", when="2026-10-05T08:00:00Z"),
        observation("2571-8", 110, "mg/dL", name="Triglyceride", when="2026-03-30"),
    )
    assert [test.name for test in newest.tests] == ["Creatinine", "Glucose"]
    assert [test.name for test in older.tests] == ["Triglyceride"]
    creatinine = newest.tests[0]
    assert (creatinine.test.newest.value.text, creatinine.earlier[0].text) == ("2.1", "2.0 mg/dL")


def test_the_same_name_with_another_code_is_another_test() -> None:
    (group,) = labs(
        observation("2160-0", 2.0, "mg/dL", name="Creatinine [Mass/volume] in Serum"),
        observation("2161-8", 90, "mg/dL", name="Creatinine [Mass/volume] in Urine"),
    )
    assert [test.property for test in group.tests] == [
        "[Mass/volume] in Serum",
        "[Mass/volume] in Urine",
    ]


def test_a_loinc_name_is_divided_and_nothing_is_lost() -> None:
    assert short_name(CREATININE) == ("Creatinine", "[Mass/volume] in Serum or Plasma")
    assert short_name("Kreatinin") == ("Kreatinin", "")
    assert short_name("[odd]") == ("[odd]", "")
    assert short_name("broken [") == ("broken [", "")


def test_two_units_are_two_tests_and_no_trend_joins_them() -> None:
    newest, older = labs(
        observation("2345-7", 5.1, "mmol/L", when="2019-01-01"),
        observation("2345-7", 95, "mg/dL", when="2026-01-02"),
        observation("2345-7", 99, "mg/dL", when="2026-01-01"),
    )
    (test,) = newest.tests
    assert test.trend is not None
    assert test.trend_text == (
        "2 results since 1 Jan 2026: first 99, latest 95, lowest 95, highest 99"
    )
    assert older.tests[0].trend is None


def test_words_and_single_values_have_no_trend() -> None:
    (group,) = labs(observation("5802-4", None, valueString="Negative"))
    assert group.tests[0].trend is None
    assert group.tests[0].trend_text == ""


def test_the_history_is_capped_and_counted() -> None:
    many = [
        observation(
            "2345-7", 90 + n, "mg/dL", id=str(n), when=f"20{n // 12 + 10}-{n % 12 + 1:02}-01"
        )
        for n in range(60)
    ]
    (group,) = labs(*many)
    assert len(group.tests[0].earlier) == MAX_EARLIER
    assert group.tests[0].earlier_left_out == 60 - 1 - MAX_EARLIER


def test_a_range_of_another_unit_is_not_drawn() -> None:
    ranges = [{"high": quantity(5.5, "mmol/L")}]
    (group,) = labs(
        observation("2345-7", 95, "mg/dL", when="2026-01-02", referenceRange=ranges),
        observation("2345-7", 99, "mg/dL", when="2026-01-01"),
    )
    assert group.tests[0].trend is not None
    assert group.tests[0].trend.band is None


def test_a_result_whose_time_is_not_known_stands_above_those_that_are_dated() -> None:
    undated = {**observation("2345-7", 95, "mg/dL"), "effectiveDateTime": None}
    odd = {**observation("2345-7", 96, "mg/dL"), "effectiveDateTime": "03.06.2026"}
    future = observation("2345-7", 97, "mg/dL", when="2099-07-07")
    groups = labs(future, undated, observation("2160-0", 2, "mg/dL", when="2026-10-05"), odd)
    assert [group.title for group in groups] == [
        "Date not readable: 03.06.2026",
        "Dated in the future; check it in the EHR",
        "Date not recorded",
        "5 Oct 2026",
    ]
