"""Which of an EHR's addresses are trusted, and who decided it (C14, C91, C5).

Discovery says where people, codes and assertions are sent, so a forged document is a stolen login.
There are three defences.

- The hosts of an EHR are pinned at its first discovery, right after an administrator entered it.
  Any host that it names later waits until an administrator accepts it.
- One issuer is one authorization server. An EHR that names the issuer of another EHR's server but
  receives codes elsewhere is not that server (`issuer_conflicts`).
- An administrator who knows an address better than discovery can override it. An override has a
  reason and a name, in its row and in the audit trail, and passes the same checks as a published
  address. Its host needs no further acceptance. A person must only confirm an address that
  discovery publishes as a different one, because two lines of a list are easily mixed up.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from smartapp.audit import trail
from smartapp.protocol.discovery import Discovery, jwks_uri_without_openid
from smartapp.protocol.errors import (
    DiscoveryFailed,
    DiscoveryInvalid,
    JWKSError,
    JWKSUnavailable,
)
from smartapp.protocol.urls import host_of, is_same, parse_endpoint_url, resolve
from smartapp.registrations import history, presets, registry
from smartapp.registrations.issuer_conflicts import refuse_conflict, refuse_override, token_hosts
from smartapp.registrations.models import Endpoint, EndpointOverride, Member, Registration
from smartapp.registrations.registry import EndpointConfig

MAX_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Observation:
    """What an EHR names at this moment. `discovery` is the part that is used; `warnings` are
    sentences for the administrator."""

    discovery: Discovery
    issuers: tuple[str, ...]
    hosts: frozenset[str]
    warnings: tuple[str, ...]


# --- Pinned hosts and issuers ---------------------------------------------------------------------


def _rows() -> QuerySet[Endpoint]:
    """Return the rows so that reading locks them."""
    locked = Endpoint.objects.select_for_update(of=("self",))
    return locked.select_related("registration__key_set")


def _source(config: EndpointConfig) -> tuple[str, str]:
    """Return which EHR was read, and where."""
    return config.fhir_base_url, config.discovery_url


@transaction.atomic
def pin(config: EndpointConfig, observation: Observation, *, now: datetime, actor: str) -> None:
    """Pin the observed hosts of an endpoint that has none pinned (`discovery.pin_first`)."""
    endpoint = _rows().filter(pk=config.endpoint_id).first()
    if endpoint is None or endpoint.pinned_hosts:
        return
    if _source(registry.describe(endpoint)) != _source(config):
        return
    issuers = endpoint.issuers or observation.issuers
    token_endpoint = observation.discovery.token_endpoint
    refuse_conflict(endpoint, issuers, [host_of(token_endpoint)] if token_endpoint else ())
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
    """Add the further scopes that the EHR lists, if the scopes are still the preset's. Scopes that
    an administrator entered stay."""
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
    """Pin these hosts too, because an administrator has seen and accepted them.

    Raises DiscoveryInvalid if nothing is pinned yet, because only the first discovery pins then,
    and for the issuer of another authorization server (C5).
    """
    endpoint = _rows().get(pk=endpoint_id)
    if not endpoint.pinned_hosts:
        raise DiscoveryInvalid("nothing was ever accepted here: read what the EHR publishes")
    _refuse_mixup(endpoint, moving=True)
    endpoint.refused_hosts = sorted(set(endpoint.refused_hosts) - set(hosts))
    _change("discovery.accept", endpoint, {*endpoint.pinned_hosts, *hosts}, now=now, actor=actor)


@transaction.atomic
def refuse(endpoint_id: int, hosts: Collection[str], *, now: datetime, actor: str) -> None:
    """Record that an administrator has seen and refused these hosts. They are used as little as
    before, and no page asks about them again."""
    endpoint = _rows().get(pk=endpoint_id)
    endpoint.refused_hosts = sorted({*endpoint.refused_hosts, *hosts} - set(endpoint.pinned_hosts))
    endpoint.updated_at = now
    endpoint.save(update_fields=["refused_hosts", "updated_at"])
    trail.record(actor, "discovery.refuse", f"endpoint {endpoint.slug}", hosts=sorted(hosts))
    transaction.on_commit(registry.forget)


@transaction.atomic
def distrust(endpoint_id: int, host: str, *, now: datetime, actor: str) -> bool:
    """Refuse this host until it is accepted again; return whether it was accepted before.

    The last host stays: if no host were pinned, the next discovery would pin all of them.
    """
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
    before = endpoint.pinned_hosts
    if host not in before or len(before) == 1:
        return False
    endpoint.refused_hosts = sorted({*endpoint.refused_hosts, host})
    _change("discovery.distrust", endpoint, set(before) - {host}, now=now, actor=actor)
    return True


def refusal(endpoint: Endpoint) -> str:
    """Return why the hosts of the EHR's last document cannot be accepted by anybody: a sentence
    without its full stop, or ""."""
    try:
        _refuse_mixup(endpoint, moving=bool(endpoint.pinned_hosts))
    except DiscoveryInvalid as error:
        return error.detail
    return ""


def _refuse_mixup(endpoint: Endpoint, *, moving: bool) -> None:
    config = registry.describe(endpoint)
    issuers = config.issuers
    if not issuers and (snapshot := history.newest(config)):
        issuers = named_issuer(history.parse_again(snapshot.document, config), [])
    refuse_conflict(endpoint, issuers, token_hosts(config), moving=moving)


def _change(
    action: str, endpoint: Endpoint, hosts: Collection[str], *, now: datetime, actor: str
) -> None:
    """Trust these hosts instead, as an administrator decided; the audit trail has old and new."""
    before = endpoint.pinned_hosts
    _set(endpoint, hosts, endpoint.issuers, now=now)
    trail.record(
        actor, action, f"endpoint {endpoint.slug}", before=before, after=endpoint.pinned_hosts
    )
    transaction.on_commit(registry.forget)


def _set(
    endpoint: Endpoint, hosts: Collection[str], issuers: Collection[str], *, now: datetime
) -> None:
    endpoint.pinned_hosts = sorted(hosts)
    endpoint.issuers = list(issuers)
    endpoint.updated_at = now
    endpoint.save(update_fields=["pinned_hosts", "refused_hosts", "issuers", "updated_at"])


def named_issuer(document: Discovery, warnings: list[str]) -> tuple[str, ...]:
    """Return the issuer of discovery if it could be asked for its keys."""
    if document.issuer is None:
        warnings.append(
            "Discovery names no issuer, so nobody can be signed in by id_token: "
            "enter the expected issuer."
        )
        return ()
    try:
        return (parse_endpoint_url(document.issuer, allow_http=settings.ALLOW_LOOPBACK_EHRS),)
    except ValueError as error:
        named = "".join(filter(str.isprintable, document.issuer[:MAX_SHOWN_CHARACTERS]))
        warnings.append(f"The issuer in discovery is not used: {named} ({error}).")
        return ()


# --- Overrides ------------------------------------------------------------------------------------

# Members that are no address in the SMART configuration: its own address, and that of the issuer's
# keys, which the issuer's OpenID configuration names.
_ELSEWHERE = (Member.SMART_CONFIGURATION, Member.JWKS_URI)

# Addresses of a SMART configuration, by their names for people.
_NAMED = {
    **dict(Member.choices),
    "issuer": "Issuer",
    "registration_endpoint": "Client registration endpoint",
    "management_endpoint": "Management endpoint",
}

UNCONFIRMED = "unconfirmed"
"""The code of the ValidationError for an address that discovery publishes as another."""


def overridden(config: EndpointConfig, published: Discovery) -> Discovery:
    """Return the EHR's document with the overridden addresses in it."""
    members: dict[str, Any] = {
        member: url for member, url in config.overrides if member not in _ELSEWHERE
    }
    return replace(published, **members)


def keys_without_openid(
    issuers: Collection[str], document: Discovery, error: DiscoveryInvalid
) -> str:
    """Return the address of an issuer's keys if its OpenID configuration is missing or not its own,
    as `error` says: Canvas, NextGen and others only name the keys in the SMART configuration (C91).

    Raises JWKSUnavailable if `error` may be temporary, otherwise JWKSError with a remedy.
    """
    if isinstance(error, DiscoveryFailed):
        raise JWKSUnavailable(error.detail) from error
    url = jwks_uri_without_openid(document, issuers)
    if url is None:
        raise JWKSError(
            f"its OpenID configuration cannot be used ({error.detail}), and the SMART "
            "configuration names no keys for it; an administrator may enter their address on the "
            f"endpoint's discovery page, as {Member.JWKS_URI.label}"
        ) from error
    return url


def published_address(config: EndpointConfig, member: str) -> str:
    """Return the address of `member` in the EHR's last document."""
    if member == Member.SMART_CONFIGURATION:
        return replace(config, overrides=()).discovery_url
    if member in _ELSEWHERE:
        return ""
    snapshot = history.newest(config)
    value = snapshot.document.get(member) if snapshot else None
    return value if isinstance(value, str) else ""


def published_as(config: EndpointConfig, member: str, url: str) -> list[str]:
    """Return the names under which the EHR's last document publishes `url` otherwise, in words;
    none if it publishes it as `member` itself."""
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
def put_override(
    override: EndpointOverride, *, now: datetime, actor: str, confirmed: str = ""
) -> None:
    """Use this address from now on, instead of the published one or an earlier override.

    Raises ValidationError, with sentences, for an address that may not be used, a missing reason,
    or another server than that of the endpoint's issuer (C5). Raises it with the code UNCONFIRMED
    for an address that discovery publishes as a different one, unless a person `confirmed` this
    address.
    """
    override.clean_fields(exclude=["endpoint", "before", "set_by", "set_at"])
    endpoint = _locked(override.endpoint_id)
    earlier = endpoint.overrides.filter(member=override.member).first()
    config = registry.describe(endpoint)
    try:
        refuse_override(endpoint, override.member, override.url)
    except DiscoveryInvalid as error:
        raise ValidationError({"url": f"Refused: {error.detail}."}) from error
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


@transaction.atomic
def remove_override(endpoint_id: int, member: str, *, actor: str) -> None:
    """Use the published address again; do nothing if it is not overridden.

    Removing the override of the SMART configuration also unpins the hosts: they may have been named
    there, and the next discovery pins again.
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
    """Forget the hosts, and the issuer if it was read at the overridden address. An issuer that an
    administrator entered stays (C93)."""
    hosts, issuers = endpoint.pinned_hosts, endpoint.issuers
    documents = history.documents(registry.describe(endpoint))
    if len(issuers) == 1 and issuers[0] in [document.get("issuer") for document in documents]:
        endpoint.issuers = []
    endpoint.pinned_hosts, endpoint.refused_hosts = [], []
    endpoint.save(update_fields=["pinned_hosts", "refused_hosts", "issuers"])
    trail.record(
        actor,
        "discovery.unpin",
        f"endpoint {endpoint.slug}",
        hosts=hosts,
        before=issuers,
        after=endpoint.issuers,
    )


def _locked(endpoint_id: int) -> Endpoint:
    endpoint = _rows().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise ValidationError("The endpoint was deleted meanwhile.")
    return endpoint
