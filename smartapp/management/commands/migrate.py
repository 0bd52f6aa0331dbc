"""Django's command, which does not let everybody wait for a table that somebody else uses."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.core.management.commands import migrate
from django.db import connections

# Shorter than a launch waits (smartapp.database): who comes meanwhile waits behind this command.
WAIT_FOR_TABLE_SECONDS = 3


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, and give up where a table stays in use.

        A change of a table waits until nobody reads it, and all who come later wait for the change:
        during a backup of an hour, nobody could launch for an hour.
        """
        database = connections[options["database"]]
        is_postgresql = database.vendor == "postgresql"
        with database.execute_wrapper(_impatient) if is_postgresql else nullcontext():
            super().handle(*args, **options)


def _impatient(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Limit the wait of this transaction only: a pooler in transaction mode would pass a setting of
    the session on to the app."""
    database = context["connection"]
    if database.in_atomic_block:
        database.connection.execute(f"SET LOCAL lock_timeout = '{WAIT_FOR_TABLE_SECONDS}s'")
    return execute(sql, params, many, context)
