"""Third-party programs that run on Node.js, installed from their lock file."""

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes import answers


def node_with(folder: Path, package: str, *, oldest: int = 18) -> str:
    """Return the path of Node.js, with the packages of the folder's lock file installed. Skip the
    test if there is no Node.js of that version or newer; CI must not skip."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None or _version(found) < oldest:
        reason = f"no Node.js {oldest} or newer, with npm, on the PATH"
        if os.environ.get("REQUIRE_SERVICES") == "on":
            pytest.fail(f"{reason}, and REQUIRE_SERVICES is on", pytrace=False)
        pytest.skip(reason)
    with (folder / "package-lock.json").open() as lock:
        # Tests run in several processes: one installs, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / package).exists():
            install = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(install, cwd=folder, check=True, timeout=120)  # noqa: S603
    return found


def _version(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return int(told.stdout.removeprefix("v").partition(".")[0])


@contextmanager
def node_server(node: str, script: Path, settings: dict[str, Any], ready: str) -> Iterator[str]:
    """Run a server on the port in its settings while the block runs; yield its origin. It is ready
    when it answers at the path `ready`."""
    origin = f"http://127.0.0.1:{settings['port']}"
    command = [node, script.name, json.dumps(settings)]
    process = subprocess.Popen(command, cwd=script.parent)  # noqa: S603
    try:
        deadline = time.monotonic() + 30
        while not answers(origin + ready):
            assert process.poll() is None, f"{script.name} ended"
            assert time.monotonic() < deadline, f"{script.name} is not ready"
            time.sleep(0.05)
        yield origin
    finally:
        process.terminate()
        process.wait(10)
