"""The documents that EHRs and issuers publish: fetched, cached, and checked for launches.

`trust` decides which of them to trust: a document that names a host that is not pinned stops
launches until an administrator accepts the host (C14, T6). The EHR's issuer is pinned at
registration too, and never taken from a launch. `history` lets a restarted process launch while the
EHR is down.
"""

import asyncio
import logging
import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple
from urllib.parse import urljoin

from django.conf import settings
from django.utils import timezone

from smartapp import http, rounds
from smartapp.database import in_database
from smartapp.protocol import discovery, jwks
from smartapp.protocol.discovery import Discovery, LaunchEndpoints, OpenIDConfiguration
from smartapp.protocol.errors import (
    DiscoveryError,
    DiscoveryFailed,
    DiscoveryIncomplete,
    DiscoveryInvalid,
    DiscoveryUnread,
    EHRRedirected,
    EndpointHostChanged,
    IDTokenError,
    JWKSError,
    JWKSUnavailable,
    SmartError,
)
from smartapp.protocol.jwks import JWKS
from smartapp.protocol.urls import host_of
from smartapp.registrations import history, presets, registry, smart_launcher, trust
from smartapp.registrations.document_cache import AHEAD, RETRY_SECONDS, Answer, Documents
from smartapp.registrations.models import Member
from smartapp.registrations.registry import EndpointConfig, Overrides
from smartapp.registrations.trust import Observation
from smartapp.registrations.validation import is_backend

REFRESHED_AT_ONCE = 8
REFRESHING_SECONDS = 45.0

logger = logging.getLogger(__name__)

# What a 5xx or 429 is in place of a refusal: it says nothing about the document.
_IF_IN_TROUBLE: dict[type[SmartError], type[SmartError]] = {
    DiscoveryInvalid: DiscoveryFailed,
    JWKSError: JWKSUnavailable,
}


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """The endpoints of a launch, from a document that passed every check."""

    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None
    introspection_endpoint: str | None
    issuers: tuple[str, ...]
    authorization_response_iss_parameter_supported: bool
    capabilities: frozenset[str]


class _Key(NamedTuple):
    """A changed base is another EHR, whose cached document must not be used, and overridden
    addresses are not read."""

    endpoint_id: int
    fhir_base_url: str
    overrides: Overrides

    def __str__(self) -> str:
        return self.fhir_base_url  # in the log


_documents: Documents[_Key, Discovery] = Documents()
_openid_configurations: Documents[str, OpenIDConfiguration] = Documents(remembers_refusals=True)
_issuer_keys: Documents[str, JWKS] = Documents()


def forget() -> None:
    """Forget what this process has cached about EHRs and issuers."""
    for documents in (_documents, _openid_configurations, _issuer_keys):
        documents.forget()


async def end_asking() -> None:
    """Stop all requests to EHRs and issuers: at server shutdown, before `http.close`."""
    for documents in (_documents, _openid_configurations, _issuer_keys):
        await documents.end_asking()


async def launch_endpoints(config: EndpointConfig, aud: str = "") -> OAuthEndpoints:
    """Return the endpoints of a launch; on a warm process from memory. `aud`: at the public
    launcher, the base URL that contains the launch's settings.

    Raises EndpointHostChanged if the EHR names a host that is not pinned, DiscoveryIncomplete if it
    does not offer what a safe launch needs (C12), and DiscoveryError or EHRUnavailable if neither
    the EHR nor the last 24 hours have a document.
    """
    document = await _checked(config)
    launch = validate_for_launch(config, document)
    authorization_endpoint = launch.authorization_endpoint
    if presets.of(config.preset).is_smart_launcher:
        authorization_endpoint = smart_launcher.with_code(
            authorization_endpoint, config.fhir_base_url, aud
        )
    return OAuthEndpoints(
        authorization_endpoint=authorization_endpoint,
        token_endpoint=launch.token_endpoint,
        revocation_endpoint=document.revocation_endpoint,
        introspection_endpoint=document.introspection_endpoint,
        issuers=config.issuers,
        authorization_response_iss_parameter_supported=(
            document.authorization_response_iss_parameter_supported
        ),
        capabilities=document.capabilities,
    )


def validate_for_launch(config: EndpointConfig, document: Discovery) -> LaunchEndpoints:
    """Return the two endpoints that a launch of this endpoint needs. Raises DiscoveryIncomplete."""
    return discovery.validate_for_launch(
        document, takes_pkce_unannounced=config.takes_pkce_unannounced
    )


async def token_endpoint(config: EndpointConfig) -> str:
    """Return the token endpoint of a 2-legged registration. Raises the errors of
    `launch_endpoints`."""
    return _token_endpoint(await _checked(config))


def _token_endpoint(document: Discovery) -> str:
    if document.token_endpoint is None:
        raise DiscoveryIncomplete("no token_endpoint")
    return document.token_endpoint


def check_needs(config: EndpointConfig, document: Discovery) -> None:
    """Raise DiscoveryIncomplete if something is missing for a launch or a 2-legged token
    request."""
    if is_backend(config.scope):
        _token_endpoint(document)
    else:
        validate_for_launch(config, document)


async def _checked(config: EndpointConfig) -> Discovery:
    """Return the endpoint's document as it is used, once the hosts that launches need are pinned.
    Other addresses on hosts that are not pinned are ignored, so that they do not stop a launch."""
    document = await _document(config)
    check_hosts(config, discovery.launch_hosts(document))
    document = discovery.without(document, not_accepted(config, document))
    return trust.overridden(config, document)


async def _document(config: EndpointConfig) -> Discovery:
    if not config.pinned_hosts:
        raise DiscoveryUnread(f"discovery of {config.slug} was never read, so no host is pinned")
    key = _Key(config.endpoint_id, config.fhir_base_url, config.overrides)
    return await _documents.get(key, partial(_current, config))


def not_accepted(config: EndpointConfig, document: Discovery) -> tuple[str, ...]:
    """Return the endpoints that are not used because their hosts were not accepted (C14)."""
    return discovery.elsewhere(document, config.accepted_hosts)


def undecided(config: EndpointConfig, document: Discovery) -> tuple[str, ...]:
    """Return those of them whose hosts were not refused either: an administrator should decide."""
    return discovery.elsewhere(document, config.accepted_hosts | config.refused_hosts)


async def issuer_jwks(config: EndpointConfig, issuer: str, *, force: bool = False) -> JWKS:
    """Return the public keys of an expected issuer: from the address that an administrator entered,
    from its OpenID configuration, or from the SMART configuration if it has none (C91).

    `force` fetches again although the keys are cached, at most once a minute: for a kid that they
    do not contain (C92). Raises IDTokenError for an unexpected issuer, without a request to it.
    """
    if issuer not in config.issuers:
        words = "iss: not one of the endpoint's expected issuers"
        raise IDTokenError(words, rule="iss", came=issuer)
    url = config.override(Member.JWKS_URI) or await _published_keys(config, issuer)
    return await _issuer_keys.get(url, partial(fetch_jwks, url), force=force)


async def _published_keys(config: EndpointConfig, issuer: str) -> str:
    try:
        url = (await _openid_configuration(issuer)).jwks_uri
    except DiscoveryInvalid as error:
        url = trust.keys_without_openid(config.issuers, await _document(config), error)
    check_hosts(config, {host_of(url)} - config.issuer_hosts)
    return url


async def _openid_configuration(issuer: str) -> OpenIDConfiguration:
    fetch = partial(fetch_openid_configuration, issuer)
    return await _openid_configurations.get(issuer, fetch)


async def logout_endpoint(config: EndpointConfig) -> str | None:
    """Return the address where a person signs out at the EHR; None if it is not known (C134). It
    comes from the EHR's own document, from its vendor's documentation, or from an expected issuer.

    Raises the errors of `launch_endpoints`, and those of an issuer that does not answer.
    """
    document = await _checked(config)
    path = presets.of(config.preset).logout_path
    if document.end_session_endpoint is None and path and document.token_endpoint:
        return urljoin(document.token_endpoint, path)
    if document.end_session_endpoint is not None or not config.issuers:
        return document.end_session_endpoint
    url = (await _openid_configuration(config.issuers[0])).end_session_endpoint
    check_hosts(config, {host_of(url)} - config.issuer_hosts if url else ())
    return url


def check_hosts(config: EndpointConfig, hosts: Collection[str]) -> None:
    """Raise EndpointHostChanged unless every host is pinned or named by an override (C14)."""
    strangers = ", ".join(sorted(set(hosts) - config.accepted_hosts))
    if strangers:
        raise EndpointHostChanged(f"{config.slug} now names {strangers}, not accepted yet")


def named_hosts(config: EndpointConfig, observation: Observation) -> frozenset[str]:
    """Return the hosts that must be accepted for launches: those of every endpoint, and those of
    the issuers' keys if they are not the issuer's own host."""
    of_keys = observation.hosts - config.issuer_hosts
    return of_keys | discovery.hosts(observation.discovery)


async def refresh_ahead() -> None:
    """Refresh the documents that will soon expire; pin those that were never read.

    This is periodic work. It keeps the stored document fresh, so that a process that restarts while
    the EHR is down can still launch, and it notices a changed host before a person does. Thousands
    of dead addresses must not block the others: endpoints in use come first, and those that this
    round has no time for get another chance in the next.
    """
    gate = asyncio.Semaphore(REFRESHED_AT_ONCE)
    refreshing = (_refresh(config, gate) for config in await _due())
    _, late = await rounds.run(refreshing, REFRESHING_SECONDS)
    if late:
        logger.info("Discovery of %d endpoints waits for the next round.", late)


async def _due() -> list[EndpointConfig]:
    before = timezone.now() - timedelta(seconds=settings.DISCOVERY_CACHE_SECONDS * AHEAD)
    fresh = await in_database(history.seen_since, before)
    endpoints = await registry.all_endpoints()
    due = [
        config for config in endpoints if config.endpoint_id not in fresh or not config.pinned_hosts
    ]
    random.shuffle(due)
    return sorted(due, key=lambda config: not config.pinned_hosts)


async def _refresh(config: EndpointConfig, gate: asyncio.Semaphore) -> None:
    async with gate:
        try:
            if config.pinned_hosts:
                answer = await fetch_discovery(config)
                check_hosts(config, discovery.launch_hosts(answer.value))
            else:
                await pin_first(config, actor="maintain")
        except SmartError as error:
            logger.warning("Discovery of %s: %s %s", config.slug, error.code, error.detail)


async def _current(config: EndpointConfig) -> Answer[Discovery]:
    """Fetch the EHR's document; if it does not answer, use the newest one that launches accepted.

    A document that launches refuse never replaces another one and is not cached for long, because
    the EHR may correct it at any moment.
    """
    try:
        answer = await fetch_discovery(config)
    except SmartError:
        stored = await in_database(_newest_acceptable, config)
        if stored is None:
            raise
        return stored
    if is_acceptable(config, answer.value):
        return answer
    trusted_seconds = min(RETRY_SECONDS, answer.trusted_seconds)
    return replace(answer, trusted_seconds=trusted_seconds, may_stand_in=False)


def _newest_acceptable(config: EndpointConfig) -> Answer[Discovery] | None:
    trusted_seconds = min(RETRY_SECONDS, settings.DISCOVERY_CACHE_SECONDS)
    for document, age in history.usable_documents(config, now=timezone.now()):
        try:
            parsed = history.parse_again(document, config)
        except DiscoveryError:  # the document is checked again, and the rules may be stricter now
            continue
        if is_acceptable(config, parsed):
            return Answer(parsed, trusted_seconds=trusted_seconds, age_seconds=age)
    return None


def is_acceptable(config: EndpointConfig, document: Discovery) -> bool:
    """Return whether a launch or a 2-legged token request is possible with this document."""
    try:
        check_hosts(config, discovery.launch_hosts(document))
        check_needs(config, trust.overridden(config, document))
    except DiscoveryError:
        return False
    return True


async def observe(config: EndpointConfig) -> Observation:
    """Read what the EHR and its issuers publish now, store the document, and return all hosts that
    they name.

    Raises EHRUnavailable or DiscoveryError; an issuer that does not answer is only a warning.
    """
    document = (await fetch_discovery(config)).value
    warnings = list(document.notes)
    issuers = config.issuers or trust.named_issuer(document, warnings)
    hosts = {host_of(config.fhir_base_url), *discovery.hosts(document)}
    for issuer in issuers:
        hosts.add(host_of(issuer))
        if not config.override(Member.JWKS_URI):
            hosts |= await _keys_host(issuer, document, warnings)
    used = trust.overridden(config, document)
    return Observation(used, issuers, frozenset(hosts), tuple(warnings))


async def pin_first(config: EndpointConfig, *, actor: str) -> Observation:
    """Read discovery for the first time and pin the hosts that it names. Raises the errors of
    `observe`, and DiscoveryInvalid for the issuer of another authorization server (C5).

    If two machines do this at once, the second changes nothing. It also changes nothing if an
    administrator has meanwhile entered another FHIR base URL or another address of its discovery.
    """
    observation = await observe(config)
    await in_database(trust.pin, config, observation, now=timezone.now(), actor=actor)
    registry.forget()
    return observation


async def _keys_host(issuer: str, document: Discovery, warnings: list[str]) -> set[str]:
    """Return the host of an issuer's keys. A host that the SMART configuration names is already
    included in those of its endpoints."""
    try:
        configuration = await fetch_openid_configuration(issuer)
        return {host_of(configuration.value.jwks_uri)}
    except SmartError as error:
        if document.jwks_uri is None:
            warnings.append(
                f"The issuer {issuer} did not publish where its keys are ({error.detail}), "
                "so an id_token of it cannot be checked yet."
            )
        return set()


async def fetch_discovery(config: EndpointConfig) -> Answer[Discovery]:
    """Return the EHR's discovery document and store it in the endpoint's history (C10, C15).

    Raises EHRUnavailable or DiscoveryError.
    """
    asking = presets.metadata_headers(config.preset, config.client_id)
    response = await _get(config.discovery_url, DiscoveryInvalid, asking)
    parsed = history.parse_discovery(response.body, config)
    _refuse_another_document(trust.overridden(config, parsed))
    await in_database(history.record, config, parsed, now=timezone.now())
    return Answer(parsed, _trusted_seconds(response))


def _refuse_another_document(document: Discovery) -> None:
    """Raise DiscoveryInvalid for JSON that says nothing of a SMART configuration, such as an
    OperationOutcome: no host is pinned because of it, and an earlier document goes on to serve."""
    endpoints = document.authorization_endpoint or document.token_endpoint
    if endpoints or document.issuer or document.capabilities:
        return
    kind = document.document.get("resourceType")
    what = f"FHIR resource ({kind})" if isinstance(kind, str) and kind.isalpha() else "JSON"
    raise DiscoveryInvalid(f"the {what} there is no SMART configuration")


async def fetch_openid_configuration(issuer: str) -> Answer[OpenIDConfiguration]:
    """Return an issuer's OpenID configuration (C91). Raises EHRUnavailable or DiscoveryError; the
    latter for a redirect, as of servers that send every unknown address to their sign-in page."""
    url = discovery.openid_configuration_url(issuer)
    try:
        response = await _get(url, DiscoveryInvalid)
    except EHRRedirected as error:
        raise DiscoveryInvalid(error.detail, rule="redirect") from error
    parsed = discovery.parse_openid_configuration(
        response.body, issuer=issuer, allow_http=settings.ALLOW_LOOPBACK_EHRS
    )
    return Answer(parsed, _trusted_seconds(response))


async def fetch_jwks(url: str) -> Answer[JWKS]:
    """Return an issuer's public keys (C92). Raises EHRUnavailable or JWKSError."""
    response = await _get(url, JWKSError)
    return Answer(jwks.parse_jwks(response.body), _trusted_seconds(response))


async def _get(
    url: str, refusal: type[SmartError], headers: dict[str, str] | None = None
) -> http.Response:
    response = await http.get(url, headers={"Accept": "application/json"} | (headers or {}))
    if response.status != 200:
        may_pass = response.status >= 500 or response.status == 429
        kind = _IF_IN_TROUBLE[refusal] if may_pass else refusal
        error = kind(f"{host_of(url)} answered {response.status}")
        if response.status in (401, 403, 407):
            error.rule = "refused"
        raise error
    return response


def _trusted_seconds(response: http.Response) -> int:
    ceiling = settings.DISCOVERY_CACHE_SECONDS
    return jwks.max_age(response.headers.get("Cache-Control"), default=ceiling, ceiling=ceiling)
