"""The refresh of a launch's tokens: only one at a time, across all processes.

A lease in the launch's row decides who asks the EHR. It is taken by a conditional UPDATE on
`token_version`, and no transaction is open meanwhile. The others wait and read the row again. The
holder extends its lease, so that the others notice within twenty seconds if its process was killed.
The new refresh token is committed before the access token is used, and only `invalid_grant` ends a
launch.

If the answer is lost or unusable, nobody knows whether the refresh token is used up (C124). If the
registration says that refresh tokens outlive a refresh, a request without an answer is repeated
once, immediately, and after any other failure the refresh is tried again later. Otherwise, and also
if nothing is known about the EHR, the token is not sent again: an EHR that rotates takes a second
use for theft and may end all access that the person allowed, including their other launches. The
launch keeps its tokens so that it can be disconnected, and the person opens the app again.

If tokens come in an unusable answer or with a refused id_token (C98), they are revoked, except for
the refresh token that the launch already had (`exchange.custody`).

If the authorization server itself refuses, with an OAuth error, 429 or 503, the refresh token is
unchanged, and it is sent again after a while (C125). The same is true of a request that was
certainly not sent.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import NoReturn

from django.db import Error as DatabaseError
from django.utils import timezone

from smartapp import alerts, metrics
from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.exchange import background
from smartapp.exchange.custody import Custody
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.launches import proof, refresh_failure, refresh_lease, store
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.models import EndReason
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import scopes, token
from smartapp.protocol.errors import (
    AccessExpired,
    AccessRefused,
    ContextChanged,
    Disconnected,
    EHRTimeout,
    EndedByAdministrator,
    EndedByEHR,
    EndpointDisabled,
    InvalidGrant,
    LaunchContextError,
    LaunchEnded,
    PatientChanged,
    RefreshUncertain,
    SmartError,
)
from smartapp.protocol.token import TokenResponse
from smartapp.registrations import registry
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
WAIT_FOR_HOLDER_SECONDS = 30  # longer than the lease of a holder that died
PROLONG_SECONDS = 5.0
STORE_AGAIN_SECONDS = (0.2, 1, 5)

ENDED: dict[str, type[SmartError]] = {
    EndReason.DISCONNECTED: Disconnected,
    EndReason.NOT_REVOKED: Disconnected,
    EndReason.NOT_REVOCABLE: Disconnected,
    EndReason.INVALID_GRANT: EndedByEHR,
    EndReason.UNAUTHORIZED: EndedByEHR,
    EndReason.PATIENT_CHANGED: PatientChanged,
    EndReason.ADMINISTRATOR: EndedByAdministrator,
    EndReason.RESTORED: EndedByAdministrator,
    EndReason.CONTEXT_CHANGED: ContextChanged,
}


def ended(launch: StoredLaunch) -> SmartError:
    """Return the error that says why this launch is over."""
    return ENDED.get(launch.end_reason, LaunchEnded)(f"launch {launch.uuid}: {launch.end_reason}")


def refuse_ended(launch: StoredLaunch) -> None:
    """Raise the error that says why this launch is over, or EndpointDisabled if an administrator
    has switched its EHR off."""
    if launch.ended_at is not None:
        raise ended(launch)
    if not launch.is_enabled:
        raise EndpointDisabled(f"launch {launch.uuid}: its EHR was switched off meanwhile")


async def with_access(launch: StoredLaunch, *, by_person: bool = False) -> StoredLaunch:
    """Return the launch with an access token that is valid for a while. `by_person`: a person loads
    the page, and may retry once without a wait after a failure.

    Raises LaunchEnded (or PatientChanged) if there is none, EndpointDisabled if an administrator
    has switched the EHR off, and EHRUnavailable, InvalidClient, ... if the EHR cannot give one now
    (the launch is kept).
    """
    refuse_ended(launch)
    expires_at = launch.access_token_expires_at
    if expires_at is not None and timezone.now() < expires_at:
        return launch
    return await renewed(launch, by_person=by_person)


async def renewed(launch: StoredLaunch, *, by_person: bool = False) -> StoredLaunch:
    """Return the launch with newer tokens than in this reading, refreshed by this caller or by the
    holder of the lease. Raises the errors of `with_access`."""
    current = launch
    failure = launch.refresh_failure
    at_once = by_person and failure is not None and failure.may_be_tried_at_once
    give_up_at = time.monotonic() + WAIT_FOR_HOLDER_SECONDS
    while True:
        if current.ended_at is not None:
            raise ended(current)
        if current.token_version > launch.token_version:
            return current
        if current.tokens is None or current.tokens.refresh_token is None:
            expires_at = current.access_token_expires_at
            is_over = expires_at is None or timezone.now() >= expires_at
            kind = AccessExpired if is_over else AccessRefused
            raise kind(f"launch {launch.uuid} has no refresh token")
        at_once = at_once and current.refresh_not_before == launch.refresh_not_before
        _refuse_for_now(current, at_once=at_once)
        if current.is_refresh_abandoned and not current.refresh_tokens_persist:
            await in_database(refresh_lease.abandon, current, timezone.now())
        # Not cancelled with the caller: a lease without its holder would keep the others waiting.
        elif not await background.to_its_end(_refresh_if_free(current, current.tokens, at_once)):
            if time.monotonic() > give_up_at:
                detail = f"refresh of {launch.uuid} has been under way for too long"
                raise EHRTimeout(detail, retry_after=WAIT_FOR_HOLDER_SECONDS)
            await asyncio.sleep(POLL_SECONDS)
        current = await in_database(store.find, launch.uuid, launch.session_digest, timezone.now())


def _refuse_for_now(launch: StoredLaunch, *, at_once: bool) -> None:
    failure = launch.refresh_failure
    if launch.refresh_uncertain_at is not None and not launch.refresh_tokens_persist:
        lost = RefreshUncertain(f"launch {launch.uuid}: the answer to its refresh was lost")
        raise failure.as_uncertain if failure else lost
    if launch.refresh_waits_seconds > 0 and not at_once:
        raise refresh_failure.postponed(launch.uuid, failure, launch.refresh_waits_seconds)


async def _refresh_if_free(launch: StoredLaunch, tokens: LaunchTokens, at_once: bool) -> bool:
    """Return whether this caller got the lease and tried the refresh."""
    if launch.is_being_refreshed:
        return False
    # Before taking the lease: while the database is away, it could not be given back.
    config = await registry.endpoint_now(launch.endpoint_id, launch.registration_slug)
    if not await in_database(refresh_lease.take, launch, at_once=at_once):
        return False
    async with _extending_lease(launch):
        await _refresh(config, launch, tokens)
    return True


@asynccontextmanager
async def _extending_lease(launch: StoredLaunch) -> AsyncIterator[None]:
    """Extend the lease while the block runs."""
    prolonging = asyncio.create_task(_extend_lease(launch))
    try:
        yield
    finally:
        prolonging.cancel()


async def _extend_lease(launch: StoredLaunch) -> None:
    while True:
        await asyncio.sleep(PROLONG_SECONDS)
        try:
            await in_database(refresh_lease.prolong, launch)
        except DatabaseError as error:
            logger.warning("launch %s: its lease: %s", launch.uuid, cause(error))


async def _refresh(config: EndpointConfig, launch: StoredLaunch, tokens: LaunchTokens) -> None:
    """Ask the EHR, as the holder of the lease, and commit the result."""
    hand_over = partial(store.hand_over, launch.uuid, launch.endpoint_id)
    held = Custody(config, hand_over, own=tokens.refresh_token)
    try:
        async with held:
            await _ask_and_store(config, launch, tokens, held)
    except InvalidGrant:
        logger.info("launch %s: the EHR ended it (invalid_grant)", launch.uuid)
        metrics.refreshes.labels("ended").inc()
        await in_database(store.end_as_invalid, launch, timezone.now())
    except Exception as error:  # our own error may also come after the EHR's answer
        await _keep_after_failure(launch, error, was_sent=held.asking is not None)


async def _ask_and_store(
    config: EndpointConfig, launch: StoredLaunch, tokens: LaunchTokens, held: Custody
) -> None:
    """Commit the new tokens, or end the launch if the EHR's answer names another patient."""
    response = await _ask(config, launch, tokens, held)
    await proof.check_refreshed(config, tokens, response)
    try:
        refreshed = launch_tokens.from_refresh(tokens, response)
    except LaunchContextError as error:
        logger.error("launch %s stopped: wrong-patient alarm: %s", launch.uuid, error.detail)
        metrics.refreshes.labels("wrong-patient").inc()
        alerts.wrong_patient(launch.endpoint_slug)
        await in_database(
            store.end_and_hand_over, launch, EndReason.PATIENT_CHANGED, timezone.now()
        )
    else:
        await _store(launch, refreshed, response.expires_at, held)


async def _ask(
    config: EndpointConfig, launch: StoredLaunch, tokens: LaunchTokens, held: Custody
) -> TokenResponse:
    """Return the EHR's answer. If the registration says that a refresh token outlives its use, a
    lost request is repeated once."""
    fields = token.refresh_request(
        refresh_token=tokens.refresh_token or "", scope=scopes_to_send(config, tokens)
    )
    endpoint = tokens.token_endpoint
    request = Request(config, Purpose.REFRESH, endpoint, fields, token_endpoint=endpoint)
    try:
        return await held.ask(request)
    except SmartError as error:
        if not (launch.refresh_tokens_persist and refresh_failure.is_lost(error)):
            raise
        logger.warning("launch %s: its refresh is uncertain: %s", launch.uuid, error.code)
    await in_database(refresh_lease.mark_uncertain, launch, timezone.now())
    return await held.ask(request)


async def _store(
    launch: StoredLaunch, refreshed: LaunchTokens, expires_at: datetime, held: Custody
) -> None:
    """Commit what may be the only refresh token left; retry if the database is away for a moment. A
    repeated commit does no harm: the second time the row has another version."""
    for pause in (*STORE_AGAIN_SECONDS, None):
        try:
            if await in_database(refresh_lease.store_renewed, launch, refreshed, expires_at):
                held.keep()
            metrics.refreshes.labels("renewed").inc()
            return
        except DatabaseError as error:
            logger.error("launch %s: renewed tokens: %s", launch.uuid, cause(error))
            if pause is None:
                raise
        await asyncio.sleep(pause)


async def _keep_after_failure(
    launch: StoredLaunch, error: Exception, *, was_sent: bool
) -> NoReturn:
    """Keep the launch and end the lease after a failure that does not end the launch.

    Raises that failure, or RefreshUncertain if the refresh token must not be used again.
    """
    in_doubt = was_sent and not launch.refresh_tokens_persist
    if in_doubt and refresh_failure.may_be_used_up(error):
        said: Exception = refresh_failure.uncertain(error)
        failure = refresh_failure.remembered(said, launch.refresh_failure)
        logger.warning("launch %s: its refresh is uncertain: %s", launch.uuid, failure.detail)
        metrics.refreshes.labels("uncertain").inc()
        await in_database(refresh_lease.leave_uncertain, launch, failure, timezone.now())
    else:
        said = refresh_failure.of_a_refresh(error)
        failure = refresh_failure.remembered(said, launch.refresh_failure)
        metrics.refreshes.labels("postponed").inc()
        wait = refresh_failure.back_off(said, failure)
        await in_database(refresh_lease.postpone, launch, failure, wait)
    if said is error or not isinstance(error, SmartError):
        raise error
    raise said from error


def scopes_to_send(config: EndpointConfig, tokens: LaunchTokens) -> str | None:
    """Return `scope` for a refresh if the EHR requires it: the scopes that were both requested and
    granted (C121, T27). athenahealth compares it with the request, other servers with the grant.
    Raises ScopeError if none is left."""
    if not config.send_scope_on_refresh:
        return None
    scope = tokens.scope
    wanted = " ".join(item for item in scope.granted if item not in scope.unasked)
    return scopes.validate_refresh(wanted, granted=scope.granted)
