"""Addresses of an EHR that an administrator knows better than the EHR's own discovery.

Some vendors publish their SMART configuration elsewhere (C10), or an address that is wrong, or
keys that only a client with an id is shown (C91). Each override has a reason and a name, in its
row and in the audit trail. It passes the same checks as what an EHR publishes, and its host needs
no other yes: an administrator has named it (C14). Only what discovery publishes as the address of
something else is asked about, because two lines of a vendor's list are easily mixed up.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from smartapp.audit import trail
from smartapp.protocol.discovery import Discovery, jwks_uri_without_openid
from smartapp.protocol.errors import DiscoveryFailed, DiscoveryInvalid
from smartapp.protocol.urls import host_of, is_same, resolve
from smartapp.registrations import history, issuer_conflicts, registry
from smartapp.registrations.models import Endpoint, EndpointOverride, Member
from smartapp.registrations.registry import EndpointConfig

# Not addresses that the SMART configuration names and we use: the first is its own, and the
# issuer's OpenID configuration names its keys.
_ELSEWHERE = (Member.SMART_CONFIGURATION, Member.JWKS_URI)

# What else a SMART configuration names, by how a person would say it.
_NAMED = {
    **dict(Member.choices),
    "issuer": "Issuer",
    "registration_endpoint": "Client registration endpoint",
    "management_endpoint": "Management endpoint",
}

UNCONFIRMED = "unconfirmed"
"""The code of the ValidationError for an address that discovery publishes as another."""


def used(config: EndpointConfig, published: Discovery) -> Discovery:
    """Return what the EHR publishes with the overridden addresses in place of its own."""
    return replace(published, **_published_members(config))


def hosts(config: EndpointConfig) -> frozenset[str]:
    """Return `host[:port]` of every override: who named an address has named its host."""
    return frozenset(host_of(url) for _, url in config.overrides)


def keys_without_openid(
    issuers: Collection[str], document: Discovery, error: DiscoveryInvalid
) -> str:
    """Return where the keys of an expected issuer are whose OpenID configuration is not there, or
    not its own, as `error` says: Canvas, NextGen and others name them in the SMART configuration
    only (C91).

    Raises `error` again where it may pass, and otherwise DiscoveryInvalid with the way out.
    """
    if isinstance(error, DiscoveryFailed):
        raise error
    url = jwks_uri_without_openid(document, issuers)
    if url is None:
        raise DiscoveryInvalid(
            f"its OpenID configuration cannot be used ({error.detail}), and the SMART "
            "configuration names no keys for it; an administrator may enter their address on the "
            f"endpoint's discovery page, as {Member.JWKS_URI.label}"
        ) from error
    return url


def _published_members(config: EndpointConfig) -> dict[str, Any]:
    return {member: url for member, url in config.overrides if member not in _ELSEWHERE}


def published_address(config: EndpointConfig, member: str) -> str:
    """Return where the EHR itself says that `member` is, by what it was last seen to publish."""
    if member == Member.SMART_CONFIGURATION:
        return replace(config, overrides=()).discovery_url
    if member in _ELSEWHERE:
        return ""
    snapshot = history.newest(config)
    value = snapshot.document.get(member) if snapshot else None
    return value if isinstance(value, str) else ""


def published_as(config: EndpointConfig, member: str, url: str) -> list[str]:
    """Return what else the EHR was last seen to publish at `url`, in words; nothing where it
    publishes it for `member` itself."""
    snapshot = history.newest(config)
    published = (snapshot.document if snapshot else {}) | {
        Member.SMART_CONFIGURATION: published_address(config, Member.SMART_CONFIGURATION)
    }
    named = [name for name in _NAMED if _is_at(url, published.get(name), config)]
    return [] if member in named else [_NAMED[name] for name in named]


def _is_at(url: str, published: object, config: EndpointConfig) -> bool:
    address = resolve(published, base=config.fhir_base_url)
    return address is not None and is_same(url, address)


@transaction.atomic
def put(override: EndpointOverride, *, now: datetime, actor: str, confirmed: str = "") -> None:
    """Use this address from now on, in place of the published one or of an earlier override.

    Raises ValidationError, with sentences, for an address that may not be used, no reason, or
    another server than that of the endpoint's issuer (C5); and, with the code UNCONFIRMED, for an
    address that discovery publishes as another's, unless a person `confirmed` this very address.
    """
    override.clean_fields(exclude=["endpoint", "before", "set_by", "set_at"])
    endpoint = _locked(override.endpoint_id)
    earlier = endpoint.overrides.filter(member=override.member).first()
    config = registry.describe(endpoint)
    _refuse_mixup(endpoint, override)
    others = published_as(config, override.member, override.url)
    if others and confirmed != override.url:
        raise ValidationError({"url": _unconfirmed(override, others)})
    override.before = earlier.url if earlier else published_address(config, override.member)
    override.set_by, override.set_at = actor, now
    if earlier:
        earlier.delete()
    override.save(force_insert=True)
    trail.record(
        actor,
        "override.set",
        f"endpoint {endpoint.slug}",
        member=override.member,
        before=override.before,
        after=override.url,
        reason=override.reason,
        **({"published_as": others} if others else {}),
    )
    transaction.on_commit(registry.forget)


def _unconfirmed(override: EndpointOverride, others: list[str]) -> ValidationError:
    label = override.get_member_display()
    return ValidationError(
        f"This is what the EHR publishes as {', '.join(others)}, not as {label}. Enter the address "
        "that the vendor gives, or tick below that it is this one. Nothing was changed.",
        code=UNCONFIRMED,
    )


def _refuse_mixup(endpoint: Endpoint, override: EndpointOverride) -> None:
    try:
        issuer_conflicts.refuse_override(endpoint, override.member, override.url)
    except DiscoveryInvalid as error:
        raise ValidationError({"url": f"Refused: {error.detail}."}) from error


@transaction.atomic
def remove(endpoint_id: int, member: str, *, actor: str) -> None:
    """Use what the EHR publishes again; nothing happens where that is so already.

    Without the override of the SMART configuration itself nothing is pinned any more: what was
    pinned may have been named there, and the next look pins anew.
    """
    endpoint = _locked(endpoint_id)
    override = endpoint.overrides.filter(member=member).first()
    if override is None:
        return
    if member == Member.SMART_CONFIGURATION and endpoint.pinned_hosts:
        _unpin(endpoint, actor=actor)
    override.delete()
    trail.record(
        actor,
        "override.unset",
        f"endpoint {endpoint.slug}",
        member=member,
        before=override.url,
        after=published_address(registry.describe(endpoint), member),
    )
    transaction.on_commit(registry.forget)


def _unpin(endpoint: Endpoint, *, actor: str) -> None:
    """Forget the hosts, and the issuer if it is one that was read where the override led: one that
    an administrator entered stays (C93)."""
    hosts, issuers = endpoint.pinned_hosts, endpoint.issuers
    documents = history.documents(registry.describe(endpoint))
    if len(issuers) == 1 and issuers[0] in [document.get("issuer") for document in documents]:
        endpoint.issuers = []
    endpoint.pinned_hosts = []
    endpoint.save(update_fields=["pinned_hosts", "issuers"])
    trail.record(
        actor,
        "discovery.unpin",
        f"endpoint {endpoint.slug}",
        hosts=hosts,
        before=issuers,
        after=endpoint.issuers,
    )


def _locked(endpoint_id: int) -> Endpoint:
    endpoints = Endpoint.objects.select_for_update(of=("self",))
    endpoint = endpoints.select_related("registration__key_set").filter(pk=endpoint_id).first()
    if endpoint is None:
        raise ValidationError("The endpoint was deleted meanwhile.")
    return endpoint
