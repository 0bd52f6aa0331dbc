"""Django's command, adapted: here sessions have launches, which are purged with them."""

from typing import Any

from django.core.management.base import BaseCommand

from smartapp.management.commands.maintain import purge_all


class Command(BaseCommand):
    help = (
        "Purge what has expired, as `maintain` does: sessions with their launches, whose EHRs are "
        "told at the next `maintain`."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(
            f"Purged {purge_all()} rows. `maintain` does this too, and tells the EHRs."
        )
