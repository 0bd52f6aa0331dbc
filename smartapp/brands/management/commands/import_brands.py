"""Import a list of health systems, so that patients find their clinic."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from smartapp import http
from smartapp.brands import fetching, storing
from smartapp.brands.fetching import NotRead, Unchanged
from smartapp.brands.models import BrandList
from smartapp.brands.parsed import ParsedList
from smartapp.brands.storing import Report
from smartapp.management.arguments import filled
from smartapp.protocol.errors import SmartError
from smartapp.registrations.models import Registration

ACTOR = "import_brands"


class Command(BaseCommand):
    help = (
        "Import a SMART User-access Brands bundle, or an older list of endpoints, from a file or "
        "an https address. Run it again with the same name for a newer edition. With a "
        "registration, patients can connect to the addresses of the list with its client id."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="FILE_OR_URL")
        parser.add_argument(
            "--registration",
            type=filled,
            metavar="SLUG",
            help="whose client id the list's EHRs take",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        source = options["source"]
        name = source if fetching.is_address(source) else Path(source).name
        known = BrandList.objects.select_related("registration").filter(name=name).first()
        registration = _registration(options["registration"], known)
        try:
            parsed, etag = _read(source, known)
        except Unchanged:
            self._say_unchanged(name, as_json=options["json"])
            return
        except NotRead as error:
            raise CommandError(str(error)) from None
        except SmartError as error:
            raise CommandError(f"The list could not be fetched: {error.detail}.") from None
        if not parsed.brands and not (known and known.brands.exists()):
            raise CommandError(_nothing(parsed))
        with tqdm(total=len(parsed.brands), unit=" brands", disable=None) as bar:
            report = storing.store(
                parsed, name=name, registration=registration, etag=etag, now=timezone.now(),
                actor=ACTOR, progress=bar.update,
            )  # fmt: skip
        self._say(name, parsed, report, registration, as_json=options["json"])
        if not parsed.brands:
            raise CommandError(_nothing(parsed))

    def _say_unchanged(self, name: str, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"list": name, "unchanged": True}))
        else:
            self.stdout.write(f"{name} has not changed since it was imported.")

    def _say(
        self,
        name: str,
        parsed: ParsedList,
        report: Report,
        registration: Registration | None,
        *,
        as_json: bool,
    ) -> None:
        if as_json:
            self.stdout.write(json.dumps(_document(name, parsed, report), indent=2))
            return
        for sentence in _sentences(parsed, report, registration):
            self.stdout.write(sentence)


def _registration(slug: str | None, known: BrandList | None) -> Registration | None:
    """Return the registration that is named, else the one of the earlier import."""
    if slug is None:
        return known.registration if known else None
    found = Registration.objects.filter(slug=slug).first()
    if found is None:
        names = ", ".join(Registration.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no registration {slug}. Registered: {names}.")
    return found


def _read(source: str, known: BrandList | None) -> tuple[ParsedList, str]:
    if fetching.is_address(source):
        return http.run(fetching.read_address(source, known))
    return fetching.read_file(source), ""


def _nothing(parsed: ParsedList) -> str:
    reasons = ", ".join(f"{reason} ({count})" for reason, count in parsed.skipped.most_common())
    return f"No brand could be read from {parsed.shape}. " + (
        f"Skipped: {reasons}." if reasons else "It is empty."
    )


def _document(name: str, parsed: ParsedList, report: Report) -> dict[str, Any]:
    return {
        "list": name,
        "unchanged": False,
        "shape": parsed.shape,
        "brands": report.brands,
        "new": report.new,
        "withdrawn": report.withdrawn,
        "kept_although_missing": report.kept,
        "offered": report.offered,
        "endpoints_added": report.endpoints_added,
        "skipped": dict(parsed.skipped.most_common()),
        "notes": parsed.notes,
    }


def _sentences(parsed: ParsedList, report: Report, registration: Registration | None) -> list[str]:
    said = [
        f"Read {parsed.shape}: {report.brands} brands, {report.new} of them new, "
        f"{report.withdrawn} no longer in it."
    ]
    for reason, count in parsed.skipped.most_common():
        said.append(f"  skipped {count}: {reason}")
    said += [f"  {note}" for note in parsed.notes]
    if report.kept:
        said.append(
            f"{report.kept} brands of the edition before are missing. They stay in the search: "
            "this edition lacks more than half of them, or was not read to its end. Import it "
            "again once it is whole."
        )
    if report.endpoints_added:
        said.append(
            f"{report.endpoints_added} addresses were added to {registration}. `maintain` reads "
            "each EHR's configuration in the background; patients are offered those that pass."
        )
    if not report.offered:
        said.append(
            "Patients find these brands, and nobody can connect to them yet: name the "
            "registration whose client id they take (--registration), with patient scopes."
        )
    return said
