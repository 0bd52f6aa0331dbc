"""Database triggers that refuse to change or delete audit events.

SQLite drops a table's triggers when a migration rebuilds the table. So a migration that alters
AuditEvent must call `install` at its end.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "audit_auditevent"
REFUSAL = "The audit trail is append-only."
INSTALL = {
    "sqlite": [
        f"CREATE TRIGGER {TABLE}_{what.lower()} BEFORE {what} ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        f"CREATE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        f"CREATE TRIGGER {TABLE}_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_refuse()",
    ],
}
LIFT = {
    "sqlite": [f"DROP TRIGGER IF EXISTS {TABLE}_{what}" for what in ("update", "delete")],
    "postgresql": [
        f"DROP TRIGGER IF EXISTS {TABLE}_refuse ON {TABLE}",
        f"DROP FUNCTION IF EXISTS {TABLE}_refuse()",
    ],
}


def _run(connection: BaseDatabaseWrapper, statements: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements.get(connection.vendor, []):
            cursor.execute(statement)


def lift(connection: BaseDatabaseWrapper) -> None:
    """Remove the triggers: for reversing a migration, and for tests, which empty every table."""
    _run(connection, LIFT)


def install(connection: BaseDatabaseWrapper) -> None:
    lift(connection)
    _run(connection, INSTALL)
