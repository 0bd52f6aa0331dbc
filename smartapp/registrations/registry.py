"""What a launch needs to know about an endpoint and its registration, as one frozen value.

No ORM object leaves this file, so async code can never trigger a query by reading an attribute. An
endpoint that was found stays in memory until something changes, which is checked twice a second, so
a warm launch makes no query here. A miss always makes a query, so that an endpoint that was
registered a moment ago can launch at once. No function here opens a socket, whatever `iss` a
stranger sends (C7, T1).
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
from smartapp.keys import memory, public
from smartapp.logs import Failures
from smartapp.protocol.discovery import discovery_url
from smartapp.protocol.errors import (
    ClientKeyError,
    ClientKeyUnopened,
    EndpointDisabled,
    StateOfAnotherRegistration,
    UnknownEndpoint,
)
from smartapp.protocol.scopes import parse_scopes
from smartapp.protocol.urls import base_key, host_of, without_trailing_slash
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
    """An endpoint with its registration and options, as they were in the database a moment ago."""

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
    refused_hosts: frozenset[str] = frozenset()
    # Addresses that an administrator has overridden: member and URL (C10, C91).
    overrides: Overrides = ()

    @property
    def discovery_url(self) -> str:
        """The address of the SMART configuration (C10)."""
        published_at = discovery_url(self.fhir_base_url)
        return self.override(Member.SMART_CONFIGURATION) or published_at

    def override(self, member: str) -> str | None:
        """Return the address that replaces the published one, if there is one."""
        return dict(self.overrides).get(member)

    @property
    def accepted_hosts(self) -> frozenset[str]:
        """The hosts that people and codes may be sent to (C14): those that are pinned, and those of
        the overrides, because whoever entered an address has accepted its host."""
        return self.pinned_hosts | {host_of(url) for _, url in self.overrides}

    @property
    def issuer_hosts(self) -> frozenset[str]:
        """The hosts of the expected issuers: whoever entered an issuer has accepted its host."""
        return frozenset(map(host_of, self.issuers))

    @property
    def opens_from_ehr(self) -> bool:
        """Whether EHR launches use this endpoint: not if the registration is for patients only."""
        return validation.opens_from_ehr(self.scope)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that are asked for, in EHR launches or standalone, each once."""
        return parse_scopes(f"{self.scope} {self.standalone_scope}")

    @property
    def takes_pkce_unannounced(self) -> bool:
        """Whether launches are possible although the EHR lists no PKCE. Only with a second
        protection against stolen codes: the nonce, and a client that authenticates (RFC 9700
        §2.1.1)."""
        return bool(self.pkce_unannounced) and not validation.pkce_refusal(
            self.auth_method, self.scope, self.standalone_scope
        )

    def patients_aud(self, pasted: str) -> str:
        """Return the base URL that a patient's launch names: the one that the vendor publishes. At
        the public launcher it has settings in it, those of `pasted` if that is a base URL of this
        launcher. Raises UnknownEndpoint if it is not."""
        if pasted:
            if not self.answers_for(pasted):
                raise UnknownEndpoint(f"what was pasted is no base of {self.slug}")
            return pasted
        if presets.of(self.preset).is_smart_launcher:
            return smart_launcher.patients_base(self)
        base = self.fhir_base_url
        return without_trailing_slash(base) if self.aud_without_slash else base

    def answers_for(self, fhir_base_url: str) -> bool:
        """Return whether this is the public launcher's endpoint and `fhir_base_url` one of its base
        URLs with settings."""
        try:
            plain = normalised_iss(smart_launcher.plain_base(fhir_base_url))
            return (
                presets.of(self.preset).is_smart_launcher
                and plain != normalised_iss(fhir_base_url)
                and plain == normalised_iss(self.fhir_base_url)
            )
        except ValueError:
            return False

    @property
    def redirect_uri(self) -> str:
        """One for each registration, so that a code of one EHR never reaches another (C4)."""
        return f"{settings.PUBLIC_URL}/callback/{self.registration_slug}/"

    @property
    def launch_url(self) -> str:
        return f"{settings.PUBLIC_URL}/launch"

    @property
    def jwks_url(self) -> str:
        return public.jwks_url(self.key_set_slug)


def post_logout_redirect_uri() -> str:
    """Return the page to which an EHR sends people who have signed out there; one for all EHRs
    (C134)."""
    return f"{settings.PUBLIC_URL}/signed-out/"


def normalised_iss(fhir_base_url: str) -> str:
    """Return the URL in the form that lookups compare (C8), or its digest if it is too long for a
    database index. Raises ValueError if it is no base URL."""
    key = base_key(fhir_base_url)
    if len(key) <= MAX_KEY_CHARACTERS:
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def opened_instead(endpoint: Endpoint) -> Endpoint | None:
    """Return the other enabled endpoint that receives the EHR launches of this one's base URL,
    whatever its spelling (C7)."""
    try:
        iss = normalised_iss(endpoint.fhir_base_url)
    except ValueError:  # no address, which is reported elsewhere
        return None
    others = Endpoint.objects.filter(iss=iss, enabled=True, opens_from_ehr=True)
    return others.exclude(pk=endpoint.pk).first()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The endpoints that were read since the registrations last changed. Any change replaces the
    whole object. Only found endpoints are kept, so strangers cannot fill it."""

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
    """The registrations have changed since this was read: read it again and start over."""


def forget() -> None:
    """Forget what this process has in memory, after an administrator changed something."""
    global _snapshot
    _snapshot = _NOTHING


def refuse_outdated(config: EndpointConfig) -> None:
    """Raise Outdated if this endpoint is no longer the one in memory or anything has changed.
    Called inside the database work that relies on the endpoint."""
    snapshot = _snapshot
    is_remembered = snapshot.configs.get(("pk", config.endpoint_id)) is config
    if not is_remembered or changes.version() != snapshot.version:
        raise Outdated


async def look() -> None:
    """Check whether anything has changed. Raises django.db.Error."""
    _seen(await in_database(changes.version))


async def keep_current() -> None:
    """Check again and again: an administrator's change takes effect within a second in each
    process. While the database is away, what is in memory stays in use."""
    failures = Failures(logger, "registrations not looked at, what was known stays")
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        before = _snapshot.version
        try:
            await look()
            failures.worked()
        except Exception as error:
            # Whatever the error is, it must not end this task.
            failures.failed(cause(error))
        if before not in ("", _snapshot.version):
            memory.refresh_soon()


def _seen(version: str) -> None:
    global _snapshot, _looked_at
    _looked_at = time.monotonic()
    if version != _snapshot.version:
        _snapshot = _Snapshot(version)


async def _remembered(kind: str, name: str | int, **lookup: str | int | bool) -> EndpointConfig:
    """Return the endpoint from memory, or read it, so that a newly registered one can launch at
    once. If `keep_current` does not run, as in commands, memory is checked after
    BELIEVED_SECONDS."""
    if time.monotonic() - _looked_at > BELIEVED_SECONDS:
        await look()
    found = _snapshot.configs.get((kind, name))
    if found is not None:
        return found
    version, config = await in_database(_read, **lookup)
    _seen(version)
    return _snapshot.keep(config)


def _read(**lookup: str | int | bool) -> tuple[str, EndpointConfig]:
    """Read the version first: a change in between is then read again and never missed."""
    return changes.version(), _load(**lookup)


async def endpoint_for_iss(iss: str) -> EndpointConfig:
    """Return the enabled endpoint for EHR launches whose FHIR base URL is `iss`, in any spelling.
    Raises UnknownEndpoint otherwise (C7). At the public launcher the endpoint of the plain base URL
    serves every settings code."""
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
    if not presets.of(config.preset).is_smart_launcher:
        raise UnknownEndpoint("no enabled endpoint of an enabled registration")
    return config


async def endpoint_for_slug(slug: str) -> EndpointConfig:
    """Return the enabled endpoint with this slug. Raises UnknownEndpoint otherwise."""
    return await _remembered("slug", slug, slug=slug)


async def endpoint_for_callback(endpoint_id: int, registration_slug: str) -> EndpointConfig:
    """Return the endpoint that a launch was started with, as it was a moment ago. The caller must
    use `refuse_outdated` in the transaction in which the launch begins.

    Raises EndpointDisabled if it was disabled meanwhile, StateOfAnotherRegistration if the EHR's
    answer came back on the redirect URI of another registration (C4, C50).
    """
    try:
        config = await _remembered("pk", endpoint_id, pk=endpoint_id)
    except UnknownEndpoint as error:
        raise EndpointDisabled(error.detail) from error
    if config.registration_slug != registration_slug:
        raise StateOfAnotherRegistration(f"started with registration {config.registration_slug}")
    return config


async def endpoint_now(endpoint_id: int, registration_slug: str) -> EndpointConfig:
    """Return the same as the database has it now."""
    await look()
    return await endpoint_for_callback(endpoint_id, registration_slug)


async def endpoint_for_backend(registration_slug: str) -> EndpointConfig:
    """Return the endpoint of an enabled 2-legged registration. Raises UnknownEndpoint otherwise."""
    return await in_database(_backend, registration_slug)


async def frame_ancestors(registration_slug: str) -> tuple[str, ...]:
    """Return the origins that may frame the pages of an enabled registration (C150); none for any
    other."""
    return await in_database(_frame_ancestors, registration_slug)


async def only_endpoint(registration_slug: str) -> EndpointConfig | None:
    """Return the endpoint of an enabled registration that has only one, without its client secret;
    None otherwise."""
    return await in_database(_only_endpoint, registration_slug)


async def all_endpoints() -> tuple[EndpointConfig, ...]:
    """Return every enabled endpoint, without its client secret, for the periodic work and the
    doctor."""
    return await in_database(_all)


def load(endpoint: Endpoint, overrides: Overrides | None = None) -> EndpointConfig:
    """Return the frozen value of a row that was read with its registration and key set, and perhaps
    its overrides.

    Raises ClientKeyError if the client secret is needed and cannot be decrypted, ClientKeyUnopened
    if another process may be able to.
    """
    described = describe(endpoint, overrides)
    return replace(described, client_secret=_client_secret(endpoint.registration))


def describe(endpoint: Endpoint, overrides: Overrides | None = None) -> EndpointConfig:
    """Return the same without the client secret, for uses that never authenticate: lists, sheets,
    discovery. They work even if the secret cannot be decrypted."""
    registration = endpoint.registration
    values = options.values(registration)
    # A setting for one EHR takes precedence over that for the whole registration.
    values["pkce_unannounced"] = endpoint.pkce_unannounced or values["pkce_unannounced"]
    return EndpointConfig(
        **values,
        endpoint_id=endpoint.pk,
        slug=endpoint.slug,
        name=endpoint.name,
        fhir_base_url=endpoint.fhir_base_url,
        issuers=tuple(endpoint.issuers),
        pinned_hosts=frozenset(endpoint.pinned_hosts),
        refused_hosts=frozenset(endpoint.refused_hosts),
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
    """Return no overrides for an endpoint that is not stored yet."""
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
        is_key_missing = isinstance(error, vault.KeyMissing)
        raise (ClientKeyUnopened if is_key_missing else ClientKeyError)(detail) from error


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
    """Return the first endpoint, in one query because a warm launch's queries are counted. The join
    has a row for each override, or one row without any."""
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


def _all() -> tuple[EndpointConfig, ...]:
    return tuple(map(describe, _enabled.prefetch_related("overrides")))
