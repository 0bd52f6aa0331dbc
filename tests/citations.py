"""Which tests cite which requirements, read from docstrings; and the documents that say so.

A document has a part that people write, a marker, and below it what the tests write, so that a
table of requirements and their tests cannot go out of date unnoticed.
"""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Tests = Mapping[str, list[tuple[Path, str]]]
"""For each number the tests, or classes of tests, that cite it: file and name."""


def cited_in(docstring: str, letters: str) -> Iterator[str]:
    """The numbers of a docstring; `S24 to S27` and `S24-S27` are four."""
    for letter, first, last in re.findall(
        rf"\b([{letters}])(\d+)(?:(?: to |-)\1(\d+))?\b", docstring
    ):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number}"


def citations(root: Path, letters: str) -> Tests:
    """Return who cites the numbers that begin with one of `letters` below the folder `root`."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for path, name, docstring in documented_tests(root):
        for number in dict.fromkeys(cited_in(docstring, letters)):
            found[number].append((path, name))
    return found


def documented_tests(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Every test, and class of tests, below the folder: file, name, docstring."""
    for path in sorted(root.rglob("test_*.py")):
        if "node_modules" not in path.parts:
            for name, docstring in _documented(ast.parse(path.read_text()), ""):
                yield path, name, docstring


def _documented(parent: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef):
            yield f"{prefix}{node.name}", ast.get_docstring(node) or ""
            yield from _documented(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            yield f"{prefix}{node.name}", ast.get_docstring(node) or ""


def cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("*", "\\*")


@dataclass(frozen=True)
class Document:
    """A document of which the tests write what stands below the marker."""

    path: Path
    written_by: str

    @property
    def marker(self) -> str:
        return (
            "<!-- Below, the tests write: "
            f"UPDATE_DOCS=1 python3 manage.py test {self.written_by} -->\n"
        )

    def assert_up_to_date(self, generated: str) -> None:
        """Fail where the document says something else; with UPDATE_DOCS set, write it first."""
        written, marker, _ = self.path.read_text().partition(self.marker)
        assert marker, "the document has lost its marker"
        if os.environ.get("UPDATE_DOCS"):
            self.path.write_text(written + self.marker + generated)
        assert self.path.read_text() == written + self.marker + generated

    def links(self, tests: Iterable[tuple[Path, str]]) -> str:
        by_file: dict[Path, list[str]] = {}
        for path, name in tests:
            by_file.setdefault(path, []).append(name)
        return "; ".join(
            f"[{path.stem}]({os.path.relpath(path, self.path.parent)}): {', '.join(names)}"
            for path, names in by_file.items()
        )

    def table(self, wanted: Mapping[str, str], tests: Tests, reasons: Mapping[str, str]) -> str:
        """One row a number: what it says, and its tests or the reason why there is none."""
        rows = ["| No. | | Tests |\n|---|---|---|\n"]
        for number, text in wanted.items():
            shown = self.links(tests.get(number, ())) or reasons.get(number, "")
            rows.append(f"| {number} | {cell(text)} | {shown} |\n")
        return "".join(rows)
