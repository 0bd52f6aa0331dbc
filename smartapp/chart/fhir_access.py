"""Authorised reads of one launch's record: paging, token renewal, limits.

The bearer token is only sent to addresses below the launch's FHIR base (C140). Log lines only
contain resource types, counts and hosts.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from itertools import chain, pairwise
from math import ceil
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from smartapp import http
from smartapp.chart.computing import computed
from smartapp.protocol.errors import (
    EHRResponseTooLarge,
    EHRUnavailable,
    FHIRError,
    FHIRForbidden,
    FHIRResponseInvalid,
    FHIRUnauthorized,
)
from smartapp.protocol.fhir import (
    Bundle,
    challenge_words,
    error_words,
    is_below_base,
    parse_binary,
    parse_bundle,
    parse_resource,
    patient_of,
)
from smartapp.protocol.retry_after import retry_after_seconds
from smartapp.record.elements import Resource, mapping
from smartapp.record.marks import withheld_words
from smartapp.record.moments import parse_moment
from smartapp.record.texts import text

T = TypeVar("T")

logger = logging.getLogger(__name__)

PAGE_SIZE = 200
# If those are too large, because of documents or pictures inside of the entries.
SMALL_PAGE_SIZE = 20
MAX_PAGES = 20
MAX_RESOURCES = 5_000
MAX_DOCUMENT_BYTES = 24 * 1024 * 1024
DOCUMENT_SECONDS = 20.0
# If the entries are sorted by date, only so many of the newest are read; the rest is old.
WINDOW = 1_000
MAX_ANSWER_BYTES = 4 * 1024 * 1024
# The limit for all reads of one page together. Parsed, it takes eight times as much memory.
MAX_BYTES_OF_A_PAGE = 12 * 1024 * 1024
# Larger bodies are parsed in a thread, so that this process can serve its keys meanwhile.
INLINE_BYTES = 32 * 1024
SEARCH_SECONDS = 15.0
READ_SECONDS = 10.0
DEFAULT_RETRY_AFTER_SECONDS = 60
LONGEST_RETRY_AFTER_SECONDS = 3600
# athena's searches name the practice (C108, T); only a value of this form is ever sent.
_PRACTICE = re.compile(r"(?:Organization/)?(a-\d+\.Practice-\d+)")

OF_ANOTHER_KIND = (
    "The EHR also sent entries of another kind than was asked for; they are not shown."
)

# The dates by which `date` and similar parameters sort.
_DATES = (
    "effectiveDateTime", "occurrenceDateTime", "authoredOn", "recordedDate", "performedDateTime",
)  # fmt: skip


class Access(Protocol):
    """A launch's access to its EHR, which `launches` provides for the chart."""

    fhir_base_url: str

    async def access_token(self) -> str:
        """Return a token that has not expired."""

    async def renewed_access_token(self, rejected: str) -> str:
        """Return another token after the EHR answered 401 to this one (C141)."""


class ReadRefused(FHIRError):
    """The EHR answered a read with an error; `said` is its text, safe for the page (C142)."""


class ReadForbidden(ReadRefused, FHIRForbidden):
    """403, or a 401 that names a missing scope: the token is valid, but the resource is closed. A
    refresh would not help (C141)."""


class ReadThrottled(FHIRError):
    """429 or 503: the EHR asks for a pause (C144)."""

    def __init__(self, detail: str, *, wait_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after = float(wait_seconds)


@dataclass(slots=True)
class Found:
    """The result of a search: this patient's resources, and how many were left out and why.

    `foreign` is the number of resources about other patients, `unattributed` of those that do not
    say whom they are about. `total` is the EHR's count of all resources, of which it sent `given`.
    `included` are additional resources, by relative reference.
    """

    resources: list[Resource] = field(default_factory=list)
    included: dict[str, Resource] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    foreign: int = 0
    unattributed: int = 0
    given: int = 0
    total: int | None = None
    is_cut: bool = False
    # Where more is, outside the base, and the error that kept a later page from being read.
    elsewhere: str = ""
    failed: FHIRError | EHRUnavailable | None = None
    # The places in `resources`, by id; a resource that was left out has none of its own there.
    _places: dict[str, int] = field(default_factory=dict)

    def add(
        self, bundle: Bundle, resource_type: str, record: "Record", *, takes_others: bool
    ) -> None:
        """Add a page of results, without resources that are about another patient or do not say
        whom they are about (C143).

        Servers may repeat an entry on the next page, and include resources of other types. If the
        search did not ask for any (`takes_others`), a note says that they came: a list that holds
        nothing else is not empty. A server that sends an entry twice on one page counts it twice;
        one that repeats it on the next page may have left out another.
        """
        earlier = frozenset(self._places)
        for resource in chain(bundle.resources, bundle.included):
            resource_id = text(resource.get("id"))
            if resource["resourceType"] != resource_type:
                self.included[f"{resource['resourceType']}/{resource_id}"] = resource
                continue
            self.given += not resource_id or resource_id not in earlier
            if not resource_id or resource_id not in self._places:
                self._places[resource_id] = len(self.resources)
                self._sort_in(resource, record)
            else:
                self._keep_the_newer(resource, record)
        self.notes += bundle.notes
        self.notes += [f"{words[:1].upper()}{words[1:]}." for words in withheld_words(bundle.meta)]
        if not takes_others and any(r["resourceType"] != resource_type for r in bundle.resources):
            self.notes.append(OF_ANOTHER_KIND)
        self.elsewhere = bundle.elsewhere
        self.total = self.total if bundle.total is None else bundle.total

    def join(self, other: "Found") -> None:
        """Add what another search for the same type found, each resource once."""
        new = [one for one in other.resources if text(one.get("id")) not in self._places]
        self.resources += new
        self._places = other._places | self._places
        self.included |= other.included
        self.notes += other.notes
        self.foreign += other.foreign
        self.unattributed += other.unattributed
        self.is_cut = self.is_cut or other.is_cut
        self.elsewhere = self.elsewhere or other.elsewhere
        self.failed = self.failed or other.failed
        self.given += other.given
        if other.total is not None:
            self.total = other.total + (self.total or 0)

    def _sort_in(self, resource: Resource, record: "Record") -> None:
        patient = patient_of(resource, fhir_base_url=record.fhir_base_url)
        if patient is None:
            self.unattributed += 1
        elif patient != record.patient:
            self.foreign += 1
        elif len(self.resources) < MAX_RESOURCES:
            self.resources.append(resource)
        else:
            self.is_cut = True

    def _keep_the_newer(self, resource: Resource, record: "Record") -> None:
        """Put a later version of an entry into the place of the one that is here: it may have been
        corrected while its pages were read, or the server sends its history."""
        place = self._places[text(resource["id"])]
        is_ours = patient_of(resource, fhir_base_url=record.fhir_base_url) == record.patient
        for known in self.resources[place : place + 1]:
            is_one = known.get("id") == resource["id"]
            if is_one and is_ours and _version(resource) > _version(known):
                self.resources[place] = resource

    @property
    def is_short(self) -> bool:
        """Whether the EHR counts more than it gave, and all of that was read."""
        return not self.is_cut and self.total is not None and self.total > self.given

    @property
    def is_newest_first(self) -> bool:
        """Whether the newest came first, as requested: a server may ignore a sort that it does not
        support."""
        days = [day for day in map(_day, self.resources) if day]
        return bool(days) and all(a >= b for a, b in pairwise(days))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to the EHR, without its token. `seconds` is its time limit."""

    url: str
    seconds: float
    accept: str
    max_bytes: int


class Record:
    """The record of one patient at one EHR, while one page is read."""

    def __init__(self, access: Access, *, patient: str, extras: Mapping[str, Any]) -> None:
        self.patient = patient
        self.fhir_base_url = access.fhir_base_url
        self._access = access
        self._access_token = ""
        self._bytes = 0
        self._renewing = asyncio.Lock()
        self._practice = _practice(extras)

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        """Return one resource. Raises WrongPatient if the EHR answers with another id (C101)."""
        url = f"{self._base}/{resource_type}/{resource_id}"
        body = await self._get(url, READ_SECONDS)
        parse = partial(parse_resource, resource_type=resource_type, id=resource_id)
        return await self._parsed(body, parse)

    async def content(self, url: str, content_type: str) -> bytes:
        """Return the bytes of an attachment, sent either directly or in a Binary resource (FHIR R4,
        Binary). Raises FHIRResponseInvalid for an address outside the FHIR base."""
        address = url if "://" in url else f"{self._base}/{url}"
        accept = f"{content_type}, application/fhir+json;q=0.5"
        body = await self._get(
            address, DOCUMENT_SECONDS, accept=accept, max_bytes=MAX_DOCUMENT_BYTES
        )
        return parse_binary(body)

    async def _parsed(self, body: bytes, parse: Callable[[bytes], T]) -> T:
        """Return the parsed body. Raises EHRResponseTooLarge if this page's reads together brought
        more than a page can hold."""
        self._bytes += len(body)
        if self._bytes > MAX_BYTES_OF_A_PAGE:
            raise EHRResponseTooLarge("the reads of one page brought too much", sent=True)
        return await computed(parse, body) if len(body) > INLINE_BYTES else parse(body)

    async def search(self, resource_type: str, parameters: Mapping[str, str]) -> Found:
        """Return this patient's resources from all pages of results, within the limits."""
        found = Found()
        url = self._search_url(resource_type, parameters)
        asked = set[str]()
        deadline = _clock() + SEARCH_SECONDS
        for page in range(MAX_PAGES):
            seconds = deadline - _clock()
            if seconds <= 0:
                break
            try:
                bundle = await self._page(url, seconds)
            except FHIRUnauthorized:
                raise
            except (FHIRError, EHRUnavailable) as error:
                if page == 0:
                    return await self._in_small_pages(resource_type, parameters, error)
                found.failed = error  # what was read before is still valid
                break
            found.add(bundle, resource_type, self, takes_others="_include" in parameters)
            if bundle.next_url is None or found.is_cut:
                return found
            asked.add(url)
            is_enough = len(found.resources) >= WINDOW and found.is_newest_first
            if is_enough or bundle.next_url in asked:  # some EHRs name the same page for ever
                break
            url = bundle.next_url
        found.is_cut = True
        return found

    async def _in_small_pages(
        self, resource_type: str, parameters: Mapping[str, str], error: Exception
    ) -> Found:
        """Return what the search finds in small pages, if those that were asked for are too large.
        Raises the error if it is another one, or if the EHR chooses the size."""
        small = {**parameters, "_count": str(SMALL_PAGE_SIZE)}
        is_too_large = isinstance(error, EHRResponseTooLarge)
        if not is_too_large or "_count" not in parameters or small == parameters:
            raise error
        return await self.search(resource_type, small)

    async def read_several(self, resource_type: str, ids: Collection[str]) -> list[Resource]:
        """Return the resources with these ids that one search brings (FHIR R4, _id). They may be
        about anybody; the caller must check whom they are about."""
        query = {"_id": ",".join(ids), "_count": str(PAGE_SIZE)}
        bundle = await self._page(self._address(resource_type, query), READ_SECONDS)
        return [
            one
            for one in (*bundle.resources, *bundle.included)
            if one["resourceType"] == resource_type and text(one.get("id")) in ids
        ]

    @property
    def _base(self) -> str:
        return self.fhir_base_url.removesuffix("/")

    def _search_url(self, resource_type: str, parameters: Mapping[str, str]) -> str:
        return self._address(resource_type, {"patient": self.patient, **parameters})

    def _address(self, resource_type: str, query: Mapping[str, str]) -> str:
        practice = {"ah-practice": f"Organization/{self._practice}"} if self._practice else {}
        # athena does not accept a percent-encoded slash in its practice (C108, T).
        return f"{self._base}/{resource_type}?{urlencode({**query, **practice}, safe='/')}"

    async def _page(self, url: str, seconds: float) -> Bundle:
        body = await self._get(url, seconds)
        parse = partial(parse_bundle, fhir_base_url=self.fhir_base_url, url=url)
        return await self._parsed(body, parse)

    async def _get(
        self,
        url: str,
        seconds: float,
        *,
        accept: str = "application/fhir+json",
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        """Return the body of a 2xx answer. After a 401 the token is renewed once (C141)."""
        if not is_below_base(url, self.fhir_base_url):
            raise FHIRResponseInvalid("a URL outside the FHIR base; no token is sent there")
        asked = _Asked(url, seconds, accept, max_bytes)
        token = self._access_token or await self._access.access_token()
        self._access_token = token
        response = await _send(asked, token)
        if _is_of_the_token(response):
            response = await _send(asked, await self._renewed(token))
        if _is_of_the_token(response):
            said = challenge_words(response.headers.get("WWW-Authenticate"))
            raise FHIRUnauthorized("401 again with a renewed access token", said=said)
        if not 200 <= response.status < 300:
            raise _refusal(response)
        return response.body

    async def _renewed(self, rejected: str) -> str:
        """Return another token. Of parallel reads only the first one that is refused asks for
        it."""
        async with self._renewing:
            if self._access_token == rejected:
                self._access_token = await self._access.renewed_access_token(rejected)
            return self._access_token


async def _send(asked: _Asked, token: str) -> http.Response:
    return await http.get(
        asked.url,
        headers={"Authorization": f"Bearer {token}", "Accept": asked.accept},
        max_bytes=asked.max_bytes,
        timeout_seconds=asked.seconds,
    )


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _version(resource: Resource) -> tuple[float, int]:
    """Return a sort key by which a later version of a resource comes after an earlier one (FHIR R4,
    Resource.meta)."""
    meta = mapping(resource.get("meta"))
    stored, version = parse_moment(meta.get("lastUpdated")), text(meta.get("versionId"))
    at = stored.at.timestamp() if stored and stored.is_readable else 0.0
    return at, int(version) if version.isascii() and version.isdecimal() else 0


def _day(resource: Resource) -> str:
    """Return the day by which a search sorts its resources; "" if there is none."""
    period = resource.get("effectivePeriod") or resource.get("period")
    dates = (resource.get(name) for name in _DATES)
    start = period.get("start") if isinstance(period, dict) else None
    found = next((date for date in (*dates, start) if isinstance(date, str)), "")
    return found[:10]


def _practice(extras: Mapping[str, Any]) -> str:
    match = _PRACTICE.fullmatch(text(extras.get("ah_practice")))
    return match[1] if match else ""


def _is_of_the_token(response: http.Response) -> bool:
    """Return whether the EHR does not accept the token. Some answer 401 for a missing scope, which
    a new token lacks too; it should be 403 (RFC 6750 §3.1)."""
    return response.status == HTTPStatus.UNAUTHORIZED and not _lacks_scope(response)


def _lacks_scope(response: http.Response) -> bool:
    return "insufficient_scope" in response.headers.get("WWW-Authenticate", "")


def _refusal(response: http.Response) -> FHIRError:
    # The EHR's text may name a diagnosis: the page shows it, and the log only gets the status.
    said = error_words(response.headers.get("Content-Type"), response.body)
    detail = f"the EHR answered {response.status}"
    if response.status == HTTPStatus.FORBIDDEN or _lacks_scope(response):
        return ReadForbidden(detail, http_status=response.status, said=said)
    if response.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return ReadThrottled(detail, wait_seconds=_retry_after(response))
    return ReadRefused(detail, http_status=response.status, said=said)


def _retry_after(response: http.Response) -> int:
    """Return the seconds to wait; athena counts by the minute and does not say so (C144)."""
    value, now = response.headers.get("Retry-After"), datetime.now(UTC)
    seconds = retry_after_seconds(value, now=now, longest=LONGEST_RETRY_AFTER_SECONDS)
    return DEFAULT_RETRY_AFTER_SECONDS if seconds is None else max(1, ceil(seconds))
