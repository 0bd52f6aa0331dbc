"""The one path of every request to an authorization server; each request is one value.

`admit` takes the request out of the registration's budget, and for a code takes a place of the
visitor's network (C128, T30). `send` checks that an administrator trusts the address now (C14),
authenticates the request and sends it. If the EHR does not know the new key yet, `send` tries once
more with the previous key (C67, T22). Last, `tokens` checks the answer where tokens were asked for.
The timeline learns of each exchange here and only here (`exchanged`).

The second key never uses a code or refresh token twice (C69, C123): `invalid_client` means that
client authentication failed, and a server checks that before it looks at the grant (RFC 6749
§3.2.1, §5.2). After a timeout, a cut connection or any other answer nothing is repeated.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlencode

from django.dispatch import Signal
from django.utils import timezone

from smartapp import http, tracing
from smartapp.database import in_database
from smartapp.exchange import client_authentication, code_quota, token_budget
from smartapp.exchange.client_authentication import ClientAuthentication, PrivateKeyJWT
from smartapp.exchange.code_quota import Place
from smartapp.keys import emergency, stale_copies
from smartapp.protocol import token
from smartapp.protocol.authorization import AuthorizationCode
from smartapp.protocol.errors import (
    BusyWithEHR,
    EHRCrowded,
    EHRSuspended,
    EHRUnavailable,
    InvalidClient,
    KeysReplaced,
    TokenEndpointFailed,
    TokenRefused,
    TokenResponseInvalid,
)
from smartapp.protocol.fhir import challenge_words, error_words
from smartapp.protocol.token import Issued, TokenResponse
from smartapp.protocol.urls import host_of
from smartapp.registrations import discovery
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10

_SECRET_FIELDS = ("code", "code_verifier", "refresh_token", "client_assertion")

# Sent with each Exchange when it is over, successful or not.
exchanged = Signal()


class Purpose(StrEnum):
    CODE = "code"
    REFRESH = "refresh"
    CLIENT_CREDENTIALS = "client_credentials"
    REVOCATION = "revocation"
    INTROSPECTION = "introspection"

    @property
    def is_for_tokens(self) -> bool:
        return self in (Purpose.CODE, Purpose.REFRESH, Purpose.CLIENT_CREDENTIALS)


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask.

    `token_endpoint` is the assertion's audience if the registration names no other. `network` is
    the address that a code came from. `authentication` replaces that of the registration.
    """

    config: EndpointConfig = field(repr=False)
    purpose: Purpose
    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    token_endpoint: str
    network: str = ""
    is_get: bool = False
    authentication: ClientAuthentication | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent, with its credentials, and its answer."""

    fields: Mapping[str, str] = field(repr=False)
    response: http.Response

    @property
    def said(self) -> str:
        """The EHR's own words, without the credentials that they may repeat (C70)."""
        words = error_words(None, self.response.body) or challenge_words(
            self.response.headers.get("WWW-Authenticate")
        )
        for name in _SECRET_FIELDS:
            if secret := self.fields.get(name):
                words = words.replace(secret, "[…]")
        return words


@dataclass(slots=True)
class Exchange:
    """A request and its result. `sent` has two entries if the request was repeated with another
    key; `stale_copy` then holds the kid that the EHR refused and the kid that it accepted. Only a
    code has a `place`."""

    request: Request
    place: Place | None = None
    requested_at: datetime = field(default_factory=timezone.now)
    sent: list[Sent] = field(default_factory=list)
    stale_copy: tuple[str, str] | None = None


def code_request(
    config: EndpointConfig,
    code: AuthorizationCode,
    *,
    token_endpoint: str,
    code_verifier: str,
    network: str,
) -> Request:
    """Return the request that exchanges a code. The code's issuer has been checked (C51): only that
    check makes an AuthorizationCode."""
    fields = token.authorization_code_request(
        code=code.value, redirect_uri=config.redirect_uri, code_verifier=code_verifier
    )
    return Request(config, Purpose.CODE, token_endpoint, fields, token_endpoint, network)


async def admit(request: Request) -> Exchange:
    """Return the exchange of a request that may be sent now. A code waits a little for its turn.

    Raises TokenBudgetSpent and CodesRefused, which say when to try again. Then nothing has been
    sent, and nothing is taken from the budget.
    """
    place = None
    if request.purpose == Purpose.CODE:
        place = await code_quota.take(request.config, request.network)
    elif request.purpose.is_for_tokens:
        await token_budget.take(request.config)
    return Exchange(request, place)


async def send(exchange: Exchange) -> http.Response:
    """Return the EHR's answer, whatever it says.

    Raises the errors of `http`, ClientKeyError, and EHRLimited for a 429 to a request for tokens.
    Raises EndpointHostChanged, with nothing sent, if no administrator trusts that host any more: a
    launch remembers its token endpoint (C14).
    """
    config = exchange.request.config
    discovery.check_hosts(config, {host_of(exchange.request.url)})
    exchange.requested_at = timezone.now()
    try:
        asked = exchange.request.authentication
        method = asked or await client_authentication.registered(config)
        purpose = exchange.request.purpose.value
        with (
            method.in_its_hands(),
            tracing.span("token request", purpose=purpose, endpoint=config.slug),
        ):
            response = await _authenticated(exchange, method)
    finally:
        exchanged.send(Exchange, exchange=exchange)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS and exchange.request.purpose.is_for_tokens:
        limited = await token_budget.limited(config, response.headers.get("Retry-After"))
        limited.http_status, limited.said = response.status, exchange.sent[-1].said
        raise limited
    return response


async def tokens(exchange: Exchange, hold: Callable[[Issued], None] | None = None) -> TokenResponse:
    """Return the tokens of the answer, not yet checked. `hold` receives the tokens of any answer
    before the answer is validated.

    Raises the errors of `send` and `token.parse_token_response`, and KeysReplaced. Raises
    BusyWithEHR for a code that was certainly not sent.
    """
    asked = _tokens(exchange, hold)
    return await (exchange.place.judge(asked) if exchange.place else asked)


async def _tokens(exchange: Exchange, hold: Callable[[Issued], None] | None) -> TokenResponse:
    try:
        response = await send(exchange)
    except (EHRCrowded, EHRSuspended) as error:
        if exchange.request.purpose != Purpose.CODE:
            raise
        retry_after = error.retry_after
        raise BusyWithEHR(error.detail, rule=error.code, retry_after=retry_after) from error
    if hold and (issued := token.issued(response.body, exchange.request.token_endpoint)):
        hold(issued)
    try:
        return token.parse_token_response(
            response.status, response.body, requested_at=exchange.requested_at
        )
    except TokenResponseInvalid as error:
        error.said = exchange.sent[-1].said if error.said else ""
        raise
    except TokenRefused as error:
        error.said = exchange.sent[-1].said
        if isinstance(error, TokenEndpointFailed):
            error.retry_after = token_budget.asked_to_wait(response.headers.get("Retry-After"))
        elif isinstance(error, InvalidClient):
            await _refuse_after_emergency(exchange.request.config, error)
        raise


async def _authenticated(exchange: Exchange, method: ClientAuthentication) -> http.Response:
    """Send the request; after `invalid_client` send it once more, signed with the previous key.

    An EHR may cache our JWKS for longer than it says, and not fetch it again for an unknown key. So
    while the previous key is still published, the request is repeated with that key, in a new
    assertion.
    """
    response = await _sent(exchange, method)
    if not token.refuses_client(response.status, response.body):
        return response
    previous = method.previous()
    if previous is None:
        return response
    try:
        again = await _sent(exchange, previous)
    except EHRUnavailable as error:
        if error.sent:
            raise
        return response  # only the first request was sent, so this is its answer
    if again.status == HTTPStatus.OK and isinstance(method, PrivateKeyJWT):
        await _report(exchange, refused=method, taken=previous)
    return again


async def _sent(exchange: Exchange, method: ClientAuthentication) -> http.Response:
    request = exchange.request
    if exchange.sent and request.purpose.is_for_tokens:
        await token_budget.count(request.config)
    headers, credentials = method.credentials(request.token_endpoint)
    headers, fields = {"Accept": "application/json", **headers}, {**request.fields, **credentials}
    if request.is_get:
        url = f"{request.url}{'&' if '?' in request.url else '?'}{urlencode(fields)}"
        answer = http.get(url, headers=headers, timeout_seconds=TIMEOUT_SECONDS)
    else:
        answer = http.post_form(
            request.url, fields, headers=headers, timeout_seconds=TIMEOUT_SECONDS
        )
    response = await answer
    exchange.sent.append(Sent(fields, response))
    return response


async def _report(exchange: Exchange, *, refused: PrivateKeyJWT, taken: PrivateKeyJWT) -> None:
    config = exchange.request.config
    refused_kid, taken_kid = exchange.stale_copy = refused.signer.kid, taken.signer.kid
    logger.warning(
        "%s refused the new key %s and took the previous one %s: its copy of our JWKS is stale",
        config.registration_slug,
        refused_kid,
        taken_kid,
    )
    await stale_copies.record(
        config.key_set_slug,
        registration=config.registration_slug,
        name=config.registration_name,
        refused_kid=refused_kid,
        taken_kid=taken_kid,
        now=timezone.now(),
    )


async def _refuse_after_emergency(config: EndpointConfig, error: InvalidClient) -> None:
    """Raise KeysReplaced if the EHR cannot know our key yet because of an emergency replacement."""
    if config.auth_method != AuthMethod.PRIVATE_KEY_JWT:
        return
    now = timezone.now()
    at = await in_database(emergency.explains, config.key_set_slug, config.alg, now)
    if at:
        words = f"{error.detail} (keys replaced at {at:%Y-%m-%d %H:%M} UTC)"
        raise KeysReplaced(
            words, error=error.error, http_status=error.http_status, said=error.said
        ) from error
