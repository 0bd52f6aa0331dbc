"""docs/sandbox.md says which test holds which requirement, or a test fails."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from smartapp.sandbox import faults
from smartapp.sandbox.rules import RULES
from tests.processes import ROOT
from tests.sandbox.citations import citations
from tests.sandbox.reference import SENTENCES
from tests.sandbox.requirements import REQUIREMENTS

DOCUMENT = ROOT / "docs" / "sandbox.md"
GENERATED = (
    "<!-- Below, the tests write: "
    "UPDATE_DOCS=1 python3 manage.py test tests/sandbox/test_documentation.py -->\n"
)
NOT_BUILT: Mapping[str, str] = {}
"""Numbers without a test, each with its reason; nothing else may be missing."""
CITED = citations()


def generated() -> str:
    parts = [
        GENERATED,
        "\n## Faults and quirks\n",
        *_faults(),
        '\n## The sentences of "Token Endpoint"\n\n',
        "Those of athenahealth's page that state a behaviour, shortened, with their tests.\n\n",
        *_table(SENTENCES),
        "\n## The requirements\n\n",
        "S is what the sandbox does, E what it answers to a mistake.\n\n",
        *_table(REQUIREMENTS),
    ]
    return "".join(parts)


def _faults() -> Iterator[str]:
    for where, found in faults.by_place():
        yield f"\n### {where}\n\n"
        yield "| Fault | What happens | What a good client does |\n|---|---|---|\n"
        for one in found:
            name = f"{one.name}:{one.argument}" if one.argument else one.name
            habit = f" Said to be a habit of {one.habit_of}." if one.habit_of else ""
            yield f"| `{name}` | {_cell(one.does)}{habit} | {_cell(one.client_must)} |\n"


def _table(wanted: Mapping[str, str]) -> Iterator[str]:
    yield "| No. | | Tests |\n|---|---|---|\n"
    for number, text in wanted.items():
        tests = _links(CITED.get(number, ())) or NOT_BUILT.get(number, "")
        yield f"| {number} | {_cell(text)} | {tests} |\n"


def _links(tests: Iterable[tuple[Path, str]]) -> str:
    by_file: dict[Path, list[str]] = {}
    for path, name in tests:
        by_file.setdefault(path, []).append(name)
    return "; ".join(
        f"[{path.stem}]({os.path.relpath(path, DOCUMENT.parent)}): {', '.join(names)}"
        for path, names in by_file.items()
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


@pytest.mark.parametrize("number", [*SENTENCES, *REQUIREMENTS])
def test_every_number_has_a_test(number: str) -> None:
    assert (number in CITED) != (number in NOT_BUILT)


def test_nothing_is_cited_that_is_no_number() -> None:
    assert set(CITED) <= {*SENTENCES, *REQUIREMENTS}


def test_every_rule_of_the_request_log_is_a_requirement() -> None:
    assert RULES.keys() <= REQUIREMENTS.keys()


def test_document_is_up_to_date() -> None:
    written, marker, _ = DOCUMENT.read_text().partition(GENERATED)
    assert marker, "the document has lost its marker"
    if os.environ.get("UPDATE_DOCS"):
        DOCUMENT.write_text(written + generated())
    assert DOCUMENT.read_text() == written + generated()


def test_every_option_of_the_command_is_named_where_it_helps() -> None:
    words = DOCUMENT.read_text()
    for option in ("--kind", "--jwks-url", "--jwks-file", "--client-secret-env", "--redirect-uri",
                   "--launch-url", "--profile", "--world", "--quirk", "--json"):  # fmt: skip
        assert option in words, option
