"""The role that the app runs as cannot rewrite its audit trail; and the app does with it all it has
to. On a PostgreSQL server of the test's own, as roles belong to the whole server."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests import forking
from tests.processes import (
    ROOT,
    answers,
    as_the_procfile,
    environment,
    manage,
    procfile,
    running,
    static_files_to_itself,
)
from tests.reliability.services import PostgreSQL, folder_for_all, missing
from tests.serving import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

REWRITING = (
    "UPDATE audit_auditevent SET actor = 'another'",
    "DELETE FROM audit_auditevent",
    "TRUNCATE audit_auditevent",
    "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_auditevent_refuse ON audit_auditevent",
    "DROP TABLE audit_auditevent CASCADE",
    "CREATE OR REPLACE FUNCTION audit_auditevent_refuse() RETURNS trigger LANGUAGE plpgsql "
    "AS $$ BEGIN RETURN NULL; END $$",
    "CREATE TABLE beside (x int)",
    "SET session_replication_role = replica",
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    if without := missing():
        pytest.skip(f"no {without}")
    with folder_for_all() as folder:
        postgres = PostgreSQL(folder)
        try:
            yield postgres
        finally:
            postgres.stop()


@pytest.fixture(scope="module")
def env(server: PostgreSQL) -> dict[str, str]:
    """The environment of the app on a database with both roles, whose schema the owner made."""
    roles = (ROOT / "deploy" / "roles.sql").read_text()
    with server.connect() as connection:
        connection.execute("CREATE DATABASE smartapp")
    database = f"{server.url.rpartition('/')[0]}/smartapp"
    env = environment(f"http://127.0.0.1:{free_port()}", database, SANDBOX="off")
    for _ in range(2):  # before `migrate` and after it
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(sql.SQL(roles))
        manage({**env, "DATABASE_URL": as_role(database, "smartapp_owner")}, "migrate")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL(roles))
    return {**env, "DATABASE_URL": as_role(database, "smartapp")}


def as_role(url: str, role: str) -> str:
    return url.replace("//postgres@", f"//{role}@")


def test_the_app_does_all_that_it_has_to(env: dict[str, str], tmp_path: Path) -> None:
    manage(
        env, "register_ehr", "http://127.0.0.1:9/fhir", "--name", "A", "--client-id", "a",
        "--scope", "launch",
    )  # fmt: skip
    manage(env, "rotate_keys", "a", "--publish")
    assert "create_administrator" not in manage(env, "create_administrator", "alice")
    manage(env, "audit", "--verify")
    manage(env, "reseal")
    with static_files_to_itself():
        manage({**env, "SANDBOX": "on"}, "collectstatic", "--no-input", "--verbosity", "0")
    port = free_port()
    serving = as_the_procfile(env, port)
    ready = f"http://127.0.0.1:{port}/readyz"
    with running(serving, tmp_path / "log", *procfile("web"), ready=lambda: answers(ready)):
        pass
    assert "ERROR" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("statement", REWRITING)
def test_nothing_rewrites_the_audit_trail(env: dict[str, str], statement: str) -> None:
    with (
        psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_what_a_role_may_not_do_is_named(
    env: dict[str, str], server: PostgreSQL, tmp_path: Path
) -> None:
    """Neither an operator at a terminal nor one with the log sees it otherwise."""
    with server.connect() as connection:
        connection.execute("CREATE DATABASE unlike TEMPLATE smartapp")
    superuser = f"{server.url.rpartition('/')[0]}/unlike"
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("REVOKE INSERT ON launches_launch, auth_user FROM smartapp")
    unlike = {**env, "DATABASE_URL": as_role(superuser, "smartapp")}
    done = forking.run(unlike, ("create_administrator", "carol"))
    assert done.returncode == 1
    assert "permission denied for table auth_user" in done.stderr
    assert "deploy/roles.sql" in done.stderr
    assert "Traceback" not in done.stderr
    log, serving = tmp_path / "log", as_the_procfile(unlike, free_port())
    alive, ready = (f"http://127.0.0.1:{serving['PORT']}/{name}" for name in ("healthz", "readyz"))
    with running(serving, log, *procfile("web"), ready=lambda: answers(alive)):
        assert not answers(ready)
        assert (
            "database: ProgrammingError: permission denied for table launches_la" in log.read_text()
        )
