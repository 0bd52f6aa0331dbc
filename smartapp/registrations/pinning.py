"""Which hosts an EHR's OAuth endpoints and keys may be on, decided once and then kept (C14).

The first discovery of an endpoint pins the hosts and the issuer that it names: an administrator
has just named this EHR. Whatever it names later waits for an administrator's yes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from smartapp.audit import trail
from smartapp.database import in_database
from smartapp.protocol import discovery
from smartapp.protocol.discovery import Discovery
from smartapp.protocol.errors import DiscoveryInvalid, SmartError
from smartapp.protocol.urls import host_of, parse_endpoint_url
from smartapp.registrations import overrides, published, registry
from smartapp.registrations.models import Endpoint, Member
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
    document = (await published.fetch_discovery(config)).value
    warnings = list(document.notes)
    issuers = config.issuers or _named_issuer(document, warnings)
    hosts = {host_of(config.fhir_base_url), *discovery.hosts(document)}
    for issuer in issuers:
        hosts.add(host_of(issuer))
        if not config.override(Member.JWKS_URI):
            hosts |= await _keys_host(issuer, warnings)
    used = overrides.used(config, document)
    return Observation(used, issuers, frozenset(hosts), tuple(warnings))


async def pin_first(config: EndpointConfig, *, actor: str) -> Observation:
    """Read discovery for the first time and pin what it names. Raises as `observe` does, and
    DiscoveryInvalid for the issuer of another authorization server (C5).

    Two machines may do this at once: who comes second changes nothing.
    """
    observation = await observe(config)
    await in_database(_pin, config.endpoint_id, observation, now=timezone.now(), actor=actor)
    registry.forget()
    return observation


@transaction.atomic
def _pin(endpoint_id: int, observation: Observation, *, now: datetime, actor: str) -> None:
    endpoint = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
    if endpoint is None or endpoint.pinned_hosts:
        return
    issuers = endpoint.issuers or observation.issuers
    _refuse_shared_issuer(endpoint, issuers, observation.discovery.token_endpoint)
    _set(endpoint, observation.hosts, issuers, now=now)
    trail.record(
        actor,
        "discovery.pin",
        f"endpoint {endpoint.slug}",
        hosts=endpoint.pinned_hosts,
        issuers=endpoint.issuers,
    )


@transaction.atomic
def accept(endpoint_id: int, hosts: Collection[str], *, now: datetime, actor: str) -> None:
    """Pin these hosts from now on: an administrator has looked at them and said yes."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
    before = endpoint.pinned_hosts
    _set(endpoint, hosts, endpoint.issuers, now=now)
    trail.record(
        actor,
        "discovery.accept",
        f"endpoint {endpoint.slug}",
        before=before,
        after=endpoint.pinned_hosts,
    )
    transaction.on_commit(registry.forget)


def _refuse_shared_issuer(
    endpoint: Endpoint, issuers: Collection[str], token_endpoint: str | None
) -> None:
    """An issuer is one authorization server: whoever names another one's and takes its codes
    elsewhere is not it (RFC 9207 §2.4; C5). DiscoveryInvalid then; one server may have many EHRs.
    """
    if token_endpoint is None:
        return
    for other in Endpoint.objects.filter(enabled=True).exclude(pk=endpoint.pk):
        shared = sorted(set(other.issuers) & set(issuers))
        if shared and other.pinned_hosts and host_of(token_endpoint) not in other.pinned_hosts:
            raise DiscoveryInvalid(
                f"its issuer {shared[0]} is that of {other} already, whose tokens come from "
                f"another server than {host_of(token_endpoint)}"
            )


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


async def _keys_host(issuer: str, warnings: list[str]) -> set[str]:
    try:
        configuration = (await published.fetch_openid_configuration(issuer)).value
    except SmartError as error:
        warnings.append(
            f"The issuer {issuer} did not publish where its keys are ({error.detail}), "
            "so an id_token of it cannot be checked yet."
        )
        return set()
    return {host_of(configuration.jwks_uri)}
