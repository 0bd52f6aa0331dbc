"""Requests to the token endpoint, and the parsing of its responses.

RFC 6749 §4.1.3, §5 and §6; SMART App Launch 2.2, app-launch; C60, C80 to C87, C120, C121.
"""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smartapp.protocol.errors import (
    InvalidClient,
    InvalidGrant,
    TokenEndpointFailed,
    TokenRefused,
    TokenResponseInvalid,
)
from smartapp.protocol.fhir import error_words
from smartapp.protocol.json import JSONInvalid, in_utf8, parse_json, parse_json_object
from smartapp.protocol.oauth_errors import as_standard
from smartapp.protocol.scopes import without_commas

MAX_TOKEN_CHARACTERS = 16_384
MAX_MEMBERS = 200
DEFAULT_EXPIRES_IN_SECONDS = 300
MAX_EXPIRES_IN_SECONDS = 10 * 365 * 24 * 3600
# Subtracted from a token's lifetime, for clock differences and for the reads that follow (C81,
# C128). Of a short lifetime only a share is subtracted, or a new token would already count as
# expired.
EXPIRY_MARGIN_SECONDS = 60
EXPIRY_MARGIN_SHARE = 0.2

_READ_HERE = frozenset(
    {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
)
# RFC 6749 appendix A.12 allows spaces, but a header cannot carry a token with spaces (RFC 6750
# §2.1).
_TOKEN = re.compile(r"[!-~]+")
_REVOCABLE = re.compile(r"[ -~]+")  # a form can carry spaces
_NUMERIC = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
_TYPE_NAME = re.compile(r"[A-Za-z-]{1,20}")
_ERROR_CODE = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_REFUSALS: dict[str, type[TokenRefused]] = {
    "invalid_grant": InvalidGrant,
    "invalid_client": InvalidClient,
    # Of RFC 6749 §4.1.2.1, for the authorization endpoint; servers use them here too.
    "server_error": TokenEndpointFailed,
    "temporarily_unavailable": TokenEndpointFailed,
}


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """A valid token response. `members` holds the members beside the tokens (C86, C100)."""

    access_token: str = field(repr=False)
    expires_at: datetime
    scope: str | None
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)
    members: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens that stay valid at the EHR until they are revoked (RFC 7009, C133)."""

    refresh_token: str | None = field(repr=False)
    access_token: str | None = field(repr=False)
    token_endpoint: str


def authorization_code_request(
    *, code: str, redirect_uri: str, code_verifier: str
) -> dict[str, str]:
    """Return the form fields for exchanging a code, without client authentication (C60).

    No `client_id`: a client that authenticates must not repeat it in the body (C61).
    """
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": code_verifier,
    }


def refresh_request(*, refresh_token: str, scope: str | None) -> dict[str, str]:
    """Return the form fields of a refresh (RFC 6749 §6; C120).

    athenahealth requires `scope`. Elsewhere None omits it, which means "as before" (C121).
    """
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return fields if scope is None else {**fields, "scope": scope}


def client_credentials_request(*, scope: str) -> dict[str, str]:
    """Return the form fields of a backend service's token request (RFC 6749 §4.4; C145)."""
    return {"grant_type": "client_credentials", "scope": scope}


def parse_token_response(status: int, body: bytes, *, requested_at: datetime) -> TokenResponse:
    """Return the tokens, or raise.

    Raises InvalidGrant, InvalidClient or TokenRefused for an error response in any format (C142),
    and TokenResponseInvalid for anything else that is not a token response. `requested_at` is when
    the request was *started*: the lifetime counts from there, less a margin (C81).
    """
    if status >= 400:
        raise _refusal(status, body)
    if status != 200:
        raise TokenResponseInvalid(f"status {status}")
    try:
        members = parse_json_object(body)
    except JSONInvalid as exc:
        raise TokenResponseInvalid(f"the body is {exc}", rule=exc.rule) from None
    if "access_token" not in members and "error" in members:
        raise _refusal(status, body)
    access_token = _token(members, "access_token")
    if access_token is None:
        raise TokenResponseInvalid("no access_token", said=error_words(None, body))
    return _token_response(access_token, members, requested_at)


def _token_response(
    access_token: str, members: dict[str, Any], requested_at: datetime
) -> TokenResponse:
    if len(members) > MAX_MEMBERS:
        raise TokenResponseInvalid("too many members")
    _check_token_type(members.get("token_type"))
    lifetime = _expires_in(members.get("expires_in"))
    lifetime -= min(EXPIRY_MARGIN_SECONDS, lifetime * EXPIRY_MARGIN_SHARE)
    return TokenResponse(
        access_token=access_token,
        expires_at=requested_at + timedelta(seconds=lifetime),
        scope=granted_scope(members.get("scope")),
        refresh_token=_token(members, "refresh_token"),
        id_token=_token(members, "id_token"),
        members={name: value for name, value in members.items() if name not in _READ_HERE},
    )


def _check_token_type(value: object) -> None:
    # Epic sends "bearer"; the value is case-insensitive (RFC 6749 §5.1).
    if isinstance(value, str) and value.lower() == "bearer":
        return
    if value is None or value == "":
        raise TokenResponseInvalid("token_type is missing, and must be Bearer")
    is_name = isinstance(value, str) and _TYPE_NAME.fullmatch(value)
    raise TokenResponseInvalid(f"token_type is {value if is_name else 'no name'}, not Bearer")


def issued(body: bytes, token_endpoint: str) -> Issued | None:
    """Return the tokens in a response, also in one that is refused; None if there are none.

    They are only revoked, so the response is read leniently: any other member may be wrong or
    repeated.
    """
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    members = document if isinstance(document, dict) else {}
    access_token, refresh_token = (
        value if isinstance(value, str) and _REVOCABLE.fullmatch(value) else None
        for value in (members.get("access_token"), members.get("refresh_token"))
    )
    if access_token is None and refresh_token is None:
        return None
    return Issued(refresh_token, access_token, token_endpoint)


def _token(members: dict[str, Any], name: str) -> str | None:
    """Return a token; None if absent. Tokens are opaque (C84): it is only checked that a header and
    a form can carry them."""
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise TokenResponseInvalid(f"{name} is not a token")
    if len(value) > MAX_TOKEN_CHARACTERS:
        raise TokenResponseInvalid(f"{name} is too long")
    return value


def _expires_in(value: object) -> float:
    """Return the lifetime in seconds. athenahealth's documentation shows it in quotes (C81)."""
    if value is None or value == "":
        return DEFAULT_EXPIRES_IN_SECONDS
    if isinstance(value, str) and _NUMERIC.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise TokenResponseInvalid("expires_in is not a number")
    if not 0 <= value <= MAX_EXPIRES_IN_SECONDS:
        raise TokenResponseInvalid(
            f"expires_in is {value:.0f}, and must be how many seconds the token lasts"
        )
    return value


def granted_scope(value: object) -> str | None:
    """Return the granted scope as sent, with blanks between scopes that came as a list or with
    commas; None if absent. The caller decides what that means.

    A scope allows nothing by itself: it says what this app need not ask for in vain.
    """
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    if not isinstance(value, str):
        raise TokenResponseInvalid("scope is not a string")
    if len(value) > MAX_TOKEN_CHARACTERS:
        raise TokenResponseInvalid("scope is too long")
    return without_commas(value)


def refuses_client(status: int, body: bytes) -> bool:
    """Return whether client authentication failed (`invalid_client`, RFC 6749 §5.2; RFC 7009 and
    RFC 7662 use the same code), so that the request had no effect.

    Only a response in the standard's format counts: another one may come from a proxy in between.
    """
    is_object = body.lstrip().startswith(b"{")
    return status in (400, 401) and is_object and isinstance(_refusal(status, body), InvalidClient)


def _refusal(status: int, body: bytes) -> TokenRefused:
    error = error_code(body)
    # Only a 4xx is the authorization server's decision: a 5xx or 429 that says "invalid_grant" must
    # not end a launch that a later attempt could continue (C125).
    considered = status < 500 and status != 429
    usual = TokenEndpointFailed if status >= 500 else TokenRefused
    kind = _REFUSALS.get(error, usual) if considered else usual
    said = error_words(None, body)
    detail = " ".join(filter(None, (f"status {status}", error)))
    return kind(detail, error=error, http_status=status, said=said)


def error_code(body: bytes) -> str:
    """Return the `error` of an OAuth error response (RFC 6749 §5.2), a standard's code in the
    standard's spelling; "" if there is none."""
    try:
        document = parse_json(in_utf8(body))
    except JSONInvalid:
        return ""
    error = document.get("error") if isinstance(document, dict) else document
    error = as_standard(error) if isinstance(error, str) else error
    return error if isinstance(error, str) and _ERROR_CODE.fullmatch(error) else ""
