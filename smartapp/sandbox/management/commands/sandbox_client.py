"""`sandbox_client`: register, or update, somebody's app at the sandbox EHR."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartapp.sandbox import registering
from smartapp.sandbox.models import Client, client_secret_digest
from smartapp.sandbox.registering import RegistrationInvalid
from smartapp.sandbox.worlds import World

Options = dict[str, Any]


class Command(BaseCommand):
    help = "Register somebody's client at the sandbox EHR, or update it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id")
        parser.add_argument("--kind", choices=Client.Kind.values, required=True)
        parser.add_argument("--name", help="what people read on the consent page")
        parser.add_argument("--world", choices=World.values, default="production")
        parser.add_argument("--auth-method", choices=Client.AuthMethod.values)
        parser.add_argument("--jwks-url", default="", help="where the client publishes its keys")
        parser.add_argument("--jwks-file", type=Path, help="a JWKS to import instead")
        parser.add_argument(
            "--client-secret-env", metavar="VAR", help="environment variable with the secret"
        )
        parser.add_argument("--redirect-uri", action="append", default=[], metavar="URL")
        parser.add_argument(
            "--post-logout-redirect-uri", action="append", default=[], metavar="URL"
        )
        parser.add_argument("--launch-url", default="", metavar="URL")
        parser.add_argument("--standalone-url", default="", metavar="URL")
        parser.add_argument("--scope", default="", help="all it may ask for; default: everything")
        parser.add_argument("--profile", choices=Client.Profile.values, default="strict")
        parser.add_argument("--access-token-seconds", type=int, default=3600, metavar="N")
        parser.add_argument(
            "--token-requests-per-minute", type=int, default=0, metavar="N",
            help="more get a 429; athenahealth: 5 in preview, 50 in production; default: no limit",
        )  # fmt: skip
        parser.add_argument(
            "--quirk", action="append", default=[], metavar="FAULT",
            help="a fault that it meets in every launch, like refresh-rotates (repeatable)",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the record as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            client = registering.register(_client(options))
        except RegistrationInvalid as exc:
            raise CommandError(f"{exc.field}: {exc}") from exc
        record = registering.described(client)
        if options["json"]:
            self.stdout.write(json.dumps(record, indent=2))
            return
        for name, value in record.items():
            self.stdout.write(f"{name}: {' '.join(value) if isinstance(value, list) else value}")


def _client(options: Options) -> Client:
    return Client(
        client_id=options["client_id"],
        name=options["name"] or options["client_id"],
        world=options["world"],
        kind=options["kind"],
        auth_method=options["auth_method"] or _usual_method(options),
        profile=options["profile"],
        secret_digest=_secret_digest(options),
        jwks_url=options["jwks_url"],
        jwks=_imported_jwks(options["jwks_file"]),
        redirect_uris=options["redirect_uri"],
        post_logout_redirect_uris=options["post_logout_redirect_uri"],
        launch_url=options["launch_url"],
        standalone_url=options["standalone_url"],
        scope=options["scope"],
        access_token_seconds=options["access_token_seconds"],
        token_requests_per_minute=options["token_requests_per_minute"],
        quirks=",".join(options["quirk"]),
    )


def _usual_method(options: Options) -> str:
    if options["client_secret_env"] and options["kind"] != Client.Kind.PUBLIC:
        return Client.AuthMethod.CLIENT_SECRET_BASIC
    return registering.usual_method(options["kind"])


def _secret_digest(options: Options) -> str:
    variable = options["client_secret_env"]
    if not variable:
        return ""
    secret = os.environ.get(variable, "")
    if not secret:
        raise CommandError(f"The environment variable {variable} is empty.")
    return client_secret_digest(options["client_id"], secret)


def _imported_jwks(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        return registering.imported_jwks(path.read_bytes())
    except OSError as exc:
        raise CommandError(f"The key set {path} is not usable: {exc.strerror}.") from exc
