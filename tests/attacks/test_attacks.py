"""docs/security.md lists the tests of each attack; test_defences.py proves that they notice."""

from tests.attacks.attacks import ATTACKS
from tests.attacks.defences import DEFENCES
from tests.attacks.held_by import HELD_BY
from tests.documents import Document, unproven
from tests.processes import ROOT

DOCUMENT = Document(ROOT / "docs" / "security.md", "tests/attacks/test_attacks.py")


def test_every_attack_names_tests_that_assert_something() -> None:
    assert unproven(ATTACKS, HELD_BY, {}) == []


def test_defences_stand_where_their_proof_takes_them_away() -> None:
    """Every proof still finds its code, so a defence cannot move without its proof."""
    moved = [
        f"{defence.number} {defence.name}: {edit.path}"
        for defence in DEFENCES
        for edit in defence.edits
        if (ROOT / edit.path).read_text().count(edit.old) != 1
    ]
    assert moved == []
    assert {defence.number for defence in DEFENCES} <= ATTACKS.keys()


def test_document_is_up_to_date() -> None:
    DOCUMENT.assert_up_to_date("\n## Attacks and tests\n\n" + DOCUMENT.table(ATTACKS, HELD_BY, {}))
