"""The failure of a launch's last refresh, shown if its page is loaded before the next one.

It is stored sealed in the launch's row, because an EHR's message may quote anything.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from smartapp.launches.models import refresh_failure_context
from smartapp.protocol.errors import (
    EHRLimited,
    EHRRedirected,
    EHRResponseTooLarge,
    EHRUnavailable,
    IDTokenError,
    InvalidClient,
    KeysReplaced,
    RefreshAnswerUnusable,
    RefreshFailed,
    RefreshInterrupted,
    RefreshProofRefused,
    RefreshRefused,
    RefreshUncertain,
    SmartError,
    TokenEndpointFailed,
    TokenRefused,
    TokenResponseInvalid,
)
from smartapp.vault import Form, VaultError

FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 30.0
REFUSALS: Mapping[str, type[TokenRefused]] = {
    kind.code: kind for kind in (RefreshRefused, RefreshFailed, InvalidClient, KeysReplaced)
}
UNCERTAIN_KINDS = (RefreshUncertain, RefreshInterrupted, RefreshAnswerUnusable, RefreshProofRefused)
UNCERTAIN: Mapping[str, type[RefreshUncertain]] = {kind.code: kind for kind in UNCERTAIN_KINDS}


# Statuses without a decision of the authorization server. A gateway sends them if it has no answer
# from the server, because a connection failed (408, 502, 504; 499 of nginx; 520 and above of
# Cloudflare). A server sends 500 if it fails without a decision. 503 and 429 are not here: they
# refuse a request that has not begun.
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
# An error response of the authorization server, whatever its status (RFC 6749 §5.2). The last two
# are from §4.1.2.1; servers use them here too.
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


@dataclass(frozen=True, slots=True)
class RefreshFailure:
    """`code` is that of the error page. `error` and `http_status` are those of the EHR's answer.
    `count` is the number of failed refreshes in a row."""

    code: str
    detail: str = field(repr=False)
    error: str = ""
    http_status: int = 0
    said: str = field(default="", repr=False)
    count: int = 1
    may_be_tried_at_once: bool = False

    @property
    def as_refusal(self) -> TokenRefused | None:
        """The EHR's refusal, to be shown again; None for any other failure."""
        kind = REFUSALS.get(self.code)
        if kind is None:
            return None
        return kind(self.detail, error=self.error, http_status=self.http_status, said=self.said)

    @property
    def as_uncertain(self) -> RefreshUncertain:
        return UNCERTAIN.get(self.code, RefreshUncertain)(self.detail)


FORM = Form(RefreshFailure)


def seal(failure: RefreshFailure, launch: UUID) -> str:
    return FORM.seal(failure, refresh_failure_context(launch))


def unseal(sealed: str, launch: UUID) -> RefreshFailure | None:
    """Return the failure of that launch. None if there is none or if it cannot be decrypted any
    more; the next refresh goes ahead without it."""
    try:
        return FORM.unseal(sealed, refresh_failure_context(launch))
    except VaultError:
        return None


def of_a_refresh(error: Exception) -> Exception:
    """Return the error as one of a refresh: no sign-in failed, and a page is open."""
    if isinstance(error, InvalidClient) or not isinstance(error, TokenRefused):
        return error
    kind = RefreshFailed if isinstance(error, TokenEndpointFailed) else RefreshRefused
    said = kind(error.detail, error=error.error, http_status=error.http_status, said=error.said)
    said.retry_after = error.retry_after
    return said


def may_be_used_up(error: Exception) -> bool:
    """Return whether the EHR may have renewed the tokens although no usable answer came (C124).

    An OAuth error is the authorization server's decision, and it issued nothing (C125). Any other
    answer without tokens may have replaced the one with the tokens: an unreadable 200, a redirect,
    a gateway's error, an unexpected failure of the server. An answer with a refused id_token had a
    refresh token, which is revoked with it.
    """
    if isinstance(error, TokenRefused):
        return error.http_status in NOBODYS_DECISION and error.error not in OAUTH_ERRORS
    if isinstance(error, EHRUnavailable):
        return error.sent or isinstance(error, EHRRedirected)
    used = isinstance(error, TokenResponseInvalid | IDTokenError)
    return used or not isinstance(error, SmartError)


def is_lost(error: SmartError) -> bool:
    """Return whether no answer came. A gateway's 504 says that the server behind it did not
    answer."""
    if isinstance(error, TokenRefused):
        return error.http_status == HTTPStatus.GATEWAY_TIMEOUT
    return isinstance(error, EHRUnavailable) and error.sent


def uncertain(error: Exception) -> RefreshUncertain:
    """Return the page's error after an answer that leaves the state of the refresh token
    unknown."""
    if not isinstance(error, SmartError):
        return RefreshUncertain(type(error).__name__)
    detail = error.detail or error.code
    if isinstance(error, IDTokenError):
        return RefreshProofRefused(detail, rule=error.rule)
    unusable = TokenResponseInvalid | EHRRedirected | EHRResponseTooLarge
    is_server_error = error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, unusable) or is_server_error:
        return RefreshAnswerUnusable(detail)
    return RefreshUncertain(detail)


def remembered(error: Exception, before: RefreshFailure | None) -> RefreshFailure:
    """Return what to store about a failure. A person's reload may retry once without a wait, unless
    the EHR refused or asked us to wait."""
    count = 1 + (before.count if before else 0)
    if not isinstance(error, SmartError):
        return RefreshFailure(
            type(error).__name__, "", count=count, may_be_tried_at_once=count == 1
        )
    is_transient = error.retry_after is None and not _is_refusal(error)
    return RefreshFailure(
        code=error.code,
        detail=error.detail,
        error=error.error,
        http_status=error.http_status,
        said=error.said,
        count=count,
        may_be_tried_at_once=is_transient and count == 1,
    )


def back_off(error: Exception, failure: RefreshFailure) -> timedelta:
    """Return how long to wait before the next request (C125): as long as the EHR asks; half a
    minute after a refusal, which only a person can change; after another failure one second,
    doubled each time. The time is randomised so that not all retry at once."""
    if isinstance(error, SmartError) and error.retry_after is not None:
        return timedelta(seconds=error.retry_after)
    doubled = FIRST_BACK_OFF_SECONDS * 2 ** min(failure.count - 1, 10)
    seconds = LONGEST_BACK_OFF_SECONDS if _is_refusal(error) else doubled
    jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, keeps no secret
    return timedelta(seconds=min(seconds, LONGEST_BACK_OFF_SECONDS) * jitter)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, TokenRefused) and not isinstance(error, TokenEndpointFailed)


def postponed(launch: UUID, failure: RefreshFailure | None, seconds: float) -> SmartError:
    """Return the error for a page that is loaded before the next refresh: the EHR's refusal with
    its own message, as on the first page (C125). A refusal names no time, because waiting does not
    help."""
    refusal = failure.as_refusal if failure else None
    if refusal is not None:
        refusal.retry_after = None if _is_refusal(refusal) else seconds
        return refusal
    last = failure.code if failure else "a failure"
    kind = EHRLimited if last == EHRLimited.code else EHRUnavailable
    return kind(f"refresh of {launch} is postponed after {last}", retry_after=seconds)
