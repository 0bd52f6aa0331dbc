"""Print a public JWKS, for vendors that import it instead of fetching it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from smartapp.audit import origin, trail
from smartapp.keys.management.lookup import key_set_or_error
from smartapp.protocol import jwks


class Command(BaseCommand):
    help = "Print the public JWKS of a key set, for an EHR that imports it (prefer the JWKS URL)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the key set")

    def handle(self, *args: Any, **options: Any) -> None:
        key_set = key_set_or_error(options["slug"])
        public = key_set.signing_keys.filter(withdrawn_at=None).values_list("public_jwk", flat=True)
        document = json.loads(jwks.jwks_document(public))
        trail.record(origin.actor(), "keys.export", f"key set {key_set}")
        self.stdout.write(json.dumps(document, indent=2))
        # Standard output contains only the document.
        self.stderr.write(
            "An EHR that imports this copy must be given a new one after each "
            f"`rotate_keys {key_set} --publish`, before the new key signs."
        )
