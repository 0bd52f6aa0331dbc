"""The app over real HTTP, registered at the scripted EHR."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import aiohttp
import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from smartapp import shared_cache
from smartapp.audit.models import AuditEvent, ChainEnd
from smartapp.brands.folding import indexed_words, sort_key
from smartapp.brands.models import Brand, BrandAddress, BrandEndpoint
from smartapp.database import close_thread_connections, in_database, insert
from smartapp.exchange import token_budget
from smartapp.keys import key_creation, memory
from smartapp.keys.models import KeySet, SigningKey
from smartapp.launches import events
from smartapp.launches.models import Launch
from smartapp.registrations import discovery, registry
from smartapp.registrations.models import Endpoint, Registration
from tests import key_pool
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR
from tests.secrecy import all_logs, assert_kept_secret
from tests.serving import free_port, served

SCOPE = (
    "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs "
    "patient/Condition.rs patient/MedicationRequest.rs patient/AllergyIntolerance.rs"
)


@dataclass
class Browser:
    """One browser: a cookie jar, no automatic redirects unless asked."""

    http: aiohttp.ClientSession
    app: str

    async def get(self, url: str, **options: object) -> aiohttp.ClientResponse:
        url = url if url.startswith("http") else self.app + url
        response = await self.http.get(url, allow_redirects=False, **options)  # type: ignore[arg-type]
        await response.read()
        return response

    async def to_callback(self, start: str) -> str:
        """Start a launch, let the EHR answer, and return the callback's URL without going there."""
        started = await self.get(start)
        assert started.status == 302, await started.text()
        answered = await self.get(started.headers["Location"])
        assert answered.status == 302, await answered.text()
        return answered.headers["Location"]

    async def launch(self, start: str) -> UUID:
        """Launch to the end and return the launch's uuid."""
        finished = await self.get(await self.to_callback(start))
        assert finished.status == 303, await finished.text()
        return UUID(finished.headers["Location"].split("/")[2])


@pytest.fixture
def no_background_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are read again every ten seconds, the registrations looked at every half, timelines
    written every five, all off the request's path: not in a test that counts."""

    async def never() -> None:
        """Not even the first time, which may come late on a busy machine."""

    monkeypatch.setattr("smartapp.keys.memory.keep_fresh", never)
    monkeypatch.setattr("smartapp.registrations.registry.keep_current", never)
    monkeypatch.setattr("smartapp.registrations.registry.look", never)
    monkeypatch.setattr("smartapp.registrations.registry.BELIEVED_SECONDS", 3600)
    monkeypatch.setattr("smartapp.launches.events.FLUSH_SECONDS", 3600)


@pytest.fixture
def registered(transactional_db: None, settings: Settings, ehr: ScriptedEHR) -> Iterator[Endpoint]:
    """The scripted EHR as an administrator would have registered it."""
    events.forget()  # what tests without a database have noted
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
    ehr.client_jwks_url = f"{settings.PUBLIC_URL}/.well-known/jwks/scripted.json"
    now = timezone.now()
    key_set = _key_set(now)
    registration = _stored(
        Registration(
            slug="scripted", name="Scripted EHR", client_id=CLIENT_ID, key_set=key_set,
            scope=SCOPE, standalone_scope=SCOPE.replace("launch ", "launch/patient ", 1),
            created_at=now, updated_at=now,
        )
    )  # fmt: skip
    endpoint = _stored(
        Endpoint(
            registration=registration, slug="scripted", name="Scripted Hospital",
            fhir_base_url=ehr.fhir_base_url, iss=ehr.fhir_base_url, issuers=[ehr.issuer],
            pinned_hosts=[urlsplit(ehr.base).netloc], created_at=now, updated_at=now,
        )
    )  # fmt: skip
    # As `brands.own` does when an endpoint is saved.
    address = _stored(BrandAddress(lookup=endpoint.iss, url=endpoint.fhir_base_url))
    brand = _stored(
        Brand(
            key=f"endpoint:{endpoint.pk}", name=endpoint.name, sort_key=sort_key(endpoint.name),
            name_words=" ".join(indexed_words(endpoint.name)),
            other_words=" ".join(indexed_words(registration.name)), offered=True,
        )
    )  # fmt: skip
    _stored(BrandEndpoint(brand=brand, address=address))
    with all_logs() as keeper:
        yield endpoint
    assert_kept_secret(ehr, keeper)
    registry.forget()
    discovery.forget()
    memory.forget()
    events.forget()
    token_budget.forget()
    shared_cache.forget()
    close_thread_connections()


Row = TypeVar("Row", bound=Model)
_primary_keys = itertools.count(1_000_000)  # which no database gives by itself in a test


def _stored(row: Row) -> Row:
    """Store a row without signals, which ask more than a launch does."""
    row.pk = next(_primary_keys)
    insert(type(row), **_values(row))
    return row


_key_sets: dict[str, tuple[datetime, list[tuple[type[Model], dict[str, Any]]]]] = {}
"""For each ring: when the key set was created that it seals, and its rows."""


def _key_set(now: datetime) -> KeySet:
    """Return the key set `scripted`, as if it were created now.

    To create it takes longer than many tests, so a process creates it once and repeats its rows.
    What the audit trail says stays as it is.
    """
    ring = str(settings.ENCRYPTION_KEYS)
    if AuditEvent.objects.exists() or KeySet.objects.exists():
        return key_creation.create_key_set("scripted", now=now)
    if ring not in _key_sets:
        with key_pool.set_aside():
            made = key_creation.create_key_set("scripted", now=now)
        tables: tuple[type[Model], ...] = (KeySet, SigningKey, AuditEvent, ChainEnd)
        rows = [(table, _values(row)) for table in tables for row in table._default_manager.all()]
        _key_sets[ring] = now, rows
        return made
    created_at, rows = _key_sets[ring]
    with transaction.atomic():
        for model, values in rows:
            later = values if model in (AuditEvent, ChainEnd) else _later(values, now - created_at)
            insert(model, **later)
    return KeySet.objects.get()


def _values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _later(values: dict[str, Any], span: timedelta) -> dict[str, Any]:
    return {
        name: value + span if isinstance(value, datetime) else value
        for name, value in values.items()
    }


@pytest.fixture
def app(registered: Endpoint, settings: Settings) -> Iterator[str]:
    with served(int(settings.PUBLIC_URL.rpartition(":")[2])) as origin:
        yield origin


@pytest.fixture
async def browser(app: str) -> AsyncIterator[Browser]:
    async with new_browser(app) as one:
        yield one


class new_browser:
    """A browser of its own, with an empty cookie jar."""

    def __init__(self, app: str, **headers: str) -> None:
        self._app, self._headers = app, headers

    async def __aenter__(self) -> Browser:
        jar = aiohttp.CookieJar(unsafe=True)
        self._http = aiohttp.ClientSession(cookie_jar=jar, headers=self._headers)
        return Browser(self._http, self._app)

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()


@pytest.fixture
def ehr_launch(ehr: ScriptedEHR) -> Callable[[], str]:
    return lambda: f"/launch?iss={ehr.fhir_base_url}&launch=CANARY-launch"


@pytest.fixture
async def expired(browser: Browser, ehr_launch: Callable[[], str]) -> UUID:
    """A launch whose access token has run out: its next page asks for another."""
    uuid = await browser.launch(ehr_launch())
    await expire(uuid)
    return uuid


async def expire(uuid: UUID) -> None:
    """Make the access token one that has run out, as this app knows it."""
    past = timezone.now() - timedelta(minutes=1)
    await in_database(Launch.objects.filter(uuid=uuid).update, access_token_expires_at=past)


async def row(uuid: UUID) -> Launch:
    return await in_database(Launch.objects.get, uuid=uuid)


async def until(it_is_so: Callable[[], object]) -> None:
    """Wait until this returns something true; it may ask the database."""
    for _ in range(400):
        if await in_database(it_is_so):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")


async def asked_for_tokens(ehr: ScriptedEHR, times: int) -> None:
    """Wait until the EHR has got so many token requests."""
    await until(lambda: len(ehr.token_requests) >= times)


async def leave_during_token_request(browser: Browser, ehr: ScriptedEHR, url: str) -> None:
    """Request that page and leave as soon as the EHR has got the token request, which it must not
    answer at once (`ehr.token_delay`)."""
    times = len(ehr.token_requests) + 1
    request = asyncio.create_task(browser.get(url))
    await asked_for_tokens(ehr, times)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


def refreshes(ehr: ScriptedEHR) -> list[dict[str, str]]:
    return [one for one in ehr.token_requests if one["grant_type"] == "refresh_token"]


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)
