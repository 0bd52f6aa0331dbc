"""No administrator has to look up what a requirement's number means."""

import ast
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


@pytest.mark.parametrize("number", RULES)
def test_the_sentence_is_that_of_the_documentation(number: str) -> None:
    assert RULES[number] == SENTENCES[number]
    assert rule_in_words(number) == f"{number}: {SENTENCES[number]}"


def test_what_has_no_number_has_no_words() -> None:
    assert rule_in_words("") == ""
