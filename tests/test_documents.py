"""A requirement without a test that asserts something is found."""

import ast

import pytest

from tests import documents

HOLDS = "test_a_requirement_that_names_a_test_is_held"
TWICE = "test_document_is_up_to_date"


def test_a_requirement_that_names_a_test_is_held() -> None:
    assert documents.unproven(["C1", "C2"], {"C1": (HOLDS,)}, {"C2": "Not built."}) == []


@pytest.mark.parametrize(
    ("held_by", "reasons", "problem"),
    [
        ({}, {}, "C1 needs tests, or a reason why there are none"),
        ({"C1": (HOLDS,)}, {"C1": "Not built."}, "C1 needs tests, or a reason why there are none"),
        ({"C1": ("test_that_was_renamed",)}, {}, "C1: test_that_was_renamed is not there"),
        ({"C1": (TWICE,)}, {}, f"C1: {TWICE} is the name of several tests"),
        ({"C1": (HOLDS,), "C2": (HOLDS,)}, {}, "C2 is no requirement"),
    ],
)
def test_anything_else_is_a_problem(
    held_by: documents.HeldBy, reasons: dict[str, str], problem: str
) -> None:
    assert documents.unproven(["C1"], held_by, reasons) == [problem]


@pytest.mark.parametrize(
    ("body", "asserts"),
    [
        ("assert page.ok", True),
        ("with pytest.raises(ValueError): parse('')", True),
        ("assert_refused(answer, 401)", True),
        ("page.open()", False),
    ],
)
def test_a_test_that_asserts_nothing_is_told_apart(body: str, asserts: bool) -> None:
    [function] = ast.parse(f"def test_it():\n    {body}").body
    assert documents._asserts(function) is asserts
