"""The promises of an upgrade (docs/running.md): nothing is lost, and old processes run on with the
new schema."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psycopg
import pytest
from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.models.fields import NOT_PROVIDED

from smartapp.registrations import changes
from tests import forking
from tests.processes import (
    environment,
    manage,
    migrated_postgres_database,
    postgres_database,
)

# Earlier than the first release: there is no older process that could run on with them.
BEFORE_THE_FIRST_RELEASE = {
    ("audit", "0002_chain"),
    ("keys", "0003_fetched_during"),
    ("keys", "0004_accepted_by"),
    ("registrations", "0002_introspection_method"),
    ("registrations", "0003_endpoint_overrides"),
    ("registrations", "0005_token_requests"),
    ("registrations", "0007_pkce_unannounced"),
    ("registrations", "0008_spellings_of_one_base"),
    ("registrations", "0012_record_number_system"),
    ("registrations", "0014_sign_in_in_window"),
    ("registrations", "0015_aud_without_slash"),
    ("sandbox", "0002_worlds_and_faults_of_tokens"),
}
TAKEN_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)


def _of_this_app() -> Iterator[tuple[tuple[str, str], migrations.Migration]]:
    for key, migration in MigrationLoader(None).disk_migrations.items():
        is_ours = type(migration).__module__.startswith("smartapp.")
        if is_ours and not migration.name.startswith("0001_"):
            yield key, migration


def _is_missed(operation: object) -> bool:
    """Return whether a process that does not know the new schema fails at it: Django writes each
    column that it knows, and the database no default unless it is told to (db_default)."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED)
    return isinstance(operation, TAKEN_AWAY)


def test_old_processes_write_rows_of_the_new_schema() -> None:
    missed = {key for key, one in _of_this_app() if any(map(_is_missed, one.operations))}
    assert missed == BEFORE_THE_FIRST_RELEASE


@pytest.fixture
def migrated() -> Iterator[str]:
    with migrated_postgres_database() as url:
        yield url


def read_as_a_backup(reader: psycopg.Connection) -> None:
    """Read what launches read, and hold it until the end of the transaction, as pg_dump does."""
    for table in changes.WATCHED:
        reader.execute(f"TABLE {table} LIMIT 1")


def on_sqlite(tmp_path: Path) -> AbstractContextManager[str]:
    return nullcontext(f"sqlite:///{tmp_path / 'app.sqlite3'}")


def on_postgresql(_: Path) -> AbstractContextManager[str]:
    return postgres_database()


@pytest.mark.parametrize(
    "empty", [on_sqlite, pytest.param(on_postgresql, marks=pytest.mark.postgres)]
)
def test_what_the_first_version_wrote_is_kept(
    tmp_path: Path, empty: Callable[[Path], AbstractContextManager[str]]
) -> None:
    with empty(tmp_path) as url:
        env = environment("http://127.0.0.1:1", url)
        of_that_day = "import tests.first_schema as first; first."
        manage(env, "shell", "--verbosity", "0", "--command", f"{of_that_day}make()")
        manage(env, "migrate", "--verbosity", "0")
        told = manage(env, "shell", "--verbosity", "0", "--command", f"{of_that_day}tell()")
        manage(env, "reseal")  # fails where a sealed value does not open
        assert "Whole: 4 events." in manage(env, "audit", "--verify")
        manage(env, "export_jwks", "a")
    assert json.loads(told) == {
        "signs": "EC",
        "secret": "secret",
        "base": "https://EHR.example:443/fhir/r4/",
        "reached by": "a",
        "discovery": "https://EHR.example:443/fhir/r4/.well-known/smart-configuration",
        "refresh": "refresh",
        "session": "s" * 40,
        "second factors": 1,  # the one that was not set up to its end is set up anew
        "audit trail": "The audit trail is append-only.",
    }


@pytest.mark.postgres
def test_with_nothing_to_do_it_waits_for_no_table(migrated: str) -> None:
    with psycopg.connect(migrated) as reader:
        read_as_a_backup(reader)
        manage(environment("http://127.0.0.1:1", migrated), "migrate", "--verbosity", "0")


@pytest.mark.postgres
def test_it_gives_up_where_all_launches_would_wait_behind_it(migrated: str) -> None:
    """Whoever would read a table waits for the one who waits to change it."""
    env = environment("http://127.0.0.1:1", migrated)
    with psycopg.connect(migrated) as reader, psycopg.connect(migrated, autocommit=True) as owner:
        # So that there is something to do, as after an upgrade.
        owner.execute("DROP TRIGGER registrations_endpoint_changed ON registrations_endpoint")
        read_as_a_backup(reader)
        done = forking.run(env, ("migrate",))
        assert (done.returncode, "run it again" in done.stderr) == (1, True), done
        reader.rollback()
        manage(env, "migrate", "--verbosity", "0")
        there = owner.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall()
    assert ("registrations_endpoint_changed",) in there


SHOWN_AFTERWARDS = """
from django.core.management import call_command
from django.db import connection
call_command("migrate", verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("SHOW lock_timeout")
    print(cursor.fetchone()[0])
"""


@pytest.mark.postgres
def test_it_leaves_no_setting_in_the_session(migrated: str) -> None:
    """A pooler in transaction mode gives the session to the app next."""
    env = environment("http://127.0.0.1:1", migrated)
    with psycopg.connect(migrated, autocommit=True) as owner:
        # So that there is something to do, as after an upgrade.
        owner.execute("DROP TRIGGER registrations_endpoint_changed ON registrations_endpoint")
    assert manage(env, "shell", "--verbosity", "0", "--command", SHOWN_AFTERWARDS).strip() == "0"
