"""Removes the defences one at a time, in a copy: a test has to fail.

A test that passes without the defence proves nothing about it.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests import forking
from tests.attacks.defences import DEFENCES, Defence
from tests.processes import MIGRATED, ROOT, copy_migrated

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(300)]

COPIED = (
    "smartapp", "templates", "static", "tests", "tools", "docs", "manage.py", "pyproject.toml",
)  # fmt: skip
UNNEEDED = shutil.ignore_patterns("node_modules", ".venv", "images")
TRIES = 3
TESTS_FAILED = 1
"""What pytest exits with when tests failed; a suite that does not even start is no proof."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("without-defence")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=UNNEEDED)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This run's migrated database, to begin with for those of the copy."""
    file = tmp_path_factory.mktemp("migrated") / "migrated.sqlite3"
    copy_migrated(file)
    return file


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda one: f"{one.number} {one.name}")
def test_its_absence_is_noticed(copy: Path, migrated: Path, defence: Defence) -> None:
    before = {edit.path: (copy / edit.path).read_text() for edit in defence.edits}
    try:
        for edit in defence.edits:
            text = (copy / edit.path).read_text()
            (copy / edit.path).write_text(text.replace(edit.old, edit.new))
        code, printed = _noticed(copy, migrated, *defence.tests)
    finally:
        for path, text in before.items():
            (copy / path).write_text(text)
    assert code == TESTS_FAILED, printed


def _noticed(copy: Path, migrated: Path, *tests: str) -> tuple[int, str]:
    """Return the first run in which the tests failed, otherwise the last run.

    A race without its defence is lost often, but on a busy machine not in every run.
    """
    for _ in range(TRIES):
        code, printed = _run(copy, migrated, *tests)
        if code == TESTS_FAILED:
            break
    return code, printed


def _run(copy: Path, migrated: Path, *tests: str) -> tuple[int, str]:
    """Return pytest's exit code and output. It runs outside this run's workers."""
    arguments = [
        "-q", "-x", "-n", "0", "-p", "no:cacheprovider", f"--basetemp={copy.parent / 'temporary'}",
        *tests,
    ]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env[MIGRATED] = str(migrated)
    done = forking.run_tests(copy, env, arguments)
    return done.returncode, done.stdout[-2000:]
