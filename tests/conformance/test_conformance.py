"""docs/conformance.md lists the tests of each client requirement."""

from collections.abc import Iterator

from tests.conformance.client import NOT_BUILT, REQUIREMENTS
from tests.conformance.held_by import HELD_BY
from tests.conformance.inferno import CLIENT
from tests.documents import Document, cell, unproven
from tests.processes import ROOT

DOCUMENT = Document(ROOT / "docs" / "conformance.md", "tests/conformance/test_conformance.py")


def generated() -> str:
    return "".join([
        "\n## What the app does\n\n",
        DOCUMENT.table(REQUIREMENTS, HELD_BY, NOT_BUILT),
        "\n## The test kit's requirements\n\n",
        "| No. | | Held by |\n|---|---|---|\n",
        *_inferno(),
    ])  # fmt: skip


def _inferno() -> Iterator[str]:
    for number, one in CLIENT.items():
        tests = DOCUMENT.links(one.tests)
        yield f"| {number} | {cell(one.text)} | {one.reason or tests or ', '.join(one.held_by)} |\n"


def test_every_requirement_names_tests_that_assert_something_or_a_reason() -> None:
    assert unproven(REQUIREMENTS, HELD_BY, NOT_BUILT) == []


def test_every_requirement_of_the_kit_is_held_by_one_of_ours_or_has_a_reason() -> None:
    kit = {str(number): one for number, one in CLIENT.items()}
    ours = {number for number, one in kit.items() if one.held_by}
    assert {number for one in kit.values() for number in one.held_by} <= HELD_BY.keys()
    held_by = {number: one.tests for number, one in kit.items() if one.tests}
    reasons = {number: one.reason for number, one in kit.items() if one.reason}
    assert ours.isdisjoint({*held_by, *reasons})
    assert unproven(kit.keys() - ours, held_by, reasons) == []


def test_document_is_up_to_date() -> None:
    DOCUMENT.assert_up_to_date(generated())
