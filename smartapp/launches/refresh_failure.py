"""Why the last refresh of a launch brought nothing, for whoever loads its page before the next.

Kept sealed in the launch's row: an EHR's own words may quote anything.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from smartapp.launches.models import refresh_failure_context
from smartapp.protocol.errors import (
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


@dataclass(frozen=True, slots=True)
class RefreshFailure:
    """`code` is that of the page, `error` the `error` of the EHR's answer and `http_status` its
    status. `count` is how many refreshes failed in a row."""

    code: str
    detail: str = field(repr=False)
    error: str = ""
    http_status: int = 0
    said: str = field(default="", repr=False)
    count: int = 1
    may_be_tried_at_once: bool = False

    @property
    def as_refusal(self) -> TokenRefused | None:
        """The EHR's refusal, to be said again; None for anything else."""
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
    """Return the failure of that launch; None for none, and for one that cannot be read any more:
    the next refresh goes ahead without it."""
    try:
        return FORM.unseal(sealed, refresh_failure_context(launch))
    except VaultError:
        return None


def of_a_refresh(error: Exception) -> Exception:
    """Return the error in the words of a refresh: no sign-in failed, and a page is open."""
    if isinstance(error, InvalidClient) or not isinstance(error, TokenRefused):
        return error
    kind = RefreshFailed if isinstance(error, TokenEndpointFailed) else RefreshRefused
    said = kind(error.detail, error=error.error, http_status=error.http_status, said=error.said)
    said.retry_after = error.retry_after
    return said


def may_be_used_up(error: Exception) -> bool:
    """Whether the EHR may have renewed the tokens, although none came that can be used (C124).

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


def is_lost(error: SmartError) -> bool:
    """Whether no answer came; a gateway's 504 says the same of the server behind it."""
    if isinstance(error, TokenRefused):
        return error.http_status == HTTPStatus.GATEWAY_TIMEOUT
    return isinstance(error, EHRUnavailable) and error.sent


def uncertain(error: Exception) -> RefreshUncertain:
    """Return what the page says after an answer that left the refresh token's state unknown."""
    if not isinstance(error, SmartError):
        return RefreshUncertain(type(error).__name__)
    detail = f"{error.code}: {error.detail}"
    if isinstance(error, IDTokenError):
        return RefreshProofRefused(detail, rule=error.rule)
    unusable = TokenResponseInvalid | EHRRedirected | EHRResponseTooLarge
    is_server_error = getattr(error, "http_status", 0) == HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, unusable) or is_server_error:
        return RefreshAnswerUnusable(detail)
    return RefreshUncertain(detail)


def remembered(error: Exception, before: RefreshFailure | None) -> RefreshFailure:
    """Return what to keep of a failure. A person's reload may try once more at once, where the EHR
    neither refused nor asked to be left alone."""
    count = 1 + (before.count if before else 0)
    if not isinstance(error, SmartError):
        return RefreshFailure(
            type(error).__name__, "", count=count, may_be_tried_at_once=count == 1
        )
    is_transient = error.retry_after is None and not _is_refusal(error)
    return RefreshFailure(
        code=error.code,
        detail=error.detail,
        error=getattr(error, "error", ""),
        http_status=getattr(error, "http_status", 0),
        said=error.said,
        count=count,
        may_be_tried_at_once=is_transient and count == 1,
    )


def back_off(error: Exception, failure: RefreshFailure) -> timedelta:
    """Return for how long the EHR is left alone (C125): as long as it asks; after a refusal, which
    only a person can change, half a minute; after a failure from one second on, doubled each time,
    and never the same for everybody."""
    if isinstance(error, SmartError) and error.retry_after is not None:
        return timedelta(seconds=error.retry_after)
    doubled = FIRST_BACK_OFF_SECONDS * 2 ** min(failure.count - 1, 10)
    seconds = LONGEST_BACK_OFF_SECONDS if _is_refusal(error) else doubled
    jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, keeps no secret
    return timedelta(seconds=min(seconds, LONGEST_BACK_OFF_SECONDS) * jitter)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, TokenRefused) and not isinstance(error, TokenEndpointFailed)


def postponed(launch: UUID, failure: RefreshFailure | None, seconds: float) -> SmartError:
    """Return the error for a page that is loaded before the next refresh: the EHR's refusal in its
    own words, as the first page had it (C125). Of a refusal no time is named: waiting changes
    none."""
    refusal = failure.as_refusal if failure else None
    if refusal is not None:
        refusal.retry_after = None if _is_refusal(refusal) else seconds
        return refusal
    last = failure.code if failure else "a failure"
    return EHRUnavailable(f"refresh of {launch} is postponed after {last}", retry_after=seconds)
