"""2-legged access: a token for the app itself, without a person (SMART "Backend Services", C145).

A token is kept until it expires, sealed, in the cache that all processes share: athenahealth
answers 429 after a few token requests a minute (C128).
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from django.core.cache import cache
from django.utils import timezone

from smartapp import vault
from smartapp.launches import token_endpoint
from smartapp.protocol import scopes, token
from smartapp.registrations import discovery, registry
from smartapp.registrations.registry import EndpointConfig


@dataclass(frozen=True, slots=True)
class BackendToken:
    access_token: str = field(repr=False)
    scope: str
    expires_at: datetime


async def backend_token(registration_slug: str, scope: str) -> BackendToken:
    """Return an access token of a 2-legged registration, from the cache while it is good.

    ScopeError for scopes that need a person (C146); UnknownEndpoint for a registration that is
    not 2-legged; otherwise raises as `token_endpoint.request_token` does.
    """
    wanted = scopes.validate_backend(scope)
    config = await registry.endpoint_for_backend(registration_slug)
    place = _place(config, wanted)
    kept = _open(await cache.aget(place), place)
    if kept is not None and timezone.now() < kept.expires_at:
        return kept
    answer = await token_endpoint.request_token(
        config,
        await discovery.token_endpoint(config),
        token.client_credentials_request(scope=wanted),
    )
    # A response without `scope` granted what was asked for (RFC 6749 §5.1).
    fresh = BackendToken(answer.access_token, answer.scope or wanted, answer.expires_at)
    seconds = (fresh.expires_at - timezone.now()).total_seconds()
    await cache.aset(place, _seal(fresh, place), timeout=max(seconds, 0))
    return fresh


def _place(config: EndpointConfig, scope: str) -> str:
    """The cache key: another client, endpoint or scope is another token."""
    parts = [config.registration_id, config.client_id, config.fhir_base_url, scope]
    return "backend-token-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _seal(kept: BackendToken, place: str) -> str:
    members = [kept.access_token, kept.scope, kept.expires_at.isoformat()]
    return vault.seal(json.dumps(members).encode(), place)


def _open(sealed: str | None, place: str) -> BackendToken | None:
    """Return what was kept; None for nothing, and for what another key ring sealed."""
    if sealed is None:
        return None
    try:
        access_token, scope, expires_at = json.loads(vault.unseal(sealed, place))
    except vault.VaultError:
        return None
    return BackendToken(access_token, scope, datetime.fromisoformat(expires_at))
