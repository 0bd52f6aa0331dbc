"""docs/conformance.md says which test holds which requirement of a client, or a test fails."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.citations import Document, cell, citations, documented_tests
from tests.conformance.client import NOT_BUILT, REQUIREMENTS
from tests.conformance.inferno import CLIENT
from tests.processes import ROOT

DOCUMENT = Document(ROOT / "docs" / "conformance.md", "tests/conformance/test_conformance.py")
CITED = {
    number: tests
    for number, tests in citations(ROOT / "tests", "C").items()
    if number in REQUIREMENTS  # `C10 to C16` spans numbers that nobody gave out
}
INFERNO = re.compile(r"@(\d+)(?: to @(\d+))?")


def _cited_of_inferno() -> dict[int, list[tuple[Path, str]]]:
    found: dict[int, list[tuple[Path, str]]] = defaultdict(list)
    for path, name, docstring in documented_tests(ROOT / "tests"):
        if "smart-app-launch_2.2.0@" in docstring:
            for first, last in INFERNO.findall(docstring):
                for number in range(int(first), int(last or first) + 1):
                    found[number].append((path, name))
    return found


CITED_OF_INFERNO = _cited_of_inferno()


def generated() -> str:
    return "".join([
        "\n## What the app does\n\n",
        DOCUMENT.table(REQUIREMENTS, CITED, NOT_BUILT),
        "\n## The test kit's requirements\n\n",
        "| No. | | Tests |\n|---|---|---|\n",
        *_inferno(),
    ])  # fmt: skip


def _inferno() -> Iterator[str]:
    for number, one in CLIENT.items():
        direct = DOCUMENT.links(CITED_OF_INFERNO.get(number, ()))
        named = f"those of {', '.join(one.held_by)}" if one.held_by else ""
        # A test that cites a span of numbers does not hold what there is nothing to hold of.
        shown = one.reason or "; ".join(filter(None, [direct, named]))
        yield f"| {number} | {cell(one.text)} | {shown} |\n"


@pytest.mark.parametrize("number", REQUIREMENTS)
def test_every_number_has_a_test_or_a_reason(number: str) -> None:
    assert (number in CITED) != (number in NOT_BUILT)


def test_nothing_is_cited_alone_that_is_no_number() -> None:
    alone = re.compile(r"\bC(\d+)\b(?! to |-C)")
    for path, name, docstring in documented_tests(ROOT / "tests"):
        for number in alone.findall(docstring):
            assert f"C{number}" in REQUIREMENTS, (path.name, name)


@pytest.mark.parametrize("number", CLIENT)
def test_every_requirement_of_the_kit_has_a_test_or_a_reason(number: int) -> None:
    one = CLIENT[number]
    assert set(one.held_by) <= set(CITED)
    assert bool(one.held_by) + bool(one.reason) < 2
    assert one.held_by or one.reason or number in CITED_OF_INFERNO


def test_document_is_up_to_date() -> None:
    DOCUMENT.assert_up_to_date(generated())
