from smartapp.chart.labs import LabPanel, draw_labs
from smartapp.chart.value_table import MAX_ROWS
from smartapp.record.elements import Resource
from smartapp.record.laboratory import read_laboratory
from smartapp.record.reading import Given
from tests.chart.samples import NOW, observation, quantity

CREATININE = "Creatinine [Mass/volume] in Serum or Plasma"


def labs(*observations: Resource) -> tuple[LabPanel, ...]:
    return draw_labs(read_laboratory(Given(observations, NOW)).entries)


def test_results_are_grouped_by_test_and_tests_by_panel() -> None:
    glucose, kidney, other = labs(
        observation("2160-0", 2.0, "mg/dL", name=CREATININE, when="2026-01-01"),
        observation("2160-0", 2.1, "mg/dL", name=CREATININE, when="2026-10-05T09:00:00Z"),
        observation("2345-7", 95, "mg/dL", name="Glucose", when="2026-10-05T08:00:00Z"),
        observation("99999-9", 110, "mg/dL", name="Odd", when="2026-03-30"),
        observation("99998-1", 110, "mg/dL", name="Even", when="2026-03-30"),
    )
    assert [one.title for one in (glucose, kidney, other)] == [
        "Glucose and diabetes",
        "Kidney and electrolytes",
        "Other tests",
    ]
    assert [test.name for test in other.tests] == ["Even", "Odd"]
    (creatinine,) = kidney.tests
    assert creatinine.test.newest.value.text == "2.1"
    assert creatinine.table.rows.index("2.1") < creatinine.table.rows.index("2.0")


def test_the_name_that_people_use_and_the_one_that_was_sent() -> None:
    (panel,) = labs(observation("2160-0", 2.0, "mg/dL", name=CREATININE))
    (test,) = panel.tests
    assert (test.name, test.long_name, test.codes) == ("Creatinine", CREATININE, "LOINC 2160-0")


def test_the_same_name_with_another_code_is_another_test() -> None:
    names = ("Creatinine [Mass/volume] in Serum", "Creatinine [Mass/volume] in Urine")
    panels = labs(
        observation("2160-0", 2.0, "mg/dL", name=names[0]),
        observation("2161-8", 90, "mg/dL", name=names[1]),
    )
    tests = [test for panel in panels for test in panel.tests]
    assert [test.long_name or test.name for test in tests] == list(names)


def test_what_is_long_ago_says_how_long() -> None:
    (panel,) = labs(observation("2160-0", 2.0, "mg/dL", when="2023-10-05"))
    assert panel.tests[0].test.ago == "3 years ago"


def test_the_last_fortnight_in_words() -> None:
    ranges = [{"low": {"value": 70}, "high": {"value": 180}}]
    values = (60, 100, 200, 210)
    (panel,) = labs(
        *(
            observation("2345-7", value, "mg/dL", when=f"2026-10-0{n + 1}", referenceRange=ranges)
            for n, value in enumerate(values)
        ),
        observation("2345-7", 55, "mg/dL", when="2026-01-01", referenceRange=ranges),
    )
    assert panel.tests[0].words == (
        "5 results since 1 Jan 2026: first 55, latest 210, lowest 55 (1 Jan 2026), highest 210 "
        "(4 Oct 2026)",
        "In the 14 days to 4 Oct 2026: 4 results, 1 low, 2 high",
    )


def test_results_that_nobody_judged_are_not_counted_as_normal() -> None:
    (panel,) = labs(
        *(observation("2345-7", 99 + n, "mg/dL", when=f"2026-10-0{n + 1}") for n in range(3))
    )
    assert panel.tests[0].words[1].endswith("3 results, not all with a range or a remark")


def test_two_units_are_two_tests_and_no_trend_joins_them() -> None:
    (panel,) = labs(
        observation("2345-7", 5.1, "mmol/L", when="2019-01-01"),
        observation("2345-7", 95, "mg/dL", when="2026-01-02"),
        observation("2345-7", 99, "mg/dL", when="2026-01-01"),
    )
    newest, older = panel.tests
    assert newest.trend is not None
    assert newest.words == (
        "2 results since 1 Jan 2026: first 99, latest 95, lowest 95 (2 Jan 2026), highest 99 "
        "(1 Jan 2026)",
    )
    assert (older.trend, older.chart) == (None, None)


def test_words_and_single_values_have_no_trend() -> None:
    (panel,) = labs(observation("5802-4", None, valueString="Negative"))
    assert panel.tests[0].trend is None
    assert panel.tests[0].trend_text == ""


def test_all_values_are_listed_as_far_as_a_page_can() -> None:
    many = [
        observation("2345-7", 90, "mg/dL", id=str(n), when=f"{1900 + n // 12}-{n % 12 + 1:02}-01")
        for n in range(MAX_ROWS + 60)
    ]
    (panel,) = labs(*many)
    table = panel.tests[0].table
    assert (table.rows.count("<tr>"), table.left_out) == (MAX_ROWS, 60)


def test_what_the_ehr_writes_stays_text_in_the_table() -> None:
    (panel,) = labs(observation("2345-7", None, valueString="<b>", note=[{"text": "<i>"}]))
    assert "<b>" not in panel.tests[0].table.rows
    assert "&lt;b&gt;" in panel.tests[0].table.rows
    assert "&lt;i&gt;" in panel.tests[0].table.rows


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
    first, dated = labs(future, undated, observation("2160-0", 2, "mg/dL"), odd)
    assert first.title == "Results whose date is not known"
    assert sorted(test.test.doubt for test in first.tests) == [
        "Date not readable: 03.06.2026",
        "Date not recorded",
        "Dated in the future; check it in the EHR",
    ]
    assert dated.title == "Kidney and electrolytes"


def test_what_is_dated_in_the_future_has_no_trend() -> None:
    (panel,) = labs(
        *(observation("2345-7", value, "mg/dL", when="2099-07-07") for value in (97, 99, 101)),
    )
    (test,) = panel.tests
    assert test.test.doubt == "Dated in the future; check it in the EHR"
    assert (test.trend, test.chart, test.trend_text, test.words) == (None, None, "", ())
    assert test.table is not None


def test_dates_that_cannot_be_read_are_listed_and_not_drawn() -> None:
    odd = [observation("2345-7", n, "mg/dL", when="2024-13-45") for n in (95, 96)]
    (panel,) = labs(*odd)
    (test,) = panel.tests
    assert test.chart is None
    assert test.table.count == 2
