"""No administrator has to look up what a requirement's number means."""

import ast
import re
from pathlib import Path

import pytest

from smartapp.diagnosis import rules
from smartapp.diagnosis.rules import RULES, rule_in_words
from smartapp.launches import steps
from smartapp.protocol import errors
from tests.attacks.attacks import ATTACKS
from tests.conformance.client import REQUIREMENTS

SENTENCES = {**REQUIREMENTS, **ATTACKS}
FILES = [Path(steps.__file__), Path(errors.__file__), *Path(rules.__file__).parent.glob("*.py")]


def cited() -> set[str]:
    """Return every requirement that the steps and the causes of a launch name."""
    texts = {
        node.value
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return texts & set(SENTENCES)


def test_every_number_that_is_shown_has_its_sentence() -> None:
    assert cited() == set(RULES)


def test_a_number_is_shown_with_its_sentence() -> None:
    assert rule_in_words("C69") == f"C69: {RULES['C69']}"
    assert rule_in_words("") == ""


ROOM = sorted(Path(rules.__file__).parent.rglob("*.py"))


def _texts(node: ast.AST) -> list[str]:
    inside = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return [value for value in inside if isinstance(value, str)]


@pytest.mark.parametrize("file", ROOM, ids=lambda file: file.stem)
def test_nothing_reads_our_own_sentences(file: Path) -> None:
    """What happened is told by codes, rules and steps. A sentence may be mended without a cause
    getting lost: nothing is compared with one, and nothing is looked for in one."""
    tree = ast.parse(file.read_text())
    compared = [one for one in ast.walk(tree) if isinstance(one, ast.Compare)]
    sought = [
        one for one in ast.walk(tree)
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
        and one.func.attr in ("startswith", "endswith", "find", "index", "count", "match", "search")
    ]  # fmt: skip
    sentences = [
        text for node in (*compared, *sought) for text in _texts(node) if " " in text.strip()
    ]
    assert sentences == []


def test_regular_expressions_read_the_words_of_an_ehr_only() -> None:
    """Those of a reference number that somebody typed apart."""
    sources = {file.stem: file.read_text() for file in ROOM}
    assert {name for name, text in sources.items() if "import re\n" in text} == {"words", "admin"}
    readers = r"(?:subjects_of|scopes_of|members_of|parts_of_assertion|without_what_was_tried)"
    read = re.findall(rf"\b{readers}\((f?\"[^\"]*\"|[^)]*)\)", sources["case"])
    assert set(read) == {"self.said", "self._own_words"}
    assert "ScopesAsked(requests, facts.published, self.said)" in sources["case"]
