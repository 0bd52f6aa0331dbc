"""What one request walks through, traced: the modules that it enters, and their ways out.

A module is entered where a function of it runs. Ways out are the `return` and `raise` statements in
the functions that ran: what somebody has to read to know how it can end.
"""

import ast
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import smartapp

HOME = Path(smartapp.__file__).parent


@dataclass
class Walk:
    codes: set[CodeType] = field(default_factory=set)

    @property
    def modules(self) -> list[str]:
        return sorted({_module(code) for code in self.codes})

    @property
    def returns(self) -> int:
        return sum(_returns(code) for code in self.codes)


_walk: Walk | None = None


def _seen(frame: FrameType, event: str, _: Any) -> None:
    if _walk is not None and event == "call":
        code = frame.f_code
        if code.co_filename.startswith(str(HOME)):
            _walk.codes.add(code)


@contextmanager
def traced() -> Iterator[None]:
    """Let every thread that starts in this block be seen; it costs time until they end."""
    threading.setprofile(_seen)
    sys.setprofile(_seen)
    try:
        yield
    finally:
        threading.setprofile(None)
        sys.setprofile(None)


@contextmanager
def walked() -> Iterator[Walk]:
    """Yield what is walked through while the block runs, in threads that began under `traced`."""
    global _walk
    walk = _walk = Walk()
    try:
        yield walk
    finally:
        _walk = None


def _module(code: CodeType) -> str:
    return str(Path(code.co_filename).relative_to(HOME).with_suffix("")).replace("/", ".")


def _returns(code: CodeType) -> int:
    tree = ast.parse(Path(code.co_filename).read_text())
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if code.co_firstlineno in _lines(node) and node.name == code.co_name:
            return sum(isinstance(one, ast.Return) for one in _own(node))
    return 0


def _lines(node: Any) -> range:
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return range(first, node.lineno + 1)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a function without those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own(child)
