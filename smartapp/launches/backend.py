"""2-legged access: a token for the app itself, without a person (SMART "Backend Services", C145).

A token is kept, sealed, in the shared cache until it expires, because athenahealth answers 429
after a few token requests a minute (C128). For the same reason only one of several callers asks the
EHR for a new token, and the others wait for its result. While the cache is away nothing is kept and
every caller asks the EHR.
"""

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.core.cache import cache
from django.utils import timezone

from smartapp.exchange import pipeline
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.protocol import scopes, token
from smartapp.protocol.errors import EHRTimeout
from smartapp.registrations import discovery, registry
from smartapp.registrations.registry import EndpointConfig
from smartapp.shared_cache import in_cache
from smartapp.vault import Form, VaultError

# Longer than the slowest answer. The mark expires by itself because its process may have died.
ASKS_SECONDS = 45
WAIT_SECONDS = 20
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class BackendToken:
    access_token: str = field(repr=False)
    scope: str
    expires_at: datetime


FORM = Form(BackendToken)


async def backend_token(registration_slug: str, scope: str) -> BackendToken:
    """Return an access token of a 2-legged registration, from the cache while it is valid.

    Raises ScopeError for scopes that need a person (C146), UnknownEndpoint for a registration that
    is not 2-legged, TokenBudgetSpent, EHRTimeout if another caller waits too long for the EHR, and
    the errors of `pipeline.tokens`.
    """
    wanted = scopes.validate_backend(scope)
    config = await registry.endpoint_for_backend(registration_slug)
    key = _cache_key(config, wanted)
    give_up_at = time.monotonic() + WAIT_SECONDS
    while (kept := await _cached(key)) is None:
        if await in_cache(cache.add, f"{key}-asked", True, ASKS_SECONDS, away=True):
            return await _ask_and_cache(config, wanted, key)
        if time.monotonic() > give_up_at:
            raise EHRTimeout(f"{registration_slug}: a token was asked for, and none came")
        await asyncio.sleep(POLL_SECONDS)
    return kept


async def _cached(key: str) -> BackendToken | None:
    kept = _open(await in_cache(cache.get, key, away=None), key)
    return kept if kept is not None and timezone.now() < kept.expires_at else None


async def _ask_and_cache(config: EndpointConfig, wanted: str, key: str) -> BackendToken:
    """Ask the EHR for a token and put it into the cache. Only the caller that set the mark does
    this."""
    try:
        # Check again: another caller may have finished meanwhile.
        if (kept := await _cached(key)) is not None:
            return kept
        fresh = await request(config, wanted)
        seconds = (fresh.expires_at - timezone.now()).total_seconds()
        await in_cache(cache.set, key, FORM.seal(fresh, key), max(seconds, 0), away=None)
    finally:
        await in_cache(cache.delete, f"{key}-asked", away=False)
    return fresh


async def request(config: EndpointConfig, wanted: str) -> BackendToken:
    """Ask the EHR for a token, even if one is in the cache. Raises the errors of
    `pipeline.tokens`."""
    url = await discovery.token_endpoint(config)
    fields = token.client_credentials_request(scope=wanted)
    asked = Request(config, Purpose.CLIENT_CREDENTIALS, url, fields, token_endpoint=url)
    answer = await pipeline.tokens(await pipeline.admit(asked))
    # A response without `scope` granted what was asked for (RFC 6749 §5.1).
    return BackendToken(answer.access_token, answer.scope or wanted, answer.expires_at)


def _cache_key(config: EndpointConfig, scope: str) -> str:
    """Return the cache key. Another client, endpoint or scope needs another token."""
    parts = [config.registration_id, config.client_id, config.fhir_base_url, scope]
    return "backend-token-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _open(sealed: str | None, key: str) -> BackendToken | None:
    """Return the cached token; None if there is none, or if another key ring or release sealed
    it."""
    if sealed is None:
        return None
    try:
        kept = FORM.unseal(sealed, key)
    except VaultError:
        return None
    return replace(kept, expires_at=datetime.fromisoformat(str(kept.expires_at)))
