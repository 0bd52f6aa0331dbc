"""Content negotiation (https://hl7.org/fhir/R4/http.html#mime-type)."""

import re
from collections.abc import Iterator

from django.http import HttpRequest

from smartapp.sandbox.fhir.outcomes import NotAcceptable

JSON_TYPES = frozenset({"application/fhir+json", "application/json", "application/*", "*/*"})
JSON_FORMATS = frozenset({"json", "text/json", *JSON_TYPES})
UNWANTED = re.compile(r"q=0(\.0*)?")


def validate_accepted(request: HttpRequest) -> None:
    """Raise NotAcceptable if the client does not accept JSON; `_format` overrides Accept."""
    wanted = request.GET.get("_format")
    if wanted is not None:
        is_json = wanted.partition(";")[0].strip().replace(" ", "+").lower() in JSON_FORMATS
    else:
        accepted = request.headers.get("Accept", "").strip()
        is_json = not accepted or not JSON_TYPES.isdisjoint(_media_ranges(accepted))
    if not is_json:
        raise NotAcceptable("There is application/fhir+json here, and nothing else.")


def _media_ranges(accept: str) -> Iterator[str]:
    for item in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in item.split(";"))
        if not any(UNWANTED.fullmatch(parameter) for parameter in parameters):
            yield media_range
