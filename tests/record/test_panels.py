"""What people call a test, and the panel in which they look for it."""

import re

import pytest

from smartapp.record.elements import Resource
from smartapp.record.observations import Reading
from smartapp.record.panels import OTHER, PLACES, common_name, place_of
from tests.chart.samples import observation
from tests.record.test_observations import labs_of


def reading(resource: Resource) -> Reading:
    (test,) = labs_of(resource)
    return test.newest


@pytest.mark.parametrize(
    ("code", "name", "panel"),
    [
        ("4548-4", "HbA1c", "Glucose and diabetes"),
        ("98979-8", "eGFR", "Kidney and electrolytes"),
        ("9999-9", "Some long name [Mass/volume] in Serum", OTHER),
    ],
)
def test_the_name_that_people_use_by_code(code: str, name: str, panel: str) -> None:
    found = reading(observation(code, 1.0, name="Some long name [Mass/volume] in Serum"))
    assert (common_name(found), place_of(found).panel) == (name, panel)


def test_a_laboratorys_own_short_word_stays() -> None:
    assert common_name(reading(observation("2345-7", 1.0, name="Glucose, random"))) == (
        "Glucose, random"
    )


def test_every_code_is_one_of_loinc() -> None:
    """A LOINC code ends with a check digit (LOINC Users' Guide, Luhn's mod 10)."""
    for code in PLACES:
        assert re.fullmatch(r"\d{3,5}-\d", code), code
        number, check = code.split("-")
        digits = [*map(int, reversed(number))]
        doubled = [digit * (1 + (place + 1) % 2) for place, digit in enumerate(digits)]
        total = sum(one // 10 + one % 10 for one in doubled)
        assert (10 - total % 10) % 10 == int(check), code
