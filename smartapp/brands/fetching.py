"""Reads a list of brands from its address or from a file.

It is fetched with the app's guarded client: https, no redirects, no private addresses, limited
bytes and seconds. A known address is requested with the ETag of the last import (SMART App Launch
2.2, "User-access Brands", caching).
"""

import io
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

from django.conf import settings
from django.utils import timezone

from smartapp import http
from smartapp.brands.models import BrandList
from smartapp.brands.parsed import ParsedList
from smartapp.brands.reading import NotAList, Pages
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
    pages = _pages()
    try:
        with Path(path).open("rb") as document:
            following = pages.add(document)
    except OSError as error:
        raise NotRead(f"{path} cannot be opened: {error.strerror}.") from None
    except NotAList as error:
        raise NotRead(f"{path}: {error}") from None
    parsed = pages.parsed()
    if following:
        _end_early(parsed, "The list goes on at an address, and only this file was read.")
    return parsed


def _pages() -> Pages:
    return Pages(today=timezone.now().date(), in_development=settings.ALLOW_LOOPBACK_EHRS)


async def read_address(url: str, known: BrandList | None) -> tuple[ParsedList, str]:
    """Return the list at an address, with its next pages on the same host, and its ETag; "" if it
    has several pages, because that of the first says nothing about the others.

    Raises Unchanged, NotRead, and the errors of `http.get`.
    """
    pages, end = _pages(), ""
    headers = ACCEPT | ({"If-None-Match": known.etag} if known and known.etag else {})
    following, etag = await _read(pages, url, headers)
    seen = [url]
    while following:
        try:
            following = urljoin(seen[-1], following)
            is_elsewhere = host_of(following) != host_of(url)
        except ValueError:
            end = "The list goes on at what is no address."
            break
        if is_elsewhere:
            end = "The list goes on at another host, which was not asked."
            break
        if following in seen or len(seen) == MAX_PAGES:
            end = f"The pages of the list have no end; {len(seen)} of them were read."
            break
        seen.append(following)
        following, _ = await _read(pages, following, ACCEPT)
    parsed = pages.parsed()
    if end:
        _end_early(parsed, end)
    return parsed, "" if end or len(seen) > 1 else etag


def _end_early(parsed: ParsedList, note: str) -> None:
    parsed.is_whole = False
    parsed.notes.append(note)


async def _read(pages: Pages, url: str, headers: dict[str, str]) -> tuple[str, str]:
    """Read a page; return the address of the next one, and the ETag."""
    response = await http.get(
        url, headers=headers, max_bytes=MAX_BYTES, timeout_seconds=TIMEOUT_SECONDS
    )
    if response.status == HTTPStatus.NOT_MODIFIED:
        raise Unchanged
    if response.status != HTTPStatus.OK:
        raise NotRead(f"{host_of(url)} answered with status {response.status}.")
    try:
        following = pages.add(io.BytesIO(response.body))
    except NotAList as error:
        raise NotRead(f"What {host_of(url)} answered is not a list of brands. {error}") from None
    return following, response.headers.get("ETag", "")[:300]
