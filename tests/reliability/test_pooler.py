"""PgBouncer in transaction mode, as docs/running.md says how."""

import shutil
from pathlib import Path

import pytest

from tests.processes import (
    answers,
    as_the_procfile,
    environment,
    manage,
    prepare,
    procfile,
    running,
)
from tests.reliability.hospital import Hospital
from tests.reliability.house import SCOPE
from tests.reliability.people import Figures, for_seconds, people
from tests.reliability.services import PostgreSQL, folder_for_all, missing, pgbouncer
from tests.scripted_ehr import CLIENT_ID
from tests.serving import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.endurance, pytest.mark.timeout(300)]


@pytest.mark.skipif(bool(missing()) or not shutil.which("pgbouncer"), reason="no PgBouncer")
async def test_people_launch_and_reload_through_pgbouncer(tmp_path: Path) -> None:
    """Three connections for a process that has four threads for launches, and for `maintain`."""
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    with folder_for_all() as folder, Hospital() as hospital:
        postgres = PostgreSQL(folder)
        try:
            with pgbouncer(folder, postgres) as through:
                pooled = f"{through}?DISABLE_SERVER_SIDE_CURSORS=True"
                env = environment(url, pooled, SANDBOX="off")
                prepare(env)
                hospital.client_jwks_url = f"{url}/.well-known/jwks/a.json"
                manage(
                    env, "register_ehr", hospital.fhir_base_url, "--name", "A", "--slug", "a",
                    "--client-id", CLIENT_ID, "--scope", SCOPE,
                )  # fmt: skip
                serving = as_the_procfile(env, port)
                web = procfile("web")
                figures = Figures()
                with running(serving, log, *web, ready=lambda: answers(f"{url}/readyz")):
                    await people(url, hospital, figures, for_seconds(4), at_once=6)
                    manage(env, "maintain")
                    manage(env, "audit", "--verify")
        finally:
            postgres.stop()
    assert figures.confirmed == figures.launches >= 6
    assert not figures.lost + figures.server_errors
    assert (figures.wrong_patient, figures.in_doubt, hospital.used_twice) == (0, 0, 0)
    assert hospital.refreshes
    assert "ERROR" not in log.read_text()
