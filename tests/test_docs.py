"""The documentation matches the code."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartapp import middleware
from smartapp.chart import fhir_access
from smartapp.protocol.errors import SmartError
from tests.processes import ROOT

SETTINGS = (ROOT / "smartapp" / "settings.py").read_text()
READERS = r"(?:env\.\w+|boolean|required|number|origin|listed|service)"
VARIABLES = sorted(set(re.findall(rf'{READERS}\(\s*"([A-Z_]+)"', SETTINGS)))
ERRORS = ROOT / "docs" / "errors.md"
ERRORS_HEAD = """\
# Error pages

Each has a stable code, which the log line with the page's reference number repeats.
This page is written by the tests: `UPDATE_DOCS=1 python3 manage.py test tests/test_docs.py`.

| Code | Status | What the page says | What to do |
|---|---|---|---|
"""


def error_classes(parent: type[SmartError] = SmartError) -> Iterator[type[SmartError]]:
    for child in parent.__subclasses__():
        yield child
        yield from error_classes(child)


def error_pages() -> str:
    """Return docs/errors.md as generated from the error classes."""
    assert {fhir_access.ReadRefused, middleware.PageNotFound} <= set(error_classes())
    named = {
        error.code: error
        for error in reversed(list(error_classes()))
        if error.__module__.startswith("smartapp.") and "code" in vars(error)
    }
    rows = [
        f"| `{code}` | {error.status} | **{error.title}.** {error.happened} "
        f"| {_next_step(error)} |\n"
        for code, error in sorted(named.items())
    ]
    return ERRORS_HEAD + "".join(rows)


def _next_step(error: type[SmartError]) -> str:
    in_ehr = error.next_step_in_ehr()
    also = "" if in_ehr == error.next_step else f"<br>From an EHR: {in_ehr}"
    return error.next_step + also


def test_no_error_page_sends_who_came_from_an_ehr_to_the_start_page() -> None:
    """It is useless for them, and stays blank in the EHR's frame (C150)."""
    elsewhere = re.compile(r"start page|start again|health system|again here", re.IGNORECASE)
    steps = {error.code: error.next_step_in_ehr() for error in error_classes()}
    assert "chart" in steps["state-expired"]
    busy = {"busy", "busy-with-ehr"}  # their page has a "try again" button
    wrong = {code for code, step in steps.items() if elsewhere.search(step)}
    assert wrong <= busy


def test_there_are_variables() -> None:
    assert {"SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL", "SANDBOX"} <= set(VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("document", [".env.example", "docs/operating.md"])
def test_every_variable_is_documented(variable: str, document: str) -> None:
    assert re.search(rf"\b{variable}\b", (ROOT / document).read_text())


def test_every_error_page_is_documented() -> None:
    if os.environ.get("UPDATE_DOCS"):
        ERRORS.write_text(error_pages())
    assert ERRORS.read_text() == error_pages()


@pytest.mark.parametrize("document", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"])
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target
