"""One issuer is one authorization server (RFC 9207 §2.4; C5).

Whoever names the issuer of another EHR's server and takes its codes elsewhere is not that server:
people would sign in at the one, and the other would get their codes. So it is looked at wherever
issuers, hosts or an overridden address begin to count.
"""

from collections.abc import Collection

from smartapp.protocol.errors import DiscoveryInvalid, SmartError
from smartapp.protocol.urls import host_of
from smartapp.registrations import fetching, history, registry
from smartapp.registrations.models import Endpoint, Member
from smartapp.registrations.registry import EndpointConfig


def refuse(
    endpoint: Endpoint,
    issuers: Collection[str],
    hosts: Collection[str],
    *,
    moving: bool = False,
) -> None:
    """Raise DiscoveryInvalid where another enabled EHR has one of these issuers, and none of
    `hosts`, from which the tokens of `endpoint` come, or not the host of an address that is
    overridden for it. One server may have many EHRs.

    `moving`: what the other was last seen to name counts as its own too. A server that moves does
    so for all its EHRs, and one of them must be the first to be accepted.
    """
    config = registry.describe(endpoint)
    overridden = (_override_hosts(config, member, url) for member, url in config.overrides)
    _refuse(endpoint, issuers, (hosts, *overridden), moving=moving)


def refuse_override(endpoint: Endpoint, member: str, url: str) -> None:
    """Raise DiscoveryInvalid where people, codes, secrets or the trust in keys would be taken from
    the server of an issuer that another enabled EHR has too, to another server."""
    hosts = _override_hosts(registry.describe(endpoint), member, url)
    _refuse(endpoint, endpoint.issuers, (hosts,), moving=False)


def _override_hosts(config: EndpointConfig, member: str, url: str) -> frozenset[str]:
    """Return the host that has to be the server's own. Whoever has the FHIR base publishes the
    SMART configuration there anyway, and tenants of one server have bases on hosts of their own."""
    host = host_of(url)
    if member == Member.SMART_CONFIGURATION and host == host_of(config.fhir_base_url):
        return frozenset()
    return frozenset({host})


def _refuse(
    endpoint: Endpoint,
    issuers: Collection[str],
    places: Collection[Collection[str]],
    *,
    moving: bool,
) -> None:
    """Raise for the first of `places` that has hosts, and none of the other EHR's."""
    places = [hosts for hosts in places if hosts]
    if not (issuers and places):
        return
    # The same base is the same EHR, once more for a 2-legged registration (C2).
    others = Endpoint.objects.filter(enabled=True).exclude(pk=endpoint.pk).exclude(iss=endpoint.iss)
    others = others.select_related("registration__key_set").prefetch_related("overrides")
    for other in map(registry.describe, others):
        shared = sorted(set(other.issuers) & set(issuers))
        if not (shared and other.pinned_hosts):
            continue
        own = _hosts_of(other, moving)
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
    """Return where the tokens of an endpoint come from, by what is overridden or was last read;
    where neither says so, all hosts that are pinned."""
    url = config.override(Member.TOKEN_ENDPOINT) or _last_published(config)
    return frozenset({host_of(url)}) if url else config.pinned_hosts


def _last_published(config: EndpointConfig) -> str | None:
    snapshot = history.newest(config)
    if snapshot is None:
        return None
    try:
        return fetching.parse_again(snapshot.document, config).token_endpoint
    except SmartError:  # what was read is judged again, and the rules may be stricter now
        return None


def _hosts_of(config: EndpointConfig, moving: bool) -> frozenset[str]:
    accepted = config.pinned_hosts | {host_of(url) for _, url in config.overrides}
    return accepted | token_hosts(config) if moving else accepted
