"""Check registrations end to end: exit 0 healthy, 1 problems, each with its likely fix."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from smartapp import http
from smartapp.diagnosis import doctor
from smartapp.diagnosis.finding import Finding, is_healthy
from smartapp.management.arguments import filled
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint
from smartapp.registrations.registry import EndpointConfig

MARKS = {"ok": "ok     ", "advice": "advice ", "problem": "PROBLEM"}


class Command(BaseCommand):
    help = "Check all registrations, or one, end to end; each problem comes with its likely fix."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", type=filled, help="of a registration or an endpoint")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        show = (lambda _: None) if options["json"] else self._show
        results: dict[str, list[Finding]] = {}
        for endpoint in _endpoints(options["slug"]):
            if not options["json"]:
                self.stdout.write(endpoint.slug)
            config = registry.describe(endpoint)
            results[endpoint.slug] = http.run(_examine(config, show))
        if options["json"]:
            self._print_json(results)
        ill = [slug for slug, findings in results.items() if not is_healthy(findings)]
        if ill:
            raise CommandError(f"Problems with {', '.join(ill)}.")

    def _show(self, finding: Finding) -> None:
        """As it comes: a check may wait for several seconds."""
        self.stdout.write(f"  {MARKS[finding.level]} {finding.check}: {finding.text}")
        if finding.fix:
            self.stdout.write(f"          fix: {finding.fix}")
        self.stdout.flush()

    def _print_json(self, results: dict[str, list[Finding]]) -> None:
        self.stdout.write(
            json.dumps(
                {
                    slug: {
                        "healthy": is_healthy(findings),
                        "findings": [finding.as_json() for finding in findings],
                    }
                    for slug, findings in results.items()
                },
                indent=2,
            )
        )


async def _examine(config: EndpointConfig, show: Callable[[Finding], None]) -> list[Finding]:
    findings = []
    async for finding in doctor.examine(config):
        show(finding)
        findings.append(finding)
    return findings


def _endpoints(slug: str | None) -> list[Endpoint]:
    endpoints = Endpoint.objects.select_related("registration__key_set")
    if slug is None:
        found = list(endpoints.filter(enabled=True, registration__enabled=True))
        if not found:
            raise CommandError("No EHR is registered; register_ehr registers one.")
        return found
    # A base that was left is asked about by its own slug only.
    present = Q(registration__slug=slug, left_at=None)
    found = list(endpoints.filter(Q(slug=slug) | present))
    if not found:
        raise CommandError(f"There is no registration and no endpoint {slug}.")
    return found
