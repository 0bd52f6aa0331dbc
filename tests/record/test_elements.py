from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.record.codes import HL7, SNOMED, concept_text
from smartapp.record.elements import MAX_REMEMBERED, MAX_WRITTEN, remembered
from smartapp.record.quantities import number, number_text, quantity_text, unit_text, written_number
from smartapp.record.texts import CUT, MAX_TEXT, annotations, prose, text, texts


def test_text_loses_what_could_hide_or_turn_round_its_neighbours() -> None:
    assert text("Ann\u202e evil\u202c\x00\n Lee") == "Ann evil Lee"


def test_text_keeps_the_letters_of_every_script() -> None:
    assert text("فاطمة الزهراء") == "فاطمة الزهراء"
    assert text("क्‍ष") == "क्‍ष"  # a zero-width joiner shapes letters and stays


@pytest.mark.parametrize("value", [None, 1, True, [], {}])
def test_what_is_no_text_is_empty(value: object) -> None:
    assert text(value) == ""


def test_texts_take_a_lone_string_and_skip_the_rest() -> None:
    assert texts("a") == ["a"]
    assert texts(["a", None, "", 3, "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("concept", "shown"),
    [
        ({"text": "Written", "coding": [{"display": "Coded"}]}, "Written"),
        ({"coding": [{"code": "1"}, {"code": "2", "display": "Coded"}]}, "Coded"),
        ({"coding": [{"code": "44054006"}]}, "code 44054006"),
        ({"coding": [{"system": SNOMED, "code": "44054006"}]}, "SNOMED CT 44054006"),
        (
            {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-am", "code": "J45"}]},
            "ICD-10 J45",
        ),
        (
            {"coding": [{"system": "http://id.who.int/icd/release/11/mms", "code": "CA23"}]},
            "ICD-11 CA23",
        ),
        ({"coding": [{"system": f"{HL7[0]}CodeSystem/x", "code": "not-taken"}]}, "not taken"),
        ({"code": "x1", "display": "A Coding alone"}, "A Coding alone"),
        ({"coding": [{"display": "A"}, {"display": "B", "userSelected": True}]}, "B"),
        ("Penicillin", "Penicillin"),
        ([{}, {"text": "Second"}], "Second"),
        ({"coding": "broken"}, ""),
        (None, ""),
    ],
)
def test_a_concept_is_shown_by_its_best_words(concept: object, shown: str) -> None:
    assert concept_text(concept) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("7", "7"),
        ("7.40", "7.40"),
        ("1.025", "1.025"),
        ("3.0", "3.0"),
        ("0.1125", "0.1125"),
        ("0.000000001", "0.000000001"),
        ("1E+3", "1000"),
        ("123456789012", "123456789012"),
        ("-0.5", "-0.5"),
        ("40.69089821176203", "≈ 40.69"),
        ("0.000123456789123", "≈ 0.000123"),
    ],
)
def test_numbers_keep_the_digits_that_were_sent(value: str, shown: str) -> None:
    assert number_text(Decimal(value)) == shown


@pytest.mark.parametrize(
    "value",
    [
        True,
        "7",
        None,
        float("nan"),
        float("inf"),
        10**400,
        1e300,
        [7],
        {"value": 7},
        Decimal("NaN"),
        Decimal("1E-999999"),
        Decimal("1E+999999"),
    ],
)
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


@given(st.decimals(-(10**14), 10**14, places=4))
def test_every_number_has_a_text(value: Decimal) -> None:
    shown = number_text(value).removeprefix("≈ ")
    assert float(shown) == pytest.approx(float(value), rel=0.01, abs=0.006)


@pytest.mark.parametrize(
    ("written", "read"),
    [("6.9", "6.9"), (" 138 ", "138"), ("3.0", "3.0"), ("-2", "-2")],
)
def test_a_number_in_a_string_is_read_where_only_one_reading_fits(written: str, read: str) -> None:
    assert str(written_number(written)) == read


@pytest.mark.parametrize("written", ["1,234", "1e5", "NaN", "<5", "186/112", "", "1 2"])
def test_other_strings_are_no_numbers_and_stand_as_they_were_sent(written: str) -> None:
    assert written_number(written) is None
    assert quantity_text({"value": written, "unit": "mg"}) == (f"{written} mg" if written else "")


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("mm[Hg]", "mmHg"),
        ("Cel", "°C"),
        ("10*3/uL", "10³/uL"),
        ("kg/m2", "kg/m²"),
        ("{beats}/min", "/min"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"),
        ("{score}", ""),
        ("mg", "mg"),
    ],
)
def test_units_are_written_for_people(unit: str, shown: str) -> None:
    assert unit_text({"code": unit}) == shown


def test_a_comparator_is_never_lost() -> None:
    assert (
        quantity_text({"comparator": "<", "value": Decimal("0.50"), "unit": "mg/L"})
        == "< 0.50 mg/L"
    )
    assert quantity_text({"unit": "mg/L"}) == ""


def test_prose_keeps_its_lines_and_columns() -> None:
    assert prose("A   1\r\nB   2\\.br\\C\u2028D\n\n\n\nE") == "A   1\nB   2\nC\nD\n\nE"
    assert prose("\x1b[31mred\u202eder\x00") == "[31mred der"


@pytest.mark.parametrize("space", ["\u00a0", "\u2009", "\u202f", "&nbsp;"])
def test_a_special_space_is_a_space(space: str) -> None:
    for read in (text, prose):
        assert read(f"Not{space}pregnant") == "Not pregnant"


def test_a_text_that_is_cut_says_so() -> None:
    for read in (text, prose):
        assert read("a" * MAX_TEXT) == "a" * MAX_TEXT
        assert read("a" * (MAX_TEXT + 1)) == "a" * MAX_TEXT + CUT
        assert "the record has the rest" in CUT


def test_notes_are_whole_and_a_lone_string_is_one() -> None:
    assert annotations([{"text": "one\ntwo"}, "three", {"authorString": "nobody"}]) == [
        "one\ntwo",
        "three",
    ]


class TestRemembered:
    def reader(self) -> tuple[list[object], Callable[[object, str], str]]:
        calls: list[object] = []

        @remembered
        def read(element: object, word: str) -> str:
            calls.append(element)
            return f"{word} {element}"

        return calls, read

    def test_equal_elements_are_read_once(self) -> None:
        calls, read = self.reader()
        one = {"code": "a"}
        assert {read(one, "x"), read(one, "x"), read({"code": "a"}, "x")} == {"x {'code': 'a'}"}
        assert len(calls) == 1

    def test_what_differs_in_anything_is_read_itself(self) -> None:
        calls, read = self.reader()
        one = {"value": Decimal("7.40")}
        found = [read(one, "x"), read(one, "y"), read({"value": Decimal("7.4")}, "x"), read(1, "x")]
        found += [read(True, "x"), read("1", "x")]
        assert len(set(found)) == len(found) - 1  # 1 and "1" are shown alike
        assert len(calls) == 6

    def test_an_element_is_not_taken_for_one_that_was_there_before(self) -> None:
        """A new object may get the address of an old one, as long as the old one is gone."""
        _, read = self.reader()
        for count in range(3 * MAX_REMEMBERED):
            assert read([count], "x") == f"x [{count}]"
            assert read(["long" * MAX_WRITTEN, count], "x").endswith(f"{count}]")
