"""`sandbox_client`: register or update an app at the sandbox EHR."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartapp.sandbox import registering
from smartapp.sandbox.models import Client, client_secret_digest, find_client
from smartapp.sandbox.registering import RegistrationInvalid
from smartapp.sandbox.worlds import World

Options = dict[str, Any]


KEY_SETS = ("jwks_url", "jwks_file")
CREDENTIALS = (*KEY_SETS, "client_secret_env")
ONE_VALUE = (
    "name", "world", "profile", "launch_url", "standalone_url", "scope", "access_token_seconds",
    "token_requests_per_minute",
)  # fmt: skip
SEVERAL_VALUES = {
    "redirect_uris": "redirect_uri",
    "post_logout_redirect_uris": "post_logout_redirect_uri",
}


class Command(BaseCommand):
    help = (
        "Register somebody's client at the sandbox EHR, or update it: then what is not given stays "
        "as it is, and an empty value takes something away."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id")
        parser.add_argument("--kind", choices=Client.Kind.values, help="needed once")
        parser.add_argument("--name", help="what people read on the consent page")
        parser.add_argument("--world", choices=World.values, help="default: production")
        parser.add_argument(
            "--auth-method", choices=[one.value for one in Client.REGISTERED_METHODS]
        )
        parser.add_argument("--jwks-url", help="where the client publishes its keys")
        parser.add_argument("--jwks-file", type=Path, help="a JWKS to import instead")
        parser.add_argument(
            "--client-secret-env", metavar="VAR", help="environment variable with the secret"
        )
        parser.add_argument("--redirect-uri", action="append", metavar="URL")
        parser.add_argument("--post-logout-redirect-uri", action="append", metavar="URL")
        parser.add_argument("--launch-url", metavar="URL")
        parser.add_argument("--standalone-url", metavar="URL")
        parser.add_argument("--scope", help="all it may ask for; default: everything")
        parser.add_argument(
            "--profile", choices=[one.value for one in Client.REGISTERED_PROFILES],
            help="the rules it is held to; default: strict, or what its world announces",
        )  # fmt: skip
        parser.add_argument("--access-token-seconds", type=int, metavar="N", help="default: 3600")
        parser.add_argument(
            "--token-requests-per-minute", type=int, metavar="N",
            help="more get a 429; athenahealth: 5 in preview, 50 in production; default: no limit",
        )  # fmt: skip
        parser.add_argument(
            "--quirk", action="append", metavar="FAULT",
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
            if name == "warning" and not value:
                continue
            self.stdout.write(f"{name}: {' '.join(value) if isinstance(value, list) else value}")


def _client(options: Options) -> Client:
    """Return the client, new or known, with the given options applied."""
    client = _begun(options)
    for name in ONE_VALUE:
        if options[name] is not None:
            setattr(client, name, options[name])
    for name, option in SEVERAL_VALUES.items():
        if options[option] is not None:
            setattr(client, name, [value for value in options[option] if value])
    if options["quirk"] is not None:
        client.quirks = ",".join(quirk for quirk in options["quirk"] if quirk)
    if options["world"] and not options["profile"]:
        client.profile = registering.RULES_OF_WORLDS.get(options["world"], client.profile)
    _give_credentials(client, options)
    return client


def _begun(options: Options) -> Client:
    """Return the client to change. A client of another kind, or one that was only tried, starts
    anew."""
    client_id = options["client_id"]
    known = find_client(client_id)
    kind = options["kind"] or (known.kind if known else "")
    if not kind:
        raise CommandError(f"There is no client {client_id} yet: say of which --kind it is.")
    if known and known.kind == kind and not known.is_tried:
        return known
    return Client(client_id=client_id, kind=kind, name=client_id)


def _give_credentials(client: Client, options: Options) -> None:
    """Replace the credentials if one of their options is given (S5).

    The cached copy of a key set is dropped in any case, so that it is fetched again.
    """
    if client.jwks_url:
        client.jwks, client.jwks_fresh_until = None, None
    given = [options[name] for name in ("auth_method", *CREDENTIALS)]
    if client.auth_method and all(value is None for value in given):
        return
    method = options["auth_method"] or _usual_method(client, options)
    if method != client.auth_method or any(options[name] for name in KEY_SETS):
        client.jwks_url, client.jwks = "", None
    if method != client.auth_method:
        client.secret_digest = ""
    client.auth_method = method
    client.jwks_url = options["jwks_url"] or client.jwks_url
    client.jwks = _imported_jwks(options["jwks_file"]) or client.jwks
    client.secret_digest = _secret_digest(options) or client.secret_digest


def _usual_method(client: Client, options: Options) -> str:
    if options["client_secret_env"] and client.kind != Client.Kind.PUBLIC:
        return Client.AuthMethod.CLIENT_SECRET_BASIC
    return registering.usual_method(client.kind)


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
