"""One refresh per launch at a time, across all processes (spec §1.10).

A lease in the launch's row, taken by a conditional UPDATE on `token_version`, decides who asks
the EHR; no transaction is open meanwhile. The others wait and read again. The new refresh token
is committed before the access token is used, and only `invalid_grant` ends a launch.
"""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from django.db import Error as DatabaseError
from django.utils import timezone

from smartapp.database import in_database
from smartapp.launches import store, token_endpoint
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.models import EndReason
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import scopes, token
from smartapp.protocol.errors import (
    AccessExpired,
    Disconnected,
    EHRUnavailable,
    EndedByEHR,
    InvalidGrant,
    LaunchContextError,
    LaunchEnded,
    PatientChanged,
    SmartError,
    UnknownEndpoint,
)
from smartapp.registrations import registry
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

BACK_OFF = timedelta(seconds=30)
POLL_SECONDS = 0.1
STORE_AGAIN_SECONDS = (0.2, 1, 5)


ENDED: dict[str, type[SmartError]] = {
    EndReason.DISCONNECTED: Disconnected,
    EndReason.NOT_REVOKED: Disconnected,
    EndReason.NOT_REVOCABLE: Disconnected,
    EndReason.INVALID_GRANT: EndedByEHR,
    EndReason.UNAUTHORIZED: EndedByEHR,
    EndReason.PATIENT_CHANGED: PatientChanged,
}

_under_way: set[asyncio.Task[bool]] = set()


def ended(launch: StoredLaunch) -> SmartError:
    """Return the error that says why this launch is over."""
    return ENDED.get(launch.end_reason, LaunchEnded)(f"launch {launch.uuid}: {launch.end_reason}")


async def with_access(launch: StoredLaunch) -> StoredLaunch:
    """Return the launch with an access token that is good for a moment longer.

    LaunchEnded (or PatientChanged) when there is none to be had; UnknownEndpoint while an
    administrator has switched the EHR off; EHRUnavailable, InvalidClient, ...
    when the EHR could not give one now (the launch is kept).
    """
    if launch.ended_at is not None:
        raise ended(launch)
    if not launch.is_enabled:
        raise UnknownEndpoint(f"launch {launch.uuid}: its EHR was switched off meanwhile")
    expires_at = launch.access_token_expires_at
    if expires_at is not None and timezone.now() < expires_at:
        return launch
    return await renewed(launch)


async def renewed(launch: StoredLaunch) -> StoredLaunch:
    """Return the launch with newer tokens than this reading of it has: refreshed by this caller,
    or by whoever holds the lease. Raises as `with_access` does."""
    current = launch
    while True:
        now = timezone.now()
        if current.ended_at is not None:
            raise ended(current)
        if current.token_version > launch.token_version:
            return current
        if current.tokens is None or current.tokens.refresh_token is None:
            raise AccessExpired(f"launch {launch.uuid} has no refresh token")
        if current.refresh_not_before is not None and now < current.refresh_not_before:
            raise EHRUnavailable(f"refresh of {launch.uuid} is postponed after a failure")
        if not await _to_its_end(_refresh_if_free(current, current.tokens)):
            await asyncio.sleep(POLL_SECONDS)
        current = await in_database(store.find, launch.uuid, launch.session_digest, timezone.now())


async def _to_its_end(refresh: Coroutine[Any, Any, bool]) -> bool:
    """Wait for a refresh that goes on even if the browser that asked for it has gone: what the
    EHR answers may be the only refresh token left, and a lease without its holder keeps the
    others waiting."""
    task = asyncio.create_task(refresh)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return await asyncio.shield(task)


async def finish_under_way() -> None:
    """Wait, at shutdown, for the refreshes whose browser has gone: the server does not."""
    if _under_way:
        await asyncio.wait(_under_way, timeout=store.REFRESH_LEASE.total_seconds())


async def _refresh_if_free(launch: StoredLaunch, tokens: LaunchTokens) -> bool:
    """Return whether the lease was to be had, and the refresh has been tried."""
    if not await in_database(store.take_refresh_lease, launch, timezone.now()):
        return False
    await _refresh(launch, tokens)
    return True


async def _refresh(launch: StoredLaunch, tokens: LaunchTokens) -> None:
    """Ask the EHR once, as the holder of the lease, and commit whatever follows from it."""
    try:
        config = await registry.endpoint_for_callback(launch.endpoint_id, launch.registration_slug)
        refreshed, expires_at = await _ask(config, tokens)
    except InvalidGrant:
        logger.info("launch %s: the EHR ended it (invalid_grant)", launch.uuid)
        await in_database(store.end_unless_renewed, launch, EndReason.INVALID_GRANT, timezone.now())
    except (PatientChanged, LaunchContextError) as error:
        logger.error("launch %s stopped: wrong-patient alarm: %s", launch.uuid, error.detail)
        await in_database(store.end, launch, EndReason.PATIENT_CHANGED, timezone.now())
    except SmartError:
        await in_database(store.postpone_refresh, launch, timezone.now() + BACK_OFF)
        raise
    else:
        await _store(launch, refreshed, expires_at)


async def _store(launch: StoredLaunch, refreshed: LaunchTokens, expires_at: datetime) -> None:
    """Commit what may be the only refresh token left, past a database that is away for a moment.
    Twice does no harm: the second time the row is at another version."""
    for pause in (*STORE_AGAIN_SECONDS, None):
        try:
            await in_database(store.store_refreshed, launch, refreshed, expires_at)
            return
        except DatabaseError as error:
            logger.error("launch %s: renewed tokens: %s", launch.uuid, type(error).__name__)
            if pause is None:
                raise
        await asyncio.sleep(pause)


async def _ask(config: EndpointConfig, tokens: LaunchTokens) -> tuple[LaunchTokens, datetime]:
    scope = scopes_to_send(config, tokens)
    fields = token.refresh_request(refresh_token=tokens.refresh_token or "", scope=scope)
    response = await token_endpoint.request_token(config, tokens.token_endpoint, fields)
    await token_endpoint.check_refreshed_id_token(config, tokens, response)
    return launch_tokens.from_refresh(tokens, response), response.expires_at


def scopes_to_send(config: EndpointConfig, tokens: LaunchTokens) -> str | None:
    """Return `scope` for a refresh where the EHR requires it: what was granted, never more
    (C121, T27). ScopeError when nothing was."""
    if not config.send_scope_on_refresh:
        return None
    granted = tokens.scope.granted
    return scopes.validate_refresh(" ".join(granted), granted=granted)
