"""One refresh per launch at a time, across all processes (spec §1.10).

A lease in the launch's row, taken by a conditional UPDATE on `token_version`, decides who asks
the EHR; no transaction is open meanwhile. The others wait and read again. The new refresh token
is committed before the access token is used, and only `invalid_grant` ends a launch.

When the answer is lost or cannot be used, nobody knows whether the refresh token is used up
(C124). Where the registration says that refresh tokens outlive a refresh, a lost answer is asked
for once more at once, and everything else later. Otherwise, and that is also where nothing is
known, the token is not sent again: an EHR that rotates takes a second use for theft and may end
all that the person allowed, their other launches too. The launch keeps its tokens for a
disconnection, and the person opens the app again.

Tokens that come in an answer which cannot be used, or whose proof is refused (C98), are handed over
to be revoked, but for a refresh token that the launch has anyway.

What the authorization server itself refuses, in OAuth's words or by 429 or 503, leaves the token
as it was: it is sent again after a while (C125). So is what was certainly not sent.
"""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import NoReturn

from django.db import Error as DatabaseError
from django.utils import timezone

from smartapp import alerts, metrics
from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.launches import (
    background,
    pending_revocations,
    refresh_failure,
    revocation,
    store,
    token_budget,
    token_endpoint,
)
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.models import EndReason
from smartapp.launches.pending_revocations import Outstanding
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import scopes, token
from smartapp.protocol.errors import (
    AccessExpired,
    ContextChanged,
    Disconnected,
    EHRRedirected,
    EHRTimeout,
    EHRUnavailable,
    EndedByAdministrator,
    EndedByEHR,
    IDTokenError,
    InvalidGrant,
    LaunchContextError,
    LaunchEnded,
    PatientChanged,
    RefreshUncertain,
    SmartError,
    TokenRefused,
    TokenResponseInvalid,
    UnknownEndpoint,
)
from smartapp.protocol.token import TokenResponse
from smartapp.registrations import registry
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
WAIT_FOR_HOLDER_SECONDS = 30
STORE_AGAIN_SECONDS = (0.2, 1, 5)

# What a gateway says when it has no answer of the server behind it: no connection stood, or none
# was left (408, 502, 504; nginx's 499; from 520 on, Cloudflare's). And what a server says that
# failed without a decision (500). A 503 or 429 turns away what has not begun.
NOBODYS_DECISION = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        499,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.GATEWAY_TIMEOUT,
        *range(520, 600),
    }
)
# An error response of the authorization server, whatever its status (RFC 6749 §5.2; the last two
# are from §4.1.2.1, and servers use them here as well).
OAUTH_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
    }
)

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
    """Raise what says why this launch is over, or UnknownEndpoint while an administrator has
    switched its EHR off."""
    if launch.ended_at is not None:
        raise ended(launch)
    if not launch.is_enabled:
        raise UnknownEndpoint(f"launch {launch.uuid}: its EHR was switched off meanwhile")


async def with_access(launch: StoredLaunch, *, by_person: bool = False) -> StoredLaunch:
    """Return the launch with an access token that is good for a moment longer. `by_person`: a
    person loads its page, and may try once more at once after a failure.

    LaunchEnded (or PatientChanged) when there is none to be had; UnknownEndpoint while an
    administrator has switched the EHR off; EHRUnavailable, InvalidClient, ...
    when the EHR could not give one now (the launch is kept).
    """
    refuse_ended(launch)
    expires_at = launch.access_token_expires_at
    if expires_at is not None and timezone.now() < expires_at:
        return launch
    return await renewed(launch, by_person=by_person)


async def renewed(launch: StoredLaunch, *, by_person: bool = False) -> StoredLaunch:
    """Return the launch with newer tokens than this reading of it has: refreshed by this caller,
    or by whoever holds the lease. Raises as `with_access` does."""
    current = launch
    failure = launch.refresh_failure
    at_once = by_person and failure is not None and failure.may_be_tried_at_once
    give_up_at = time.monotonic() + WAIT_FOR_HOLDER_SECONDS
    while True:
        now = timezone.now()
        if current.ended_at is not None:
            raise ended(current)
        if current.token_version > launch.token_version:
            return current
        if current.tokens is None or current.tokens.refresh_token is None:
            raise AccessExpired(f"launch {launch.uuid} has no refresh token")
        at_once = at_once and current.refresh_not_before == launch.refresh_not_before
        _refuse_for_now(current, now, at_once=at_once)
        if _is_abandoned(current, now):
            await in_database(store.mark_uncertain, current, now)
        # To its end: a lease without its holder would keep the others waiting.
        elif not await background.to_its_end(_refresh_if_free(current, current.tokens, at_once)):
            if time.monotonic() > give_up_at:
                detail = f"refresh of {launch.uuid} has been under way for too long"
                raise EHRTimeout(detail, retry_after=WAIT_FOR_HOLDER_SECONDS)
            await asyncio.sleep(POLL_SECONDS)
        current = await in_database(store.find, launch.uuid, launch.session_digest, timezone.now())


def _refuse_for_now(launch: StoredLaunch, now: datetime, *, at_once: bool) -> None:
    failure = launch.refresh_failure
    if launch.refresh_uncertain_at is not None and not launch.refresh_tokens_persist:
        lost = RefreshUncertain(f"launch {launch.uuid}: the answer to its refresh was lost")
        raise failure.as_uncertain if failure else lost
    if launch.refresh_not_before is not None and now < launch.refresh_not_before and not at_once:
        seconds = (launch.refresh_not_before - now).total_seconds()
        raise refresh_failure.postponed(launch.uuid, failure, seconds)


def _is_abandoned(launch: StoredLaunch, now: datetime) -> bool:
    """Whether the holder of the lease died over a refresh whose token may be used up."""
    until = launch.refresh_lease_until
    return until is not None and until <= now and not launch.refresh_tokens_persist


async def _refresh_if_free(launch: StoredLaunch, tokens: LaunchTokens, at_once: bool) -> bool:
    """Return whether the lease was to be had, and the refresh has been tried."""
    until = launch.refresh_lease_until
    if until is not None and timezone.now() < until:
        return False
    # Before the lease: while the database is away, nothing could be given back.
    config = await registry.endpoint_now(launch.endpoint_id, launch.registration_slug)
    now = timezone.now()
    if not await in_database(store.take_refresh_lease, launch, now, at_once=at_once):
        return False
    await _refresh(config, launch, tokens)
    return True


async def _refresh(config: EndpointConfig, launch: StoredLaunch, tokens: LaunchTokens) -> None:
    """Ask the EHR, as the holder of the lease, and commit whatever follows from it."""
    try:
        fields = await _prepared(config, tokens)
    except Exception as error:  # whatever it is: nothing was sent
        await _postpone(launch, error)
        raise
    try:
        response = await _ask_past_a_lost_answer(config, launch, tokens, fields)
    except InvalidGrant:
        logger.info("launch %s: the EHR ended it (invalid_grant)", launch.uuid)
        metrics.refreshes.labels("ended").inc()
        await in_database(store.end_unless_renewed, launch, EndReason.INVALID_GRANT, timezone.now())
    except Exception as error:  # an error of ours, too, may have come after the EHR's answer
        held = pending_revocations.held_by(error, tokens.token_endpoint)
        await _refused(config, launch, tokens, held, error)
    else:
        await _take(config, launch, tokens, response)


async def _take(
    config: EndpointConfig, launch: StoredLaunch, tokens: LaunchTokens, response: TokenResponse
) -> None:
    """Commit the tokens that came, or whatever else follows from this answer."""
    answered = Outstanding(response.refresh_token, response.access_token, tokens.token_endpoint)
    try:
        await token_endpoint.check_refreshed_id_token(config, tokens, response)
        refreshed = launch_tokens.from_refresh(tokens, response)
    except LaunchContextError as error:
        logger.error("launch %s stopped: wrong-patient alarm: %s", launch.uuid, error.detail)
        metrics.refreshes.labels("wrong-patient").inc()
        alerts.send_soon("wrong-patient", f"wrong-patient alarm at {launch.endpoint_slug}")
        with revocation.told_unless_stored(config, answered):
            await in_database(store.end_for_another_patient, launch, answered, timezone.now())
    except Exception as error:
        await _refused(config, launch, tokens, answered, error)
    else:
        with revocation.told_unless_stored(config, _beside(tokens, answered)):
            await _store(launch, refreshed, response.expires_at)


async def _refused(
    config: EndpointConfig,
    launch: StoredLaunch,
    tokens: LaunchTokens,
    answered: Outstanding | None,
    error: Exception,
) -> NoReturn:
    """Hand over the tokens of an answer that the launch does not take (C98, C133), and keep it
    with those that it has, as `_kept` does."""
    if answered is not None:
        beside = _beside(tokens, answered)
        with revocation.told_unless_stored(config, beside):
            await in_database(store.hand_over_answer, launch, beside, timezone.now())
    await _kept(launch, error)


def _beside(tokens: LaunchTokens, answered: Outstanding) -> Outstanding:
    """Return what an answer brought beside the launch's own: an EHR that does not rotate sends the
    same refresh token again, and that is still the launch's."""
    is_same = answered.refresh_token == tokens.refresh_token
    return replace(answered, refresh_token=None) if is_same else answered


async def _prepared(config: EndpointConfig, tokens: LaunchTokens) -> dict[str, str]:
    """Return the form fields of a refresh, whose request has been taken out of the budget."""
    scope = scopes_to_send(config, tokens)
    await token_budget.take(config)
    return token.refresh_request(refresh_token=tokens.refresh_token or "", scope=scope)


async def _kept(launch: StoredLaunch, error: Exception) -> NoReturn:
    """Keep the launch, and end the lease, after a failure that is not the launch's end. Raises
    that failure, or RefreshUncertain where the refresh token is not to be used again."""
    if launch.refresh_tokens_persist or not _may_be_used_up(error):
        said = refresh_failure.of_a_refresh(error)
        await _postpone(launch, said)
        raise said from error
    code = error.code if isinstance(error, SmartError) else type(error).__name__
    logger.warning("launch %s: its refresh is uncertain: %s", launch.uuid, code)
    metrics.refreshes.labels("uncertain").inc()
    uncertain = refresh_failure.uncertain(error)
    failure = refresh_failure.remembered(uncertain, launch.refresh_failure)
    await in_database(store.leave_uncertain, launch, failure, timezone.now())
    raise (uncertain if isinstance(error, SmartError) else error) from error


async def _postpone(launch: StoredLaunch, error: Exception) -> None:
    metrics.refreshes.labels("postponed").inc()
    failure = refresh_failure.remembered(error, launch.refresh_failure)
    until = timezone.now() + refresh_failure.back_off(error, failure)
    await in_database(store.postpone_refresh, launch, failure, until)


def _may_be_used_up(error: Exception) -> bool:
    """Whether the EHR may have renewed the tokens, although none came that can be used.

    What the authorization server says in OAuth's words is its decision, and it gave nothing
    (C125). Any other answer without tokens may have taken the place of the one that had them: an
    unreadable 200, a redirect, a gateway's error, a server's failure that it did not foresee. An
    answer whose proof was refused had a refresh token, which is revoked with it.
    """
    if isinstance(error, TokenRefused):
        return error.http_status in NOBODYS_DECISION and error.error not in OAUTH_ERRORS
    if isinstance(error, EHRUnavailable):
        return error.sent or isinstance(error, EHRRedirected)
    used = isinstance(error, TokenResponseInvalid | IDTokenError)
    return used or not isinstance(error, SmartError)


def _is_lost(error: SmartError) -> bool:
    """Whether no answer came; a gateway's 504 says the same of the server behind it."""
    if isinstance(error, TokenRefused):
        return error.http_status == HTTPStatus.GATEWAY_TIMEOUT
    return isinstance(error, EHRUnavailable) and error.sent


async def _store(launch: StoredLaunch, refreshed: LaunchTokens, expires_at: datetime) -> None:
    """Commit what may be the only refresh token left, past a database that is away for a moment.
    Twice does no harm: the second time the row is at another version."""
    for pause in (*STORE_AGAIN_SECONDS, None):
        try:
            await in_database(store.store_refreshed, launch, refreshed, expires_at)
            metrics.refreshes.labels("renewed").inc()
            return
        except DatabaseError as error:
            logger.error("launch %s: renewed tokens: %s", launch.uuid, cause(error))
            if pause is None:
                raise
        await asyncio.sleep(pause)


async def _ask_past_a_lost_answer(
    config: EndpointConfig, launch: StoredLaunch, tokens: LaunchTokens, fields: dict[str, str]
) -> TokenResponse:
    """Return what the EHR gives; where the registration says that a refresh does not use its token
    up, a lost answer is asked for once more."""
    try:
        return await token_endpoint.request_token(config, tokens.token_endpoint, fields)
    except SmartError as error:
        if not (launch.refresh_tokens_persist and _is_lost(error)):
            raise
        logger.warning("launch %s: its refresh is uncertain: %s", launch.uuid, error.code)
    await in_database(store.mark_uncertain, launch, timezone.now())
    await token_budget.take(config)
    return await token_endpoint.request_token(config, tokens.token_endpoint, fields)


def scopes_to_send(config: EndpointConfig, tokens: LaunchTokens) -> str | None:
    """Return `scope` for a refresh where the EHR requires it: what was granted and had been asked
    for, never more (C121, T27). athenahealth compares it with what was asked for, others with
    what was granted. ScopeError when nothing is left."""
    if not config.send_scope_on_refresh:
        return None
    scope = tokens.scope
    wanted = " ".join(item for item in scope.granted if item not in scope.unasked)
    return scopes.validate_refresh(wanted, granted=scope.granted)
