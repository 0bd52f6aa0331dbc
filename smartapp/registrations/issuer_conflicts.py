"""One issuer is one authorization server (C5). An EHR that names the issuer of another EHR's server
but receives codes elsewhere is not that server (RFC 9207 §2.4)."""

from collections.abc import Collection

from smartapp.protocol.errors import DiscoveryInvalid
from smartapp.protocol.urls import host_of
from smartapp.registrations import history, registry
from smartapp.registrations.models import Endpoint, Member
from smartapp.registrations.registry import EndpointConfig


def refuse_conflict(
    endpoint: Endpoint,
    issuers: Collection[str],
    hosts: Collection[str],
    *,
    moving: bool = False,
) -> None:
    """Raise DiscoveryInvalid if another enabled EHR has one of these issuers, but lacks all of the
    `hosts` that the tokens of `endpoint` come from, or lacks the host of one of its overridden
    addresses. One server may have many EHRs.

    `moving`: the hosts that the other EHR named last also count as its own. A server that moves
    does so for all its EHRs, and one of them must be accepted first.
    """
    config = registry.describe(endpoint)
    overridden = (_override_hosts(config, member, url) for member, url in config.overrides)
    _refuse_stranger(endpoint, issuers, (hosts, *overridden), moving=moving)


def refuse_override(endpoint: Endpoint, member: str, url: str) -> None:
    """Raise DiscoveryInvalid if the override would send people, codes, secrets or the fetch of keys
    to another server although another enabled EHR has the same issuer."""
    hosts = _override_hosts(registry.describe(endpoint), member, url)
    _refuse_stranger(endpoint, endpoint.issuers, (hosts,), moving=False)


def _override_hosts(config: EndpointConfig, member: str, url: str) -> frozenset[str]:
    """Return the host that must belong to the server. The owner of the FHIR base URL publishes the
    SMART configuration there anyway, and tenants of one server have base URLs on their own
    hosts."""
    host = host_of(url)
    if member == Member.SMART_CONFIGURATION and host == host_of(config.fhir_base_url):
        return frozenset()
    return frozenset({host})


def _refuse_stranger(
    endpoint: Endpoint,
    issuers: Collection[str],
    places: Collection[Collection[str]],
    *,
    moving: bool,
) -> None:
    """Raise for the first set of hosts in `places` that has none of the other EHR's hosts."""
    places = [hosts for hosts in places if hosts]
    if not (issuers and places):
        return
    # The same base URL is the same EHR, registered again for 2-legged access (C2).
    others = Endpoint.objects.filter(enabled=True).exclude(pk=endpoint.pk).exclude(iss=endpoint.iss)
    others = others.select_related("registration__key_set").prefetch_related("overrides")
    for other in map(registry.describe, others):
        shared = sorted(set(other.issuers) & set(issuers))
        if not (shared and other.pinned_hosts):
            continue
        own = other.accepted_hosts | (token_hosts(other) if moving else frozenset())
        stranger = next((hosts for hosts in places if not own & set(hosts)), None)
        if stranger:
            raise DiscoveryInvalid(
                f"its issuer {shared[0]} is that of {other.name} already, whose tokens come from "
                f"another server than {', '.join(sorted(stranger))}. One issuer is one server, so "
                "one of the two is wrong, and codes could be taken to a stranger. Ask both "
                "vendors whose issuer it is; then correct the expected issuers of the one that "
                "is wrong, or switch it off, and read again"
            )


def token_hosts(config: EndpointConfig) -> frozenset[str]:
    """Return the host that the tokens of an endpoint come from, according to an override or the
    last document; all pinned hosts if neither says it."""
    url = config.override(Member.TOKEN_ENDPOINT) or history.last_read(config).token_endpoint
    return frozenset({host_of(url)}) if url else config.pinned_hosts
