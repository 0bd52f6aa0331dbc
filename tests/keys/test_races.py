"""Several machines rotate one key set at the same time (T22): real processes, real databases."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import copy_migrated, migrated_postgres_database

pytestmark = pytest.mark.endurance

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
    """Wait for all; if one of them reports a problem, the test fails."""
    complaints = [machine.communicate(timeout=150)[1] for machine in machines]
    assert "".join(complaints) == ""
    assert [machine.returncode for machine in machines] == [0] * len(machines)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    copy_migrated(tmp_path / "contested.sqlite3")
    return f"sqlite:///{tmp_path / 'contested.sqlite3'}"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with migrated_postgres_database() as url:
        yield url


@pytest.mark.parametrize(
    "url", ["sqlite_url", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_machines_that_rotate_at_once_leave_one_timeline(
    url: str, request: pytest.FixtureRequest
) -> None:
    """There is always exactly one signer, never a sixth key, and no wait is cut short."""
    database_url: str = request.getfixturevalue(url)
    start = str(time.time() + SECONDS_TO_GET_READY)
    wait(*(machine(database_url, "rotate", start) for _ in range(MACHINES)))
    wait(machine(database_url, "check"))


WITHDRAWN_IN_ALL = 200
SECONDS_IN_ALL = 200
KILL_AFTER_TICKS = (5, 25)
TICKS = "SELECT last_value FROM ticks"
# One row for each key set whose keys are in a wrong state, at any moment.
WRONG_NOW = """
    SELECT key_set_id FROM keys_signingkey GROUP BY key_set_id
    HAVING count(*) FILTER (WHERE signs_from IS NOT NULL AND signs_until IS NULL) <> 1
    OR count(*) FILTER (WHERE withdrawn_at IS NULL) NOT BETWEEN 1 AND 5
    OR count(*) FILTER (WHERE withdrawn_at IS NULL AND sealed_private_key = '') > 0
"""
WITHDRAWN = "SELECT count(*) FROM keys_signingkey WHERE withdrawn_at IS NOT NULL"


@pytest.mark.postgres
@pytest.mark.timeout(300)
def test_machines_that_are_killed_at_random_leave_one_timeline(postgres_url: str) -> None:
    """SIGKILL at any point: there is always a signer, and no step is half done."""
    psycopg = pytest.importorskip("psycopg")
    wait(machine(postgres_url, "prepare"))
    machines = [machine(postgres_url, "rotate-for-ever") for _ in range(2)]
    killed, looked, withdrawn = 0, 0, 0
    deadline = time.monotonic() + SECONDS_IN_ALL
    # Counted in steps, not in seconds: on a busy machine the processes could not even start.
    kill_at = KILL_AFTER_TICKS[1]
    with psycopg.connect(postgres_url, autocommit=True) as observer:
        try:
            while withdrawn < WITHDRAWN_IN_ALL:
                assert time.monotonic() < deadline, f"{withdrawn} rotations, {killed} kills"
                assert observer.execute(WRONG_NOW).fetchall() == []
                [withdrawn] = observer.execute(WITHDRAWN).fetchone() or [0]
                looked += 1
                time.sleep(0.02)
                [ticks] = observer.execute(TICKS).fetchone() or [0]
                if ticks >= kill_at:
                    victim = machines.pop(0)
                    victim.kill()
                    assert victim.communicate()[1] == ""
                    killed += 1
                    machines.append(machine(postgres_url, "rotate-for-ever"))
                    kill_at = ticks + random.randint(*KILL_AFTER_TICKS)
        finally:
            for survivor in machines:
                survivor.kill()
                survivor.communicate()
    assert killed >= 5
    assert looked > 100
    wait(machine(postgres_url, "check-all"))
