"""Asking an EHR to revoke tokens that are not needed any more (RFC 7009, C133)."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from django.utils import timezone

from smartapp import http, vault
from smartapp.exception_reports import cause
from smartapp.exchange import pipeline
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.protocol.errors import SmartError
from smartapp.protocol.retry_after import retry_after_seconds
from smartapp.protocol.token import Issued, error_code
from smartapp.registrations import discovery
from smartapp.registrations.registry import EndpointConfig

LONGEST_WAIT = timedelta(hours=1)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """The result of a revocation. 200 also answers a token that the EHR does not know (RFC 7009
    §2.2); some answer 204. `failure` is the code of an error, after which to try again; with
    `is_offered` False the EHR cannot revoke these tokens, and there is nothing to try again."""

    failure: str = ""
    retry_after: timedelta | None = None
    is_offered: bool = True


async def revoke(config: EndpointConfig, tokens: Issued) -> Told:
    """Revoke the refresh token first: at most EHRs that also revokes its access tokens (RFC 7009
    §2.1), also where access tokens cannot be revoked by themselves."""
    url = (await discovery.launch_endpoints(config)).revocation_endpoint
    if url is None:
        return Told(is_offered=False)
    named = {"refresh_token": tokens.refresh_token, "access_token": tokens.access_token}
    held = {hint: value for hint, value in named.items() if value}
    is_offered = True
    for hint, value in held.items():
        fields = {"token": value, "token_type_hint": hint}
        request = Request(config, Purpose.REVOCATION, url, fields, tokens.token_endpoint)
        response = await pipeline.send(await pipeline.admit(request))
        if _is_unsupported(response):
            is_offered = is_offered and hint == "access_token" and "refresh_token" in held
        elif response.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            return Told(f"status-{response.status}", _retry_after(response))
    return Told(is_offered=is_offered)


async def outcome(telling: Awaitable[Told], what: str) -> Told:
    """Return the result of a revocation; turn every exception into one."""
    try:
        return await telling
    except SmartError as error:
        return Told(error.code)
    except vault.VaultError:
        return Told("tokens-do-not-open")
    except Exception as error:
        # Our own bug: this revocation waits, and the rest of the batch goes on.
        logger.error("%s: %s", what, cause(error))
        return Told("unexpected-error")


def _is_unsupported(response: http.Response) -> bool:
    """Return whether the EHR cannot revoke this type of token (RFC 7009 §2.2.1): it stays valid,
    and no further request helps."""
    return response.status == 400 and error_code(response.body) == "unsupported_token_type"


def _retry_after(response: http.Response) -> timedelta | None:
    """Return how long a 503 asks us to wait (RFC 7009 §2.2.1), at most an hour."""
    value, longest = response.headers.get("Retry-After"), LONGEST_WAIT.total_seconds()
    seconds = retry_after_seconds(value, now=timezone.now(), longest=longest)
    return None if seconds is None else timedelta(seconds=seconds)
