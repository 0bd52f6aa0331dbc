"""Takes every defence away, one after the other, and sees whether a test notices.

    python3 manage.py test --help  # makes .venv where there is none yet
    .venv/bin/python -m tests.attacks.prove [T6 …]

It works on a copy and takes ten minutes. Exit 1 where something went unnoticed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.attacks.defences import DEFENCES, Defence
from tests.processes import ROOT

COPIED = ("smartapp", "templates", "static", "tests", "docs", "manage.py", "pyproject.toml")
UNNEEDED = shutil.ignore_patterns("node_modules", "__pycache__", "docs/images")
TESTS_FAILED = 1
"""What pytest exits with when tests failed; a suite that does not even start is no proof."""


def main(wanted: list[str]) -> int:
    unnoticed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            _copy(ROOT / name, copy / name)
        for defence in DEFENCES:
            if wanted and defence.number not in wanted:
                continue
            noticed = _is_noticed(copy, defence)
            print(
                f"{'noticed  ' if noticed else 'UNNOTICED'} {defence.number} {defence.name}",
                flush=True,
            )
            if not noticed:
                unnoticed.append(defence.name)
    return 1 if unnoticed else 0


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=UNNEEDED)
    else:
        shutil.copy2(source, target)


def _is_noticed(copy: Path, defence: Defence) -> bool:
    before = {edit.path: (copy / edit.path).read_text() for edit in defence.edits}
    try:
        for edit in defence.edits:
            text = (copy / edit.path).read_text()
            (copy / edit.path).write_text(text.replace(edit.old, edit.new))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *defence.tests,
        ]
        done = subprocess.run(command, cwd=copy, capture_output=True, check=False)  # noqa: S603
        return done.returncode == TESTS_FAILED
    finally:
        for path, text in before.items():
            (copy / path).write_text(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
