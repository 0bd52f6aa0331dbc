"""Commands that seal something in the database."""

from typing import Any

from django.core.management.base import BaseCommand

from smartapp import checks


class SealingCommand(BaseCommand):
    """A command that does nothing with a wrong key ring: no other process could open what it seals,
    and none would start any more. Raises ImproperlyConfigured."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        checks.verify_opened()
        return super().execute(*args, **options)
