"""What a launch needs to know of an endpoint and its registration, as one frozen value.

No ORM object leaves this file, so async code can never trigger a query by reading an attribute.
An endpoint that was found is remembered until anything changes, which is looked for twice a second:
a warm launch asks the database nothing. A miss always asks, so that an endpoint registered a moment
ago can launch at once; and no function here opens a socket, whatever `iss` a stranger sends (C7,
T1).
"""

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet

from smartapp import vault
from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.keys import memory
from smartapp.protocol.discovery import discovery_url
from smartapp.protocol.errors import ClientKeyError, StateOfAnotherRegistration, UnknownEndpoint
from smartapp.protocol.urls import base_key, without_trailing_slash
from smartapp.registrations import changes, options, presets, smart_launcher, validation
from smartapp.registrations.models import Endpoint, Member, Registration
from smartapp.registrations.options import AuthMethod, OptionValues

SECONDS_BETWEEN_LOOKS = 0.5
BELIEVED_SECONDS = 1.0
MAX_KEY_CHARACTERS = 500

logger = logging.getLogger(__name__)

Overrides = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig(OptionValues):
    """An endpoint with its registration and that one's options, as the database had them a
    moment ago."""

    endpoint_id: int
    slug: str
    name: str
    fhir_base_url: str
    issuers: tuple[str, ...]
    pinned_hosts: frozenset[str]
    registration_id: int
    registration_slug: str
    registration_name: str
    client_secret: str = field(repr=False)
    key_set_slug: str
    preset: str
    updated_at: datetime
    # Addresses that an administrator knows better than discovery: member and URL (C10, C91).
    overrides: Overrides = ()

    @property
    def discovery_url(self) -> str:
        """Where the SMART configuration is read (C10)."""
        published_at = discovery_url(self.fhir_base_url)
        return self.override(Member.SMART_CONFIGURATION) or published_at

    def override(self, member: str) -> str | None:
        """Return the address that is used in place of the published one, if there is one."""
        return dict(self.overrides).get(member)

    @property
    def opens_from_ehr(self) -> bool:
        """Whether EHR launches lead here: not where the registration is for patients only."""
        return validation.opens_from_ehr(self.scope)

    @property
    def takes_pkce_unannounced(self) -> bool:
        """Whether launches go on although the EHR lists no PKCE. Never without a second defence
        against stolen codes: the nonce, and a client that proves itself (RFC 9700 §2.1.1)."""
        return bool(self.pkce_unannounced) and not validation.pkce_refusal(
            self.auth_method, self.scope, self.standalone_scope
        )

    def patients_aud(self, pasted: str) -> str:
        """Return the base that a patient's launch names: as the vendor publishes it; for the public
        launcher with settings in it, those of `pasted` where it is a base of this launcher.
        UnknownEndpoint for any other."""
        if pasted:
            if not self.answers_for(pasted):
                raise UnknownEndpoint(f"what was pasted is no base of {self.slug}")
            return pasted
        if presets.is_smart_launcher(self.preset):
            return smart_launcher.patients_base(self)
        base = self.fhir_base_url
        return without_trailing_slash(base) if self.aud_without_slash else base

    def answers_for(self, fhir_base_url: str) -> bool:
        """Whether this is the public launcher's endpoint, and `fhir_base_url` a base of it with
        settings."""
        try:
            plain = normalised_iss(smart_launcher.plain_base(fhir_base_url))
            return (
                presets.is_smart_launcher(self.preset)
                and plain != normalised_iss(fhir_base_url)
                and plain == normalised_iss(self.fhir_base_url)
            )
        except ValueError:
            return False

    @property
    def redirect_uri(self) -> str:
        """One per registration, so that a code of one EHR never goes to another (C4)."""
        return redirect_uri(self.registration_slug)

    @property
    def launch_url(self) -> str:
        return launch_url()

    @property
    def jwks_url(self) -> str:
        return jwks_url(self.key_set_slug)


def redirect_uri(registration_slug: str) -> str:
    return f"{settings.PUBLIC_URL}/callback/{registration_slug}/"


def post_logout_redirect_uri() -> str:
    """Where the EHR sends people back to who have signed out there; the same for all (C134)."""
    return f"{settings.PUBLIC_URL}/signed-out/"


def launch_url() -> str:
    return f"{settings.PUBLIC_URL}/launch"


def jwks_url(key_set_slug: str) -> str:
    return f"{settings.PUBLIC_URL}/.well-known/jwks/{key_set_slug}.json"


def normalised_iss(fhir_base_url: str) -> str:
    """Return the URL as look-ups compare it (C8): of one that is too long for an index of a
    database, its digest. ValueError for what is no base URL."""
    key = base_key(fhir_base_url)
    if len(key) <= MAX_KEY_CHARACTERS:
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def opened_instead(endpoint: Endpoint) -> Endpoint | None:
    """Return the other enabled endpoint to which EHR launches of this one's base lead, however the
    two are spelt (C7)."""
    try:
        iss = normalised_iss(endpoint.fhir_base_url)
    except ValueError:  # no address, which is said elsewhere
        return None
    others = Endpoint.objects.filter(iss=iss, enabled=True, opens_from_ehr=True)
    return others.exclude(pk=endpoint.pk).first()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was read of the registrations since they last changed, each endpoint when it was first
    asked for. Replaced whole when anything changes; only hits, so it cannot be filled."""

    version: str
    configs: dict[tuple[str, str | int], EndpointConfig] = field(default_factory=dict)

    def keep(self, config: EndpointConfig) -> EndpointConfig:
        if config.opens_from_ehr:
            self.configs["iss", normalised_iss(config.fhir_base_url)] = config
        self.configs["slug", config.slug] = self.configs["pk", config.endpoint_id] = config
        return config


_NOTHING = _Snapshot("")
_snapshot = _NOTHING
_looked_at = 0.0


class Outdated(Exception):
    """The registrations have changed since this was read: read it again, and begin anew."""


def forget() -> None:
    """Forget what this process remembers: after an administrator changed something."""
    global _snapshot
    _snapshot = _NOTHING


def refuse_outdated(config: EndpointConfig) -> None:
    """Database work, before that which goes on with a remembered endpoint. Raises Outdated where it
    is not as it was any more, or anything else has changed."""
    snapshot = _snapshot
    is_remembered = snapshot.configs.get(("pk", config.endpoint_id)) is config
    if not is_remembered or changes.version() != snapshot.version:
        raise Outdated


async def look() -> None:
    """See whether anything has changed. Raises django.db.Error."""
    _seen(await in_database(changes.version))


async def keep_current() -> None:
    """Look for ever: what an administrator changes counts within a second in each process. What is
    remembered stays in use while the database is away."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        before = _snapshot.version
        try:
            await look()
        except Exception as error:
            # Whatever it is: the task must not end with it.
            logger.error("registrations not looked at, what was known stays: %s", cause(error))
        if before not in ("", _snapshot.version):
            memory.refresh_soon()


def _seen(version: str) -> None:
    global _snapshot, _looked_at
    _looked_at = time.monotonic()
    if version != _snapshot.version:
        _snapshot = _Snapshot(version)


async def _remembered(kind: str, name: str | int, **lookup: str | int | bool) -> EndpointConfig:
    """Return what is remembered, or read it: an endpoint registered a moment ago can launch at
    once. Where no `keep_current` runs, as in commands, nothing is believed for longer than it."""
    if time.monotonic() - _looked_at > BELIEVED_SECONDS:
        await look()
    found = _snapshot.configs.get((kind, name))
    if found is not None:
        return found
    version, config = await in_database(_read, **lookup)
    _seen(version)
    return _snapshot.keep(config)


def _read(**lookup: str | int | bool) -> tuple[str, EndpointConfig]:
    """The version first: what changes in between is read again, never missed."""
    return changes.version(), _load(**lookup)


async def endpoint_for_iss(iss: str) -> EndpointConfig:
    """Return the enabled endpoint whose FHIR base URL is `iss`, however spelt, and to which EHR
    launches lead; UnknownEndpoint otherwise (C7). The one at the plain base of the public launcher
    answers for every code that may be in it."""
    try:
        key, plain = normalised_iss(iss), normalised_iss(smart_launcher.plain_base(iss))
    except ValueError:
        raise UnknownEndpoint("iss is not a URL that could be registered") from None
    try:
        return await _remembered("iss", key, iss=key, opens_from_ehr=True)
    except UnknownEndpoint:
        if plain == key:
            raise
    config = await _remembered("iss", plain, iss=plain, opens_from_ehr=True)
    if not presets.is_smart_launcher(config.preset):
        raise UnknownEndpoint("no enabled endpoint of an enabled registration")
    return config


async def endpoint_for_slug(slug: str) -> EndpointConfig:
    """Return the enabled endpoint of this slug; UnknownEndpoint otherwise."""
    return await _remembered("slug", slug, slug=slug)


async def endpoint_for_callback(endpoint_id: int, registration_slug: str) -> EndpointConfig:
    """Return the endpoint that a launch was started with, as it was a moment ago: who goes on with
    it asks `refuse_outdated` in the transaction in which the launch begins.

    Raises UnknownEndpoint when it was disabled meanwhile, StateOfAnotherRegistration when the
    EHR's answer came back on the redirect URI of another registration (C4, C50).
    """
    config = await _remembered("pk", endpoint_id, pk=endpoint_id)
    if config.registration_slug != registration_slug:
        raise StateOfAnotherRegistration(f"started with registration {config.registration_slug}")
    return config


async def endpoint_now(endpoint_id: int, registration_slug: str) -> EndpointConfig:
    """Return the same as the database has it now."""
    await look()
    return await endpoint_for_callback(endpoint_id, registration_slug)


async def endpoint_for_backend(registration_slug: str) -> EndpointConfig:
    """Return the endpoint of an enabled 2-legged registration; UnknownEndpoint otherwise."""
    return await in_database(_backend, registration_slug)


async def frame_ancestors(registration_slug: str) -> tuple[str, ...]:
    """Return who may frame the pages of an enabled registration (C150); nobody for another."""
    return await in_database(_frame_ancestors, registration_slug)


async def only_endpoint(registration_slug: str) -> EndpointConfig | None:
    """Return the endpoint of an enabled registration that launches at one only; None for another.
    Without its client secret."""
    return await in_database(_only_endpoint, registration_slug)


async def connectable_endpoints() -> tuple[EndpointConfig, ...]:
    """Return what a patient can choose from, by name: enabled, with scopes to ask for (C22).

    Without client secrets, as is `all_endpoints`: nobody authenticates with these.
    """
    return await in_database(_connectable)


async def all_endpoints() -> tuple[EndpointConfig, ...]:
    """Return every enabled endpoint: for the periodic work and the doctor."""
    return await in_database(_all)


def load(endpoint: Endpoint, overrides: Overrides | None = None) -> EndpointConfig:
    """Return the frozen value of a row that was read together with its registration and key set,
    and perhaps its overrides.

    Raises ClientKeyError when the client secret is needed and does not open.
    """
    described = describe(endpoint, overrides)
    return replace(described, client_secret=_client_secret(endpoint.registration))


def describe(endpoint: Endpoint, overrides: Overrides | None = None) -> EndpointConfig:
    """Return the same without the client secret, for what never authenticates: lists, sheets,
    discovery. A secret that does not open takes none of these away."""
    registration = endpoint.registration
    values = options.values(registration)
    # What is said of one EHR goes before what is said of a whole vendor.
    values["pkce_unannounced"] = endpoint.pkce_unannounced or values["pkce_unannounced"]
    return EndpointConfig(
        **values,
        endpoint_id=endpoint.pk,
        slug=endpoint.slug,
        name=endpoint.name,
        fhir_base_url=endpoint.fhir_base_url,
        issuers=tuple(endpoint.issuers),
        pinned_hosts=frozenset(endpoint.pinned_hosts),
        registration_id=registration.pk,
        registration_slug=registration.slug,
        registration_name=registration.name,
        client_secret="",
        key_set_slug=registration.key_set.slug,
        preset=registration.preset,
        updated_at=max(endpoint.updated_at, registration.updated_at),
        overrides=_overrides(endpoint) if overrides is None else overrides,
    )


def _overrides(endpoint: Endpoint) -> Overrides:
    """None for an endpoint that is not stored yet."""
    rows = endpoint.overrides.all() if endpoint.pk else ()
    return tuple((row.member, row.url) for row in rows)


def _client_secret(registration: Registration) -> str:
    if registration.auth_method != AuthMethod.CLIENT_SECRET_BASIC:
        return ""
    try:
        sealed = registration.sealed_client_secret
        return vault.unseal(sealed, registration.client_secret_context).decode()
    except vault.VaultError as error:
        detail = f"client secret of registration {registration.slug}: {error}"
        raise ClientKeyError(detail) from error


_enabled = Endpoint.objects.filter(enabled=True, registration__enabled=True).select_related(
    "registration__key_set"
)
_launchable = _enabled.filter(launchable=True)


def _load(**lookup: str | int) -> EndpointConfig:
    found = _first(_launchable.filter(**lookup))
    if found is None:
        raise UnknownEndpoint("no enabled endpoint of an enabled registration")
    return found


def _backend(registration_slug: str) -> EndpointConfig:
    found = _first(_enabled.filter(registration__slug=registration_slug, launchable=False))
    if found is None:
        raise UnknownEndpoint("no enabled 2-legged registration of this slug")
    return found


def _first(endpoints: QuerySet[Endpoint]) -> EndpointConfig | None:
    """Return the first endpoint, in one statement: a warm launch counts them. Each override is a
    row of the join, as is having none."""
    joined = endpoints.annotate(
        override_member=F("overrides__member"), override_url=F("overrides__url")
    )
    rows: list[Any] = list(joined.order_by("pk", "overrides__id"))
    if not rows:
        return None
    overrides = tuple(
        (row.override_member, row.override_url)
        for row in rows
        if row.override_member and row.pk == rows[0].pk
    )
    return load(rows[0], overrides)


def _frame_ancestors(registration_slug: str) -> tuple[str, ...]:
    registrations = Registration.objects.filter(slug=registration_slug, enabled=True)
    return tuple(registrations.values_list("frame_ancestors", flat=True).first() or ())


def _only_endpoint(registration_slug: str) -> EndpointConfig | None:
    found = list(_launchable.filter(registration__slug=registration_slug)[:2])
    return describe(found[0]) if len(found) == 1 else None


def _connectable() -> tuple[EndpointConfig, ...]:
    choices = _launchable.exclude(registration__standalone_scope="")
    return tuple(map(describe, choices.prefetch_related("overrides")))


def _all() -> tuple[EndpointConfig, ...]:
    return tuple(map(describe, _enabled.prefetch_related("overrides")))
