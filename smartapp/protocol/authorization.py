"""From the launch link to the authorization code (SMART App Launch 2.2; RFC 6749 §4.1; RFC 7636).

`authorization_request` builds the request that the browser is sent with, and
`parse_authorization_response` checks the response that it brings back.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qsl, quote, unquote, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from smartapp.protocol import oauth_errors
from smartapp.protocol.errors import (
    AccessDenied,
    AnswerIncomplete,
    AuthorizationErrorWithoutState,
    AuthorizationRefused,
    AuthorizationRequestInvalid,
    AuthorizationRequestRefused,
    AuthorizationResponseInvalid,
    AuthorizationServerUnavailable,
    NotSignedIn,
    ParameterMalformed,
    ParameterMissing,
    ParameterRepeated,
    ParameterTooLong,
    RequestError,
)
from smartapp.protocol.text import MAX_VENDOR_CHARACTERS, plain_text
from smartapp.protocol.urls import base_key

RANDOM_BYTES = 32
MAX_QUERY_CHARACTERS = 32_768
MAX_PARAMETERS = 64
MAX_LAUNCH_PARAMETER_CHARACTERS = 4096
# Epic's codes are long JWTs (C53).
MAX_CODE_CHARACTERS = 8192
# The longest URL that browsers, proxies and servers on the way accept (C44).
MAX_URL_CHARACTERS = 2000
MAX_ERROR_CHARACTERS = 100

MAX_NAMES = 10  # that administrators are shown
_NAME = re.compile(r"[A-Za-z0-9_.;\[\]-]{1,40}")
_MEMBERS = ("iss", "launch", "code", "state", "error")
_REFUSALS: dict[str, type[AuthorizationRefused]] = {
    "access_denied": AccessDenied,
    "server_error": AuthorizationServerUnavailable,
    "temporarily_unavailable": AuthorizationServerUnavailable,
    "invalid_client": AuthorizationRequestRefused,
    "invalid_request": AuthorizationRequestInvalid,
    "invalid_scope": AuthorizationRequestRefused,
    "unauthorized_client": AuthorizationRequestRefused,
    "unsupported_response_type": AuthorizationRequestRefused,
    **dict.fromkeys(oauth_errors.NO_SIGN_IN, NotSignedIn),
}


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """`iss` and the opaque `launch` of an EHR launch. `launch` is never decoded or logged."""

    iss: str
    launch: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """A code that is not yet checked to come from the EHR that was asked."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    iss: str | None


@dataclass(frozen=True, slots=True)
class AuthorizationErrorResponse:
    """An error response (RFC 6749 §4.1.2.1). All members but `state` are untrusted text (C52)."""

    error: str
    error_description: str | None
    error_uri: str | None
    state: str = field(repr=False)
    iss: str | None


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code that may be exchanged. Only `accepted_code` creates it."""

    value: str = field(repr=False)


# As they stand in an EHR's settings: %LAUNCHTOKEN%, {launch}, ${launch}, {{launch}}, <launch>.
_PLACEHOLDER = re.compile(r"%\w+%|\$?\{\{?[\w. -]+\}?\}|<\w+>|\[\w+\]")


def parse_launch_request(query: str) -> LaunchRequest:
    """Return `iss` and `launch` from the raw query string of a launch URL (C20).

    Raises ParameterMissing, ParameterRepeated, ParameterTooLong or ParameterMalformed, which name
    the members that came. Further parameters, which some EHRs add in any encoding, are ignored.
    `iss` must be ASCII, which excludes look-alike letters (T1).
    """
    try:
        return _launch_request(query)
    except RequestError as exc:
        exc.came = _members(query)
        raise


def _launch_request(query: str) -> LaunchRequest:
    values = _parse_query(query)
    iss = _required(values, "iss", max_characters=MAX_LAUNCH_PARAMETER_CHARACTERS)
    if not iss.isascii() or " " in iss:
        raise ParameterMalformed("iss is not a URL")
    launch = _required(values, "launch", max_characters=MAX_LAUNCH_PARAMETER_CHARACTERS)
    if _PLACEHOLDER.fullmatch(launch):
        raise ParameterMalformed("launch is a placeholder that the EHR did not fill in")
    return LaunchRequest(iss, launch)


def new_state() -> str:
    """Return 256 random bits in 43 unreserved characters (C32; RFC 6749 §10.12)."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def new_nonce() -> str:
    """Return 256 random bits that the id_token must bring back (C34)."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def new_code_verifier() -> str:
    """Return 32 random octets in base64url, as RFC 7636 §4.1 recommends (C33)."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def code_challenge(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    # create_s256_code_challenge is untyped in the stubs.
    challenge: str = create_s256_code_challenge(code_verifier)  # type: ignore[no-untyped-call]
    return challenge


def authorization_request(
    *,
    client_id: str,
    redirect_uri: str,
    scope: str,
    aud: str,
    state: str,
    nonce: str | None,
    code_verifier: str,
    launch: str | None,
) -> dict[str, str]:
    """Return the parameters of the authorization request (C30 to C34).

    `launch` is passed on unchanged in an EHR launch, and None in a standalone launch (C22). `nonce`
    is None only if `openid` is not requested.
    """
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "aud": aud,
        "code_challenge": code_challenge(code_verifier),
        "code_challenge_method": "S256",
        "nonce": nonce,
        "launch": launch,
    }
    return {name: value for name, value in fields.items() if value is not None}


def authorization_request_url(authorization_endpoint: str, fields: Mapping[str, str]) -> str:
    """Return the URL that sends the parameters by GET.

    Keeps a query that the endpoint already has (RFC 6749 §3.1). Spaces become %20, because some
    servers do not read "+" as a space.
    """
    separator = "&" if "?" in authorization_endpoint else "?"
    return f"{authorization_endpoint}{separator}{urlencode(fields, quote_via=quote, safe='')}"


def is_better_posted(url: str, capabilities: Collection[str]) -> bool:
    """Return whether the parameters should be sent as a form: the URL is too long, and the EHR
    supports `authorize-post` (C41, C44; SMART, "Scope size over the wire")."""
    return len(url) > MAX_URL_CHARACTERS and "authorize-post" in capabilities


def parse_authorization_response(query: str) -> AuthorizationResponse | AuthorizationErrorResponse:
    """Return the authorization response or error response (RFC 6749 §4.1.2, §4.1.2.1).

    Raises AnswerIncomplete for one with a part that is missing, repeated, too long or malformed;
    AuthorizationResponseInvalid for a code together with an error (C53); and
    AuthorizationErrorWithoutState.
    """
    try:
        return _response(query)
    except RequestError as exc:
        raise AnswerIncomplete(exc.detail, rule=exc.code, came=_members(query)) from exc


def _members(query: str) -> str:
    """Return the names of a query's members, for administrators. What has no "=", or nothing after
    it, may be a value itself, as base64 ends, unless it is one of the standard's names."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    shown = (
        name if name in _MEMBERS or (value.strip("=") and _NAME.fullmatch(name)) else "[…]"
        for name, _, value in pairs
    )
    return ", ".join([*dict.fromkeys(shown)][:MAX_NAMES])


def _response(query: str) -> AuthorizationResponse | AuthorizationErrorResponse:
    # Of the words of an error, what is in another encoding than UTF-8 is shown as U+FFFD.
    values = _parse_query(query)
    for name, found in values.items():
        if len(found) > 1:
            shown = plain_text(name, MAX_ERROR_CHARACTERS)
            raise ParameterRepeated(f"parameter {shown} is there more than once")
    error = _optional(values, "error", max_characters=MAX_CODE_CHARACTERS)
    if error is not None and not values.get("state", [""])[0]:
        raise _without_state(error, values)
    state = _required(values, "state", max_characters=MAX_LAUNCH_PARAMETER_CHARACTERS)
    iss = _optional(values, "iss", max_characters=MAX_LAUNCH_PARAMETER_CHARACTERS)
    if error is None:
        code = _required(values, "code", max_characters=MAX_CODE_CHARACTERS)
        return AuthorizationResponse(code, state, iss)
    if _optional(values, "code", max_characters=MAX_CODE_CHARACTERS):
        raise AuthorizationResponseInvalid("a code and an error at once")
    return AuthorizationErrorResponse(
        error=plain_text(error, MAX_ERROR_CHARACTERS),
        error_description=_untrusted(values, "error_description"),
        # Oracle Health says in its path what is wrong, encoded once more.
        error_uri=_untrusted(values, "error_uri"),
        state=state,
        iss=iss,
    )


def accepted_code(
    response: AuthorizationResponse | AuthorizationErrorResponse,
    *,
    expected_issuers: Collection[str],
    iss_required: bool,
) -> AuthorizationCode:
    """Return the code of a response of the authorization server that was asked.

    Raises AuthorizationResponseInvalid for one of another server, whatever it says (C51), and
    AuthorizationRefused for an error. An error that only lacks its iss is not believed either, and
    told to administrators: some servers send iss with codes alone.
    """
    try:
        validate_response_issuer(
            response.iss, expected_issuers=expected_issuers, required=iss_required
        )
    except AuthorizationResponseInvalid as invalid:
        if isinstance(response, AuthorizationErrorResponse) and response.iss is None:
            refused = refusal(response)
            invalid.error, invalid.said = refused.error, refused.said
        raise
    if isinstance(response, AuthorizationErrorResponse):
        raise refusal(response)
    return AuthorizationCode(response.code)


def validate_response_issuer(
    iss: str | None, *, expected_issuers: Collection[str], required: bool
) -> None:
    """Refuse a response of another authorization server (RFC 9207 §2.4; C51; T3).

    `required` is `authorization_response_iss_parameter_supported` from discovery. If there is an
    `iss`, it is always compared, as a plain string, also in error responses. Raises
    AuthorizationResponseInvalid.
    """
    if iss is None:
        if required:
            raise AuthorizationResponseInvalid(
                "iss is missing although the EHR announces it", rule="iss-missing"
            )
        return
    # A set, because `in` on a single string, passed by mistake, would match any part of it.
    if iss not in frozenset(expected_issuers):
        words = "iss is not the issuer that was asked"
        raise AuthorizationResponseInvalid(words, rule="iss", came=_named(iss))


def _named(iss: str) -> str:
    """Return an issuer that administrators are shown; "" for what is not the address of one (RFC
    9207 §2). Anybody can write this parameter, and it may hold anything."""
    try:
        base_key(iss)
    except ValueError:
        return ""
    return iss


def refusal(response: AuthorizationErrorResponse) -> AuthorizationRefused:
    """Return the error to raise: a fixed message for each code. The EHR's own text goes to the log
    only."""
    kind = _REFUSALS.get(oauth_errors.as_standard(response.error), AuthorizationRefused)
    words = response.error_description or response.error_uri or ""
    return kind(f"error={response.error}", error=response.error, said=words)


def _without_state(error: str, values: dict[str, list[str]]) -> AuthorizationErrorWithoutState:
    code = plain_text(error, MAX_ERROR_CHARACTERS)
    said = _untrusted(values, "error_description")
    detail = f"answered with error {code} and without state"
    return AuthorizationErrorWithoutState(detail, error=code, said=said or "")


def _untrusted(values: dict[str, list[str]], name: str) -> str | None:
    """Return a parameter as text to be shown. What is encoded once more, or written for a web page,
    is decoded before that: an encoded colon looks like a token's digit."""
    text = unescape(unquote(values.get(name, [""])[0]))
    text = text if " " in text else text.replace("+", " ")
    return plain_text(text, MAX_VENDOR_CHARACTERS) or None


def _parse_query(query: str) -> dict[str, list[str]]:
    """Return every parameter with all its values, in order. What is not UTF-8 becomes U+FFFD, which
    `_optional` refuses: parameters that nobody reads may have any encoding.

    Raises ParameterTooLong if the query is longer than any real one, and ParameterMalformed if it
    has more parameters.
    """
    if len(query) > MAX_QUERY_CHARACTERS:
        raise ParameterTooLong("the whole query is longer than any EHR sends")
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="replace", max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        raise ParameterMalformed("more parameters than any EHR sends") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _optional(values: dict[str, list[str]], name: str, *, max_characters: int) -> str | None:
    """Return the single value of `name`; None if it is absent or empty.

    RFC 6749 §3.1: "parameters sent without a value MUST be treated as if they were omitted".
    """
    found = values.get(name, [])
    if len(found) > 1:
        raise ParameterRepeated(f"{name} is there more than once")
    if not found or not found[0]:
        return None
    value = found[0]
    if len(value) > max_characters:
        raise ParameterTooLong(f"{name} is longer than any EHR sends")
    if not value.isprintable() or "\ufffd" in value:
        raise ParameterMalformed(f"{name} has control characters, or is not UTF-8")
    return value


def _required(values: dict[str, list[str]], name: str, *, max_characters: int) -> str:
    """Return the single value of `name`, or raise ParameterMissing."""
    value = _optional(values, name, max_characters=max_characters)
    if value is None:
        raise ParameterMissing(f"{name} is missing, or empty")
    return value
