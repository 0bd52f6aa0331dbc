"""Detects whether the registrations and key sets that launches read have changed.

Triggers in the database record each change, so changes by the admin, commands, queries, fixtures
and plain SQL all count. Each change adds a row. A counter in a single row would be a lock that
administrators, imports and discovery take in any order.

SQLite drops a table's triggers when a migration rebuilds the table, so what is missing is installed
after each migrate.
"""

from typing import Any

from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "registrations_change"
WATCHED = (
    "registrations_registration",
    "registrations_endpoint",
    "registrations_endpointoverride",
    "keys_keyset",
    "keys_signingkey",
)
MAX_ROWS = 1_000
KEPT_ROWS = 100

_ADD = {
    "sqlite": "INSERT INTO registrations_change (id) VALUES (NULL);",
    "postgresql": "INSERT INTO registrations_change DEFAULT VALUES;",
}
_DROP = {
    "sqlite": [
        f"DROP TRIGGER IF EXISTS {table}_{what}_changed"
        for table in WATCHED
        for what in ("insert", "update", "delete")
    ],
    "postgresql": [
        *(f"DROP TRIGGER IF EXISTS {table}_changed ON {table}" for table in WATCHED),
        f"DROP FUNCTION IF EXISTS {TABLE}_add()",
    ],
}
_CREATE = {
    "sqlite": [
        f"CREATE TRIGGER {table}_{what}_changed AFTER {what} ON {table} BEGIN {_ADD['sqlite']} END"
        for table in WATCHED
        for what in ("insert", "update", "delete")
    ],
    "postgresql": [
        f"CREATE FUNCTION {TABLE}_add() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {_ADD['postgresql']} RETURN NULL; END $$",
        *(
            f"CREATE TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_add()"
            for table in WATCHED
        ),
    ],
}


_LIST = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE pg_table_is_visible(tgrelid)",
}


def version() -> str:
    """Return a text that is different after each committed change.

    It includes the sum as well as the count, because of two simultaneous changes the one that began
    first may be committed last.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), SUM(id), MAX(id) FROM registrations_change")
        count, total, newest = cursor.fetchone()
        if count > MAX_ROWS:
            kept_from = newest - KEPT_ROWS
            cursor.execute("DELETE FROM registrations_change WHERE id <= %s", [kept_from])
    return f"{count}-{total}"


def lift(database: BaseDatabaseWrapper) -> None:
    """Remove the triggers, for a backward migration."""
    _run(database, _DROP)


def install(database: BaseDatabaseWrapper) -> None:
    lift(database)
    _run(database, _CREATE)


def install_after_migrate(*, using: str, **_: Any) -> None:
    """Install what is missing, if the tables exist; after a migration back to before them they do
    not. Where nothing is missing, no table is locked: launches read them."""
    database = connections[using]
    exists = {TABLE, *WATCHED} <= set(database.introspection.table_names())
    if exists and not _created(database) <= _present(database):
        with transaction.atomic(using=using):  # no change goes unnoticed in between
            install(database)


def _created(database: BaseDatabaseWrapper) -> set[str]:
    words = (statement.split() for statement in _CREATE[database.vendor])
    return {name for _, kind, name, *_ in words if kind == "TRIGGER"}


def _present(database: BaseDatabaseWrapper) -> set[str]:
    with database.cursor() as cursor:
        cursor.execute(_LIST[database.vendor])
        return {name for (name,) in cursor.fetchall()}


def _run(database: BaseDatabaseWrapper, statements: dict[str, list[str]]) -> None:
    with database.cursor() as cursor:
        for statement in statements.get(database.vendor, []):
            cursor.execute(statement)
