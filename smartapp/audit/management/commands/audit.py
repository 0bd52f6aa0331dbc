"""Verify and export the audit trail."""

from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.utils.dateparse import parse_date

from smartapp.audit import chain, export, origin, trail
from smartapp.audit.models import AuditEvent
from smartapp.management.arguments import filled


def _midnight(text: str) -> datetime:
    """Return the start of a day in UTC. Raises ValueError, which argparse reports as a usage
    error."""
    day = parse_date(text)
    if day is None:
        raise ValueError(text)
    return datetime.combine(day, time(), UTC)


_midnight.__name__ = "date (YYYY-MM-DD)"


class Command(BaseCommand):
    help = (
        "Verify that nobody has changed the audit trail (exit code 1 and the first broken event "
        "otherwise), and export it. Without an option: verify."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verify", action="store_true", help="walk the whole chain")
        parser.add_argument(
            "--csv", type=filled, metavar="FILE", help="write CSV; - is the standard output"
        )
        parser.add_argument(
            "--fhir", type=filled, metavar="FILE", help="write a FHIR R4 Bundle of AuditEvents"
        )
        parser.add_argument(
            "--since", type=_midnight, metavar="DATE", help="export from this day on (UTC)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        exports = {export.csv_lines: options["csv"], export.fhir_lines: options["fhir"]}
        if options["csv"] and options["csv"] == options["fhir"]:
            raise CommandError("--csv and --fhir need a file each.")
        events = AuditEvent.objects.order_by("id")
        if options["since"]:
            events = events.filter(at__gte=options["since"])
        for lines, destination in exports.items():
            if destination:
                self._write(lines(events.iterator()), destination)
                trail.record(origin.actor(), "audit.export", "audit trail", to=destination[:200])
        if options["verify"] or not any(exports.values()):
            # Standard output contains only the export.
            self._verify(self.stderr if "-" in exports.values() else self.stdout)

    def _write(self, lines: Iterable[str], destination: str) -> None:
        if destination == "-":
            for line in lines:
                self.stdout.write(line, ending="")
            self.stdout.flush()  # what was not written is not recorded as exported
            return
        path = Path(destination)
        is_pipe_or_device = path.exists() and not path.is_file()
        whole = path.resolve()
        # An export that fails half way, on a full disk, must not cost the one of yesterday.
        fresh = path if is_pipe_or_device else whole.with_name(f"{whole.name}.new")
        try:
            with fresh.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
            if not is_pipe_or_device:
                fresh.replace(whole)
        except OSError as error:
            raise CommandError(f"{destination}: {error.strerror}.") from error
        finally:
            if not is_pipe_or_device:
                fresh.unlink(missing_ok=True)

    def _verify(self, out: OutputWrapper) -> None:
        verdict = chain.verify()
        if verdict.problem:
            raise CommandError(f"{verdict.problem} {verdict.length} events before it are whole.")
        out.write(f"Whole: {verdict.length} events. The chain ends with {verdict.end}.")
