"""Register an EHR, or update the registration of the same slug."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from smartapp import http
from smartapp.diagnosis import doctor
from smartapp.management.arguments import filled
from smartapp.management.sealing import SealingCommand
from smartapp.registrations import registering, registry, sheet, signing
from smartapp.registrations.options import OPTIONS, asked_for
from smartapp.registrations.registering import Wanted

ACTOR = "register_ehr"


class Command(SealingCommand):
    help = (
        "Register an EHR by its FHIR base URL, or update the registration of the same slug, and "
        "print what to enter in the vendor's portal. What is not given stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("fhir_base_url", metavar="FHIR_BASE_URL")
        parser.add_argument("--name", required=True)
        parser.add_argument("--slug", type=filled, help="default: from the name")
        parser.add_argument("--preset", help="the vendor, e.g. athenahealth-preview, epic, oracle")
        parser.add_argument(
            "--client-secret-env", type=filled, metavar="VAR", help="variable with the secret"
        )
        parser.add_argument(
            "--issuer", action="append", metavar="URL", help="expected issuer of the id_token"
        )
        parser.add_argument(
            "--key-set", type=filled, metavar="SLUG", help="default: one of its own"
        )
        for name in asked_for():
            OPTIONS[name].add_to(parser)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted = _wanted(options)
            made_now = signing.about_new_key_set(wanted.key_set)
            endpoint = registering.register(wanted, now=timezone.now(), actor=ACTOR)
        except ValidationError as error:
            raise CommandError(_sentence(error)) from None
        seen = http.run(doctor.warnings(registry.describe(endpoint), actor=ACTOR))
        warnings = (
            *made_now,
            *seen,
            *registering.about_secret(endpoint.registration, wanted.client_secret),
            *registering.left_open(endpoint.registration),
        )
        endpoint.refresh_from_db()  # reading discovery has pinned hosts and the issuer
        self._print(sheet.sheet(registry.describe(endpoint)), warnings, options)

    def _print(
        self, data: dict[str, Any], warnings: tuple[str, ...], options: dict[str, Any]
    ) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(data | {"warnings": warnings}, indent=2))
        elif options["verbosity"] > 0:
            self.stdout.write(sheet.as_text(data, warnings))


def _wanted(options: dict[str, Any]) -> Wanted:
    return Wanted(
        fhir_base_url=options["fhir_base_url"],
        name=options["name"],
        slug=options["slug"],
        preset=options["preset"],
        client_secret=_secret(options["client_secret_env"]),
        key_set=options["key_set"],
        issuers=options["issuer"],
        options={name: options[name] for name in asked_for() if options[name] is not None},
    )


def _secret(variable: str | None) -> str | None:
    """Read the secret from the environment, because every user can see a command line."""
    if variable is None:
        return None
    secret = os.environ.get(variable)
    if not secret:
        raise CommandError(f"The environment variable {variable} is not set.")
    return secret


def _sentence(error: ValidationError) -> str:
    """Return the first thing to change, with the name of its field."""
    if not hasattr(error, "error_dict"):
        return str(error.messages[0])
    name, errors = next(iter(error.message_dict.items()))
    return f"{name}: {errors[0]}" if name != "__all__" else errors[0]
