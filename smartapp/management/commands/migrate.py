"""Django's command, which does not let everybody wait for a table that somebody else uses."""

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
        if database.vendor == "postgresql":
            with database.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{WAIT_FOR_TABLE_SECONDS}s'")
        super().handle(*args, **options)
