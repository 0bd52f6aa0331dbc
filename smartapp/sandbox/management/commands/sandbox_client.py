"""`sandbox_client`: register, or update, somebody's app at the sandbox EHR."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from smartapp.sandbox import addresses, client_keys, scopes
from smartapp.sandbox.models import Client, client_secret_digest
from smartapp.sandbox.refusals import Refusal

Options = dict[str, Any]


class Command(BaseCommand):
    help = "Register somebody's client at the sandbox EHR, or update it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id")
        parser.add_argument("--kind", choices=Client.Kind.values, required=True)
        parser.add_argument("--name", help="what people read on the consent page")
        parser.add_argument("--auth-method", choices=Client.AuthMethod.values)
        parser.add_argument("--jwks-url", default="", help="where the client publishes its keys")
        parser.add_argument("--jwks-file", type=Path, help="a JWKS to import instead")
        parser.add_argument(
            "--client-secret-env", metavar="VAR", help="environment variable with the secret"
        )
        parser.add_argument("--redirect-uri", action="append", default=[], metavar="URL")
        parser.add_argument("--launch-url", default="", metavar="URL")
        parser.add_argument("--standalone-url", default="", metavar="URL")
        parser.add_argument("--scope", default="", help="all it may ask for; default: everything")
        parser.add_argument("--profile", choices=Client.Profile.values, default="strict")
        parser.add_argument("--access-token-seconds", type=int, default=3600, metavar="N")
        parser.add_argument("--rotate-refresh-tokens", action="store_true")
        parser.add_argument("--json", action="store_true", help="print the record as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        client = register(options)
        record = described(client)
        if options["json"]:
            self.stdout.write(json.dumps(record, indent=2))
            return
        for name, value in record.items():
            self.stdout.write(f"{name}: {' '.join(value) if isinstance(value, list) else value}")


def register(options: Options) -> Client:
    """Write one client record; CommandError says what about it cannot be (S5)."""
    method = options["auth_method"] or _usual_method(options)
    _validate_method(options, method)
    client = Client(
        client_id=options["client_id"],
        name=options["name"] or options["client_id"],
        kind=options["kind"],
        auth_method=method,
        profile=options["profile"],
        secret_digest=_secret_digest(options, method),
        jwks_url=_url(options["jwks_url"]),
        jwks=_imported_jwks(options["jwks_file"]),
        redirect_uris=[_redirect_uri(uri) for uri in options["redirect_uri"]],
        launch_url=_url(options["launch_url"]),
        standalone_url=_url(options["standalone_url"]),
        scope=options["scope"],
        access_token_seconds=options["access_token_seconds"],
        rotate_refresh_tokens=options["rotate_refresh_tokens"],
    )
    _validate_fields(client)
    _validate_scope(client)
    written = [f.name for f in Client._meta.fields if f.name not in {"id", "created_at"}]
    values = {name: getattr(client, name) for name in written}
    return Client.objects.update_or_create(client_id=client.client_id, defaults=values)[0]


def described(client: Client) -> dict[str, Any]:
    """Return the record with everything its developer needs to know."""
    return {
        "client_id": client.client_id,
        "name": client.name,
        "kind": client.kind,
        "auth_method": client.auth_method,
        "profile": client.profile,
        "jwks_url": client.jwks_url,
        "redirect_uris": client.redirect_uris,
        "launch_url": client.launch_url,
        "standalone_url": client.standalone_url,
        "scope": client.scope,
        "access_token_seconds": client.access_token_seconds,
        "rotate_refresh_tokens": client.rotate_refresh_tokens,
        "fhir_base_url": addresses.fhir_base_url(),
        "issuer": addresses.issuer(),
        "authorization_endpoint": addresses.endpoint("authorize"),
        "token_endpoint": addresses.endpoint("token"),
        "assertion_audience": addresses.assertion_audience(client.profile),
    }


def _usual_method(options: Options) -> str:
    if options["kind"] == Client.Kind.PUBLIC:
        return Client.AuthMethod.NONE
    if options["client_secret_env"]:
        return Client.AuthMethod.CLIENT_SECRET_BASIC
    return Client.AuthMethod.PRIVATE_KEY_JWT


def _validate_method(options: Options, method: str) -> None:
    public = options["kind"] == Client.Kind.PUBLIC
    if public != (method == Client.AuthMethod.NONE):
        raise CommandError("Public apps, and only they, use --auth-method none.")
    has_keys = bool(options["jwks_url"]) + bool(options["jwks_file"])
    if has_keys != (method == Client.AuthMethod.PRIVATE_KEY_JWT):
        raise CommandError("private_key_jwt, and only it, needs one of --jwks-url, --jwks-file.")
    has_secret = bool(options["client_secret_env"])
    if has_secret != (method == Client.AuthMethod.CLIENT_SECRET_BASIC):
        raise CommandError("client_secret_basic, and only it, needs --client-secret-env.")
    if (options["kind"] == Client.Kind.SERVICE) == bool(options["redirect_uri"]):
        raise CommandError("Web and public apps, and only they, need a --redirect-uri.")
    if options["access_token_seconds"] < 1:
        raise CommandError("--access-token-seconds is a positive number.")


def _secret_digest(options: Options, method: str) -> str:
    if method != Client.AuthMethod.CLIENT_SECRET_BASIC:
        return ""
    secret = os.environ.get(options["client_secret_env"], "")
    if not secret:
        raise CommandError(f"The environment variable {options['client_secret_env']} is empty.")
    return client_secret_digest(options["client_id"], secret)


def _imported_jwks(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        keys = client_keys.parse_jwks(path.read_bytes())
    except (OSError, client_keys.JWKSInvalid) as exc:
        raise CommandError(f"The key set {path} is not usable: {exc}.") from exc
    return {"keys": keys}


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as exc:
        raise CommandError(f"{url} is not a URL.") from exc


def _url(url: str) -> str:
    parts = _parts(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.fragment):
        raise CommandError(f"{url} is not an absolute http(s) URL without a fragment.")
    return url


def _redirect_uri(uri: str) -> str:
    """Full, fixed, no fragment, no wildcard (C3); native apps bring their own scheme."""
    parts = _parts(uri)
    if not parts.scheme or "#" in uri or "*" in uri or not uri.isascii() or " " in uri:
        raise CommandError(f"{uri} is not an absolute redirect URI.")
    if parts.scheme in {"javascript", "data", "vbscript", "file", "blob"}:
        raise CommandError(f"{uri} does not lead to an app.")
    return uri


def _validate_fields(client: Client) -> None:
    try:
        client.clean_fields()
    except ValidationError as exc:
        field, messages = next(iter(exc.message_dict.items()))
        raise CommandError(f"{field}: {messages[0]}") from exc
    if not client.client_id.isprintable():
        raise CommandError("The client_id is not printable text.")


def _validate_scope(client: Client) -> None:
    unlimited = Client(kind=client.kind)
    try:
        if client.scope:
            scopes.requested(unlimited, client.scope)
    except Refusal as exc:
        raise CommandError(str(exc.get_error_description())) from exc
