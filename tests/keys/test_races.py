"""Several machines rotate one key set at the same time (T22): real processes, real databases."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

POSTGRES = "postgres://postgres@127.0.0.1:5432"
ROOT = Path(__file__).resolve().parent.parent.parent
MACHINES = 3
SECONDS_TO_GET_READY = 3


def machine(database_url: str, *task: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-W", "ignore", "-m", "tests.keys.rotator", database_url, *task],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait(*machines: "subprocess.Popen[str]") -> None:
    """Wait for all; whatever one of them has to complain about fails the test."""
    complaints = [machine.communicate(timeout=150)[1] for machine in machines]
    assert "".join(complaints) == ""
    assert [machine.returncode for machine in machines] == [0] * len(machines)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'contested.sqlite3'}"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    psycopg = pytest.importorskip("psycopg")
    name = f"contested_{uuid4().hex[:8]}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{POSTGRES}/{name}"
        connection.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize(
    "url", ["sqlite_url", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_machines_that_rotate_at_once_leave_one_timeline(
    url: str, request: pytest.FixtureRequest
) -> None:
    """§3.4 to §3.6: never none, never two signers, never a sixth key, and no wait cut short."""
    database_url: str = request.getfixturevalue(url)
    wait(machine(database_url, "migrate"))
    start = str(time.time() + SECONDS_TO_GET_READY)
    wait(*(machine(database_url, "rotate", start) for _ in range(MACHINES)))
    wait(machine(database_url, "check"))
