"""Telling an EHR that tokens are not needed any more (RFC 7009, C133).

Whoever ends a launch tries right away; `maintain`, and an administrator's button, work off what
is `pending_revocations`. A few at once for each EHR: launches there must not wait for revocations.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import Error as DatabaseError
from django.utils import timezone

from smartapp import http, vault
from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.launches import background, pending_revocations
from smartapp.launches.client_authentication import post_form
from smartapp.launches.models import EndReason
from smartapp.launches.pending_revocations import LONGEST_WAIT, Outstanding, Told
from smartapp.protocol.errors import SmartError
from smartapp.protocol.retry_after import retry_after_seconds
from smartapp.protocol.token import error_code
from smartapp.registrations import discovery, doctor
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

AT_ONCE = 20
AT_ONCE_PER_ENDPOINT = 4


async def tell(pk: UUID) -> EndReason:
    """Tell the EHR of one revocation that this caller has claimed; return how it went, in the
    words of a launch that a person has disconnected."""
    told = await _outcome(_told(pk), f"revocation {pk}")
    await in_database(pending_revocations.settle, pk, told, timezone.now())
    if told.failure:
        logger.warning("revocation %s: the EHR was not told: %s", pk, told.failure)
    return told.end_reason or EndReason.NOT_REVOKED


@contextmanager
def told_unless_stored(config: EndpointConfig, tokens: Outstanding | None) -> Iterator[None]:
    """Around the database work that keeps these tokens or hands them over: where it fails, the EHR
    is told at once, without a word in the database. Nobody waits for that, and it is tried once."""
    try:
        yield
    except DatabaseError:
        if tokens is not None:
            background.start(_tell_unstored(config, tokens))
        raise


async def _tell_unstored(config: EndpointConfig, tokens: Outstanding) -> None:
    what = f"tokens of {config.slug} that could not be stored"
    told = await _outcome(_ask(config, tokens), what)
    if told.failure:
        logger.error("%s: the EHR was not told: %s", what, told.failure)


async def _told(pk: UUID) -> Told:
    loaded = await in_database(pending_revocations.load, pk)
    return await _ask(*loaded) if loaded else Told(EndReason.DISCONNECTED)


async def _outcome(telling: Awaitable[Told], what: str) -> Told:
    try:
        return await telling
    except SmartError as error:
        return Told(None, error.code)
    except vault.VaultError:
        return Told(None, "tokens-do-not-open")
    except Exception as error:
        # Our own fault: this one waits, and the others of its batch are told all the same.
        logger.error("%s: %s", what, cause(error))
        return Told(None, "unexpected-error")


async def _ask(config: EndpointConfig, tokens: Outstanding) -> Told:
    """Refresh token first: at most EHRs it takes its access tokens with it (RFC 7009 §2.1)."""
    url = (await discovery.launch_endpoints(config)).revocation_endpoint
    if url is None:
        return Told(EndReason.NOT_REVOCABLE)
    held = {
        "refresh_token": tokens.refresh_token,
        "access_token": tokens.access_token,
    }
    for hint, value in held.items():
        if not value:
            continue
        fields = {"token": value, "token_type_hint": hint}
        response = await post_form(config, url, fields, token_endpoint=tokens.token_endpoint)
        if not _is_done(response):
            return Told(None, f"status-{response.status}", _retry_after(response))
    return Told(EndReason.DISCONNECTED)


def _is_done(response: http.Response) -> bool:
    """200, also for a token that the EHR does not know (RFC 7009 §2.2); and an EHR that cannot
    revoke this type of token has nothing more to be told (§2.2.1)."""
    return response.status == 200 or (
        response.status == 400 and error_code(response.body) == "unsupported_token_type"
    )


def _retry_after(response: http.Response) -> timedelta | None:
    """How long a 503 asks to be left alone (RFC 7009 §2.2.1); an hour at most."""
    value, longest = response.headers.get("Retry-After"), LONGEST_WAIT.total_seconds()
    seconds = retry_after_seconds(value, now=timezone.now(), longest=longest)
    return None if seconds is None else timedelta(seconds=seconds)


async def work_off(*, within_seconds: float) -> int:
    """Tell the EHRs of what is due, a few at once; return how many took it. What is left when the
    time is over stays for the next time."""
    until = time.monotonic() + within_seconds
    gates: dict[int, asyncio.Semaphore] = {}
    told = 0
    while time.monotonic() < until:
        claimed = await in_database(pending_revocations.claim, AT_ONCE, timezone.now())
        if not claimed:
            break
        endpoints = await in_database(pending_revocations.endpoints_of, claimed)
        outcomes = await asyncio.gather(
            *(
                _one(pk, gates.setdefault(endpoint, asyncio.Semaphore(AT_ONCE_PER_ENDPOINT)))
                for pk, endpoint in endpoints
            )
        )
        told += sum(outcome == EndReason.DISCONNECTED for outcome in outcomes)
    return told


async def findings(config: EndpointConfig) -> AsyncIterator[doctor.Finding]:
    """For the doctor: the revocations that this EHR did not take (C133)."""
    waiting, given_up, why = await in_database(pending_revocations.not_taken, config.endpoint_id)
    if not waiting and not given_up:
        return
    seen = f"The EHR could not be told of {waiting} ended launches yet, of {given_up} never: {why}."
    fix = (
        "See what it says in the admin, under revocations to do; ask the vendor to revoke the rest."
    )
    yield doctor.problem("revocations", seen, fix)


async def _one(pk: UUID, gate: asyncio.Semaphore) -> EndReason:
    async with gate:
        return await tell(pk)
