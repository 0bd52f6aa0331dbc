import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.chart.elements import (
    concept_text,
    number,
    number_text,
    quantity_text,
    text,
    texts,
    unit_text,
)


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
        ({"coding": [{"code": "44054006"}]}, "44054006"),
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
        (7.0, "7"),
        (6.75, "6.75"),
        (0.045, "0.045"),
        (1e-9, "1.00e-09"),
        (120.456, "120.46"),
        (0, "0"),
        (-0.5, "-0.5"),
        (100.0, "100"),
    ],
)
def test_numbers_are_shown_as_people_read_them(value: float, shown: str) -> None:
    assert number_text(value) == shown


@pytest.mark.parametrize(
    "value", [True, "7", None, float("nan"), float("inf"), 10**400, 1e300, [7], {"value": 7}]
)
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


@given(st.floats(-1e14, 1e14))
def test_every_number_has_a_text(value: float) -> None:
    assert float(number_text(value)) == pytest.approx(value, rel=0.01, abs=0.006)


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
    assert quantity_text({"comparator": "<", "value": 0.5, "unit": "mg/L"}) == "< 0.5 mg/L"
    assert quantity_text({"unit": "mg/L"}) == ""
