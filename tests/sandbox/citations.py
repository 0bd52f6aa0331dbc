"""Which tests cite which numbers: read from the docstrings of test functions and classes."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
CITATION = re.compile(r"\b([SER])(\d+)(?: to \1(\d+))?\b")


def cited_in(docstring: str) -> Iterator[str]:
    """The numbers of a docstring; `S24 to S27` are four."""
    for letter, first, last in CITATION.findall(docstring):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number}"


def citations() -> dict[str, list[tuple[Path, str]]]:
    """Return for each number the tests and classes of tests that cite it."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for path in sorted(HERE.rglob("test_*.py")):
        if "node_modules" not in path.parts:
            for name, docstring in _documented(ast.parse(path.read_text()), ""):
                for number in dict.fromkeys(cited_in(docstring)):
                    found[number].append((path, name))
    return found


def _documented(parent: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef):
            yield f"{prefix}{node.name}", ast.get_docstring(node) or ""
            yield from _documented(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{prefix}{node.name}", ast.get_docstring(node) or ""
