"""Reads a list of brands from its address or from a file.

It is fetched with the app's guarded client: https, no redirects, no private addresses, limited
bytes and seconds. A known address is requested with the ETag of the last import (SMART App Launch
2.2, "User-access Brands", caching).
"""

import io
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

from django.conf import settings
from django.utils import timezone

from smartapp import http
from smartapp.brands.models import BrandList
from smartapp.brands.parsed import ParsedList
from smartapp.brands.reading import NotAList, read_list
from smartapp.protocol.urls import host_of

# Epic's list has about 50 MB; the whole document is in memory while it is read.
MAX_BYTES = 100 * 1024 * 1024
TIMEOUT_SECONDS = 300.0
MAX_PAGES = 500
ACCEPT = {"Accept": "application/fhir+json, application/json;q=0.9"}


class NotRead(Exception):
    """No list could be read; the message is a sentence for the administrator."""


class Unchanged(Exception):
    """The address still has the edition of the last import."""


def is_address(source: str) -> bool:
    return source.lower().startswith(("https://", "http://"))


def read_file(path: str) -> ParsedList:
    """Return the list in a file. Raises NotRead."""
    try:
        with Path(path).open("rb") as document:
            return _parsed(document)
    except OSError as error:
        raise NotRead(f"{path} cannot be opened: {error.strerror}.") from None
    except NotAList as error:
        raise NotRead(f"{path}: {error}") from None


def _parsed(document: BinaryIO) -> ParsedList:
    today = timezone.now().date()
    return read_list(document, today=today, in_development=settings.ALLOW_LOOPBACK_EHRS)


async def read_address(url: str, known: BrandList | None) -> tuple[ParsedList, str]:
    """Return the list at an address, with its next pages on the same host, and its ETag.

    Raises Unchanged, NotRead, and the errors of `http.get`.
    """
    headers = ACCEPT | ({"If-None-Match": known.etag} if known and known.etag else {})
    parsed, etag = await _read(url, headers)
    seen = {url}
    current = parsed
    while current.next_url and len(seen) < MAX_PAGES:
        following = urljoin(url, current.next_url)
        if following in seen or host_of(following) != host_of(url):
            parsed.notes.append("The list goes on at another host, which was not asked.")
            break
        seen.add(following)
        current, _ = await _read(following, ACCEPT)
        parsed.brands += current.brands
        parsed.skipped += current.skipped
        parsed.notes += current.notes
    return parsed, etag


async def _read(url: str, headers: dict[str, str]) -> tuple[ParsedList, str]:
    response = await http.get(
        url, headers=headers, max_bytes=MAX_BYTES, timeout_seconds=TIMEOUT_SECONDS
    )
    if response.status == HTTPStatus.NOT_MODIFIED:
        raise Unchanged
    if response.status != HTTPStatus.OK:
        raise NotRead(f"{host_of(url)} answered with status {response.status}.")
    try:
        parsed = _parsed(io.BytesIO(response.body))
    except NotAList as error:
        raise NotRead(f"What {host_of(url)} answered is not a list of brands. {error}") from None
    return parsed, response.headers.get("ETag", "")[:300]
