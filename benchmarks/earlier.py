"""An earlier build of the app, checked out beside this one, so that both run in turn."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT

EARLIER_COMMIT = "d90c221"


@contextmanager
def checkout(folder: Path, commit: str = EARLIER_COMMIT) -> Iterator[Path]:
    """Check out a commit below `folder` while the block runs; yield its root. It runs with this
    Python and its packages."""
    path = folder / commit
    _git("worktree", "add", "--detach", "--quiet", str(path), commit)
    try:
        yield path
    finally:
        _git("worktree", "remove", "--force", str(path))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)  # noqa: S603, S607
