"""The allergies in one line: four states, and never "none" by accident."""

from typing import Any

import pytest

from smartapp.record.allergies import read_allergies
from smartapp.record.allergy_line import AllergyLine, read_allergy_line
from tests.chart.samples import concept
from tests.record.samples import SNOMED, given, named

NONE_KNOWN = {"code": concept("", "716186003", SNOMED)}


def allergy(name: str, **members: Any) -> dict[str, Any]:
    return named("AllergyIntolerance", name, **members)


def line(*resources: dict[str, Any], is_whole: bool = True) -> AllergyLine:
    return read_allergy_line(read_allergies(given(*resources)).entries, is_whole=is_whole)


def test_known_with_the_worst_first() -> None:
    severe = {"manifestation": [concept("Wheezing")], "severity": "severe"}
    found = line(
        allergy("Apple"),
        allergy("Latex", reaction=[severe]),
        allergy("Pollen", type="intolerance"),
        allergy("Peanut", criticality="high"),
    )
    assert found.state == "known"
    assert [(one.name, one.is_high) for one in found.named] == [
        ("Peanut", True),
        ("Latex", False),
        ("Apple", False),
    ]
    assert found.others == 1


def test_a_type_of_the_ehrs_own_is_no_intolerance() -> None:
    found = line(allergy("Apple", type="Food allergy"), allergy("Pollen", type="intolerance"),
                 allergy("Cat"))  # fmt: skip
    assert [one.name for one in found.named] == ["Apple", "Cat", "Pollen"]


def test_all_dangerous_ones_are_named_as_far_as_a_line_can() -> None:
    found = line(*(allergy(f"Drug {n}", criticality="high") for n in range(5)), allergy("Apple"))
    assert (len(found.named), found.others) == (5, 1)


def test_what_is_over_is_not_named() -> None:
    assert line(allergy("Milk", clinicalStatus=concept("", "resolved"))).state == "not-recorded"


def test_the_label_is_not_said_twice() -> None:
    assert line(allergy("Allergy to penicillin")).named[0].name == "Penicillin"


def test_none_known_is_the_records_own_words() -> None:
    found = line(allergy("nka", **NONE_KNOWN))
    assert (found.state, found.words) == ("none-known", "No known allergies")


@pytest.mark.parametrize(
    "resources",
    [
        (),
        (allergy("nkda", code=concept("No known drug allergies")),),
        (allergy("?", code=concept("Not on file", "1631000175102", SNOMED)),),
        (
            allergy("nka", **NONE_KNOWN),
            allergy("?", code=concept("Not on file", "1631000175102", SNOMED)),
        ),
        (allergy("nka", **NONE_KNOWN, modifierExtension=[{"url": "https://ehr.example/not"}]),),
    ],
    ids=["empty", "of one kind only", "unknown", "both", "not understood"],
)
def test_less_than_a_whole_no_is_not_recorded(resources: tuple[dict[str, Any], ...]) -> None:
    assert line(*resources).state == "not-recorded"


def test_a_statement_of_one_kind_keeps_its_words() -> None:
    assert line(allergy("x", code=concept("NKDA"))).words == "No known drug allergies"


@pytest.mark.parametrize("resources", [(), (allergy("nka", **NONE_KNOWN),)])
def test_a_list_that_was_cut_never_says_none(resources: tuple[dict[str, Any], ...]) -> None:
    assert line(*resources, is_whole=False).state == "not-available"


def test_what_is_known_of_a_cut_list_is_named_and_said_to_be_a_part() -> None:
    found = line(allergy("Peanut"), is_whole=False)
    assert (found.state, found.is_whole) == ("known", False)
