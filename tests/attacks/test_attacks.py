"""docs/security.md says which test stands against which attack, or a test fails."""

import pytest

from tests.attacks.attacks import ATTACKS
from tests.attacks.defences import DEFENCES, Defence
from tests.citations import Document, citations
from tests.processes import ROOT

DOCUMENT = Document(ROOT / "docs" / "security.md", "tests/attacks/test_attacks.py")
CITED = citations(ROOT / "tests", "T")
PROVEN = [f"T{n}" for n in (*range(1, 14), *range(15, 22), *range(25, 29), 30, 33)]
"""Each of these has a defence that `prove` takes away."""


def generated() -> str:
    return "\n## Attacks and tests\n\n" + DOCUMENT.table(ATTACKS, CITED, {})


@pytest.mark.parametrize("number", ATTACKS)
def test_every_attack_has_a_test(number: str) -> None:
    assert number in CITED


def test_nothing_is_cited_that_is_no_attack() -> None:
    assert set(CITED) <= set(ATTACKS)


@pytest.mark.parametrize("number", PROVEN)
def test_its_defence_can_be_taken_away(number: str) -> None:
    assert any(defence.number == number for defence in DEFENCES)


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda one: f"{one.number} {one.name}")
def test_defence_stands_where_its_proof_looks_for_it(defence: Defence) -> None:
    for edit in defence.edits:
        assert (ROOT / edit.path).read_text().count(edit.old) == 1, edit.path
    for test in defence.tests:
        assert (ROOT / test.partition("::")[0]).is_file()


def test_document_is_up_to_date() -> None:
    DOCUMENT.assert_up_to_date(generated())
