"""docs/sandbox.md lists the tests of each requirement of the sandbox."""

import re
from collections.abc import Iterator, Mapping

from smartapp.sandbox import faults
from smartapp.sandbox.rule_texts import RULES
from tests.documents import Document, cell, unproven
from tests.processes import ROOT
from tests.sandbox.held_by import HELD_BY
from tests.sandbox.quirks import QUIRKS
from tests.sandbox.reference import SENTENCES
from tests.sandbox.requirements import REQUIREMENTS

DOCUMENT = Document(ROOT / "docs" / "sandbox.md", "tests/sandbox/test_documentation.py")
NOT_BUILT: Mapping[str, str] = {}
"""Numbers without a test, each with its reason; nothing else may be missing."""


def generated() -> str:
    parts = [
        "\n## Faults and quirks\n",
        *_faults(),
        "\n## Habits of other EHRs\n\n",
        "Each as a fault or `--quirk` of the tables above, or by an option of the command.\n\n",
        *_quirks(),
        '\n## The sentences of "Token Endpoint"\n\n',
        "Those of athenahealth's page that state a behaviour, shortened, with their tests.\n\n",
        DOCUMENT.table(SENTENCES, HELD_BY, NOT_BUILT),
        "\n## The requirements\n\n",
        "S is what the sandbox does, E what it answers to a mistake.\n\n",
        DOCUMENT.table(REQUIREMENTS, HELD_BY, NOT_BUILT),
    ]
    return "".join(parts)


def _faults() -> Iterator[str]:
    for where, found in faults.by_part():
        yield f"\n### {where}\n\n"
        yield "| Fault | What happens | What a good client does |\n|---|---|---|\n"
        for one in found:
            optional = "[:Type]" if one.pattern == faults.TYPE else ""
            name = f"{one.name}:{one.argument}" if one.argument else one.name + optional
            habit = f" Said to be a habit of {one.habit_of}." if one.habit_of else ""
            yield f"| `{name}` | {cell(one.does)}{habit} | {cell(one.client_must)} |\n"


def _quirks() -> Iterator[str]:
    yield "| No. | Habit | How it is had | Tests |\n|---|---|---|---|\n"
    for number, (habit, switch) in QUIRKS.items():
        tests = DOCUMENT.links(HELD_BY.get(number, ()))
        yield f"| {number} | {cell(habit)} | {switch} | {tests} |\n"


def test_every_requirement_names_tests_that_assert_something() -> None:
    assert unproven([*SENTENCES, *REQUIREMENTS, *QUIRKS], HELD_BY, NOT_BUILT) == []


def test_every_rule_of_the_request_log_is_a_requirement() -> None:
    assert RULES.keys() <= REQUIREMENTS.keys()


def test_document_is_up_to_date() -> None:
    DOCUMENT.assert_up_to_date(generated())


def test_every_habit_names_switches_that_exist() -> None:
    for _, switch in QUIRKS.values():
        for name in re.findall(r"`([a-z][a-z0-9-]+)`", switch):
            assert name in faults.FAULTS


def test_every_option_of_the_command_is_named_where_it_helps() -> None:
    words = DOCUMENT.path.read_text()
    for option in ("--kind", "--jwks-url", "--jwks-file", "--client-secret-env", "--redirect-uri",
                   "--launch-url", "--profile", "--world", "--quirk", "--json"):  # fmt: skip
        assert option in words, option
