"""Replaces Django's command, because WSGI cannot serve this app."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

REFUSAL = (
    "smartapp is an ASGI app: a WSGI server, as runserver is, would serve its pages without its "
    "public keys. On your desk run `python3 manage.py demo`; elsewhere, as in the Procfile, "
    "`python -m smartapp.serve`."
)


class Command(BaseCommand):
    help = "Says how this app is served."

    def run_from_argv(self, argv: list[str]) -> None:
        """Refuse with any options."""
        super().run_from_argv(argv[:2])

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError(REFUSAL)
