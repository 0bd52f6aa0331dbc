"""Documents with generated parts: tables of requirements and their tests.

A requirement names its tests without their file, so that tests can be moved. Each must exist, once,
and assert something. tests/attacks/test_defences.py proves that they notice a missing defence.
"""

import ast
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.processes import ROOT

HeldBy = Mapping[str, tuple[str, ...]]
"""For each number the tests that hold it: `test_name`, or `TestClass.test_name`."""

CHECKING_CALLS = ("assert", "raises", "refus", "check", "expect")
"""What a function that a test leaves its checking to has in its name."""


@dataclass(frozen=True)
class Test:
    path: Path
    asserts: bool


@cache
def all_tests() -> Mapping[str, list[Test]]:
    """Return every test of the suite by name."""
    found: dict[str, list[Test]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "node_modules" not in path.parts:
            for name, function in _functions(ast.parse(path.read_text()), ""):
                found[name].append(Test(path, _asserts(function)))
    return found


def _functions(parent: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            yield f"{prefix}{node.name}", node


def _asserts(function: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and _called(node.func).startswith(CHECKING_CALLS))
        for node in ast.walk(function)
    )


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def unproven(wanted: Iterable[str], held_by: HeldBy, reasons: Mapping[str, str]) -> list[str]:
    """Return a sentence for each number that has neither a test with an assertion nor a reason."""
    problems = [f"{number} is no requirement" for number in {*held_by, *reasons} - {*wanted}]
    for number in wanted:
        names = held_by.get(number, ())
        if bool(names) == (number in reasons):
            problems.append(f"{number} needs tests, or a reason why there are none")
        for name in names:
            problems += [f"{number}: {name} {what}" for what in _problem(name)]
    return problems


def _problem(name: str) -> Iterator[str]:
    tests = all_tests().get(name, [])
    if not tests:
        yield "is not there"
    elif len(tests) > 1:
        yield "is the name of several tests"
    elif not any(test.asserts for test in tests):
        yield "asserts nothing"


def cell(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("*", "\\*")


@dataclass(frozen=True)
class Document:
    """A document in which the tests write everything below the marker."""

    path: Path
    written_by: str

    @property
    def marker(self) -> str:
        return (
            "<!-- Below, the tests write: "
            f"UPDATE_DOCS=1 python3 manage.py test {self.written_by} -->\n"
        )

    def assert_up_to_date(self, generated: str) -> None:
        """Fail if the document is out of date; with UPDATE_DOCS set, write it first."""
        written, marker, _ = self.path.read_text().partition(self.marker)
        assert marker, "the document has lost its marker"
        if os.environ.get("UPDATE_DOCS"):
            self.path.write_text(written + self.marker + generated)
        assert self.path.read_text() == written + self.marker + generated

    def links(self, names: Iterable[str]) -> str:
        by_file: dict[Path, list[str]] = {}
        for name in names:
            for test in all_tests().get(name, []):
                by_file.setdefault(test.path, []).append(name)
        return "; ".join(
            f"[{path.stem}]({os.path.relpath(path, self.path.parent)}): {', '.join(names)}"
            for path, names in by_file.items()
        )

    def table(self, wanted: Mapping[str, str], held_by: HeldBy, reasons: Mapping[str, str]) -> str:
        """Return one row per number: its text, and its tests or the reason why there are none."""
        rows = ["| No. | | Tests |\n|---|---|---|\n"]
        for number, text in wanted.items():
            shown = self.links(held_by.get(number, ())) or reasons.get(number, "")
            rows.append(f"| {number} | {cell(text)} | {shown} |\n")
        return "".join(rows)
