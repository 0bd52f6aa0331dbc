"""Obtain a 2-legged access token and say what it is good for."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartapp import http
from smartapp.launches.backend import backend_token
from smartapp.protocol.errors import SmartError, TokenRefused


class Command(BaseCommand):
    help = "Obtain an access token by client_credentials; print its type, scope and expiry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="a 2-legged registration")
        parser.add_argument("--scope", required=True, help='e.g. "system/Patient.rs"')
        parser.add_argument("--show-token", action="store_true", help="print the token itself too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = http.run(backend_token(options["slug"], options["scope"]))
        except SmartError as error:
            raise CommandError(_sentence(error)) from None
        self.stdout.write("token_type: Bearer")
        self.stdout.write(f"scope: {token.scope}")
        self.stdout.write(f"expires_at: {token.expires_at.isoformat()}")
        if options["show_token"]:
            self.stdout.write(f"access_token: {token.access_token}")


def _sentence(error: SmartError) -> str:
    code = error.error if isinstance(error, TokenRefused) else ""
    said = f" The EHR answered {code}." if code else ""
    is_of_launches = error.title == SmartError.title
    title = "No token came" if is_of_launches else error.title
    return f"{title}: {error.quoted or error.happened}.{said}"
