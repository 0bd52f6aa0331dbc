"""Check registrations end to end: exit 0 healthy, 1 problems, each with its likely fix."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from smartapp import http
from smartapp.protocol.errors import ClientKeyError
from smartapp.registrations import doctor, registry
from smartapp.registrations.doctor import Finding, Level
from smartapp.registrations.models import Endpoint

MARKS = {Level.OK: "ok     ", Level.ADVICE: "advice ", Level.PROBLEM: "PROBLEM"}


class Command(BaseCommand):
    help = "Check all registrations, or one, end to end; each problem comes with its likely fix."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", help="of a registration or an endpoint")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        results = {endpoint.slug: examine(endpoint) for endpoint in _endpoints(options["slug"])}
        if options["json"]:
            self._print_json(results)
        else:
            self._print(results)
        ill = [slug for slug, findings in results.items() if not doctor.is_healthy(findings)]
        if ill:
            raise CommandError(f"Problems with {', '.join(ill)}.")

    def _print(self, results: dict[str, list[Finding]]) -> None:
        for slug, findings in results.items():
            self.stdout.write(slug)
            for finding in findings:
                self.stdout.write(f"  {MARKS[finding.level]} {finding.check}: {finding.seen}")
                if finding.fix:
                    self.stdout.write(f"          fix: {finding.fix}")

    def _print_json(self, results: dict[str, list[Finding]]) -> None:
        self.stdout.write(
            json.dumps(
                {
                    slug: {
                        "healthy": doctor.is_healthy(findings),
                        "findings": [finding.as_json() for finding in findings],
                    }
                    for slug, findings in results.items()
                },
                indent=2,
            )
        )


def examine(endpoint: Endpoint) -> list[Finding]:
    """Return the findings on an endpoint, enabled or not."""
    return [
        *_enabled(endpoint),
        *_client_secret(endpoint),
        *http.run(doctor.examine(registry.describe(endpoint))),
    ]


def _enabled(endpoint: Endpoint) -> list[Finding]:
    if endpoint.enabled and endpoint.registration.enabled:
        return []
    fix = "Enable the registration and its endpoint in the admin."
    return [doctor.problem("enabled", "Nobody can launch: it is disabled.", fix)]


def _client_secret(endpoint: Endpoint) -> list[Finding]:
    try:
        registry.load(endpoint)
    except ClientKeyError as error:
        fix = "Start with the ENCRYPTION_KEYS that sealed it, or enter the client secret again."
        return [doctor.problem("client-secret", f"{error.detail}.", fix)]
    return []


def _endpoints(slug: str | None) -> list[Endpoint]:
    endpoints = Endpoint.objects.select_related("registration__key_set")
    if slug is None:
        found = list(endpoints.filter(enabled=True, registration__enabled=True))
        if not found:
            raise CommandError("No EHR is registered; register_ehr registers one.")
        return found
    found = list(endpoints.filter(Q(slug=slug) | Q(registration__slug=slug)))
    if not found:
        raise CommandError(f"There is no registration and no endpoint {slug}.")
    return found
