"""Which hosts an EHR's OAuth endpoints and keys may be on, decided once and then kept (C14).

The first discovery of an endpoint pins the hosts and the issuer that it names: an administrator
has just named this EHR. Whatever it names later waits for an administrator's yes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from smartapp.audit import trail
from smartapp.database import in_database
from smartapp.protocol import discovery
from smartapp.protocol.discovery import Discovery
from smartapp.protocol.errors import DiscoveryInvalid, SmartError
from smartapp.protocol.urls import host_of, parse_endpoint_url
from smartapp.registrations import fetching, history, issuer_conflicts, overrides, presets, registry
from smartapp.registrations.models import Endpoint, Member, Registration
from smartapp.registrations.registry import EndpointConfig


@dataclass(frozen=True, slots=True)
class Observation:
    """What an EHR names at this moment; `discovery` is what is used of it. `warnings` are sentences
    for the administrator."""

    discovery: Discovery
    issuers: tuple[str, ...]
    hosts: frozenset[str]
    warnings: tuple[str, ...]


async def observe(config: EndpointConfig) -> Observation:
    """Ask the EHR and its issuers now, keep the document, and return all hosts that they name.

    Raises EHRUnavailable or DiscoveryError; an issuer that does not answer is only a warning.
    """
    document = (await fetching.fetch_discovery(config)).value
    warnings = list(document.notes)
    issuers = config.issuers or _named_issuer(document, warnings)
    hosts = {host_of(config.fhir_base_url), *discovery.hosts(document)}
    for issuer in issuers:
        hosts.add(host_of(issuer))
        if not config.override(Member.JWKS_URI):
            hosts |= await _keys_host(issuer, document, warnings)
    used = overrides.used(config, document)
    return Observation(used, issuers, frozenset(hosts), tuple(warnings))


async def pin_first(config: EndpointConfig, *, actor: str) -> Observation:
    """Read discovery for the first time and pin what it names. Raises as `observe` does, and
    DiscoveryInvalid for the issuer of another authorization server (C5).

    Two machines may do this at once: who comes second changes nothing. Nor does what was observed
    before an administrator entered another FHIR base URL, or another place of its discovery.
    """
    observation = await observe(config)
    await in_database(_pin, config, observation, now=timezone.now(), actor=actor)
    registry.forget()
    return observation


def _locked() -> QuerySet[Endpoint]:
    locked = Endpoint.objects.select_for_update(of=("self",))
    return locked.select_related("registration__key_set")


def _place(config: EndpointConfig) -> tuple[str, str]:
    """Return which EHR was read, and where."""
    return config.fhir_base_url, config.discovery_url


@transaction.atomic
def _pin(config: EndpointConfig, observation: Observation, *, now: datetime, actor: str) -> None:
    endpoint = _locked().filter(pk=config.endpoint_id).first()
    if endpoint is None or endpoint.pinned_hosts:
        return
    if _place(registry.describe(endpoint)) != _place(config):
        return
    issuers = endpoint.issuers or observation.issuers
    token_endpoint = observation.discovery.token_endpoint
    issuer_conflicts.refuse(endpoint, issuers, [host_of(token_endpoint)] if token_endpoint else ())
    _set(endpoint, observation.hosts, issuers, now=now)
    _ask_for_what_is_listed(endpoint.registration, observation.discovery, now=now)
    trail.record(
        actor,
        "discovery.pin",
        f"endpoint {endpoint.slug}",
        hosts=endpoint.pinned_hosts,
        issuers=endpoint.issuers,
    )


def _ask_for_what_is_listed(
    registration: Registration, document: Discovery, *, now: datetime
) -> None:
    """Let the scopes grow by what the EHR lists, where they are still the preset's: what an
    administrator entered stays."""
    preset = presets.PRESETS.get(registration.preset)
    if preset is None:
        return
    usual = presets.defaults(preset)
    for name in ("scope", "standalone_scope"):
        if getattr(registration, name) == usual[name]:
            grown = presets.with_listed(usual[name], document.scopes_supported)
            setattr(registration, name, grown)
    registration.updated_at = now
    registration.save(update_fields=["scope", "standalone_scope", "updated_at"])


@transaction.atomic
def accept(endpoint_id: int, hosts: Collection[str], *, now: datetime, actor: str) -> None:
    """Pin these hosts too: an administrator has looked at them and said yes.

    Raises DiscoveryInvalid where nothing was pinned yet, which only the first look does, and for
    the issuer of another authorization server (C5).
    """
    endpoint = _locked().get(pk=endpoint_id)
    if not endpoint.pinned_hosts:
        raise DiscoveryInvalid("nothing was ever accepted here: read what the EHR publishes")
    _refuse_mixup(endpoint, moving=True)
    before = endpoint.pinned_hosts
    _set(endpoint, {*before, *hosts}, endpoint.issuers, now=now)
    trail.record(
        actor,
        "discovery.accept",
        f"endpoint {endpoint.slug}",
        before=before,
        after=endpoint.pinned_hosts,
    )
    transaction.on_commit(registry.forget)


@transaction.atomic
def distrust(endpoint_id: int, host: str, *, now: datetime, actor: str) -> bool:
    """Send nobody to this host from now on, until it is accepted again; return whether it was so.

    Nothing happens to the last one: where no host is pinned, the next look pins all.
    """
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
    before = endpoint.pinned_hosts
    if host not in before or len(before) == 1:
        return False
    _set(endpoint, set(before) - {host}, endpoint.issuers, now=now)
    trail.record(
        actor,
        "discovery.distrust",
        f"endpoint {endpoint.slug}",
        before=before,
        after=endpoint.pinned_hosts,
    )
    transaction.on_commit(registry.forget)
    return True


def refusal(endpoint: Endpoint) -> str:
    """Return why the hosts that the EHR was last seen to name are not accepted, whoever says yes:
    a sentence without its full stop, or nothing."""
    try:
        _refuse_mixup(endpoint, moving=bool(endpoint.pinned_hosts))
    except DiscoveryInvalid as error:
        return error.detail
    return ""


def _refuse_mixup(endpoint: Endpoint, *, moving: bool) -> None:
    config = registry.describe(endpoint)
    issuers = config.issuers
    if not issuers and (snapshot := history.newest(config)):
        issuers = _named_issuer(fetching.parse_again(snapshot.document, config), [])
    issuer_conflicts.refuse(endpoint, issuers, issuer_conflicts.token_hosts(config), moving=moving)


def _set(
    endpoint: Endpoint, hosts: Collection[str], issuers: Collection[str], *, now: datetime
) -> None:
    endpoint.pinned_hosts = sorted(hosts)
    endpoint.issuers = list(issuers)
    endpoint.updated_at = now
    endpoint.save(update_fields=["pinned_hosts", "issuers", "updated_at"])


def _named_issuer(document: Discovery, warnings: list[str]) -> tuple[str, ...]:
    """Return the issuer of discovery, if it is one that could be asked for its keys."""
    if document.issuer is None:
        warnings.append(
            "Discovery names no issuer, so nobody can be signed in by id_token: "
            "enter the expected issuer."
        )
        return ()
    try:
        return (parse_endpoint_url(document.issuer, allow_http=settings.ALLOW_LOOPBACK_EHRS),)
    except ValueError as error:
        warnings.append(f"The issuer in discovery is not used: {error}.")
        return ()


async def _keys_host(issuer: str, document: Discovery, warnings: list[str]) -> set[str]:
    """Return the host of an issuer's keys. One that the SMART configuration names is there already,
    among those of its endpoints."""
    try:
        configuration = await fetching.fetch_openid_configuration(issuer)
        return {host_of(configuration.value.jwks_uri)}
    except SmartError as error:
        if document.jwks_uri is None:
            warnings.append(
                f"The issuer {issuer} did not publish where its keys are ({error.detail}), "
                "so an id_token of it cannot be checked yet."
            )
        return set()
