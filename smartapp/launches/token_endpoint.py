"""Requests to an EHR's token endpoint (spec §1.6)."""

import itertools
import logging
from http import HTTPStatus

from django.utils import timezone

from smartapp import http
from smartapp.database import in_database
from smartapp.keys import emergency
from smartapp.launches import steps, token_budget
from smartapp.launches.client_authentication import authenticated
from smartapp.launches.pending import PendingLaunch
from smartapp.launches.tokens import LaunchTokens, from_response
from smartapp.protocol import id_token, scopes, token
from smartapp.protocol.errors import (
    BusyWithEHR,
    DiscoveryError,
    EHRCrowded,
    EHRSuspended,
    EHRUnavailable,
    IDTokenError,
    IDTokenKeyUnknown,
    InvalidClient,
    JWKSError,
    KeysReplaced,
    TokenEndpointFailed,
)
from smartapp.protocol.urls import host_of
from smartapp.registrations import discovery
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

TOKEN_TIMEOUT_SECONDS = 10


async def request_token(
    config: EndpointConfig, token_endpoint: str, fields: dict[str, str]
) -> token.TokenResponse:
    """Return the token endpoint's answer. Nothing is used twice (C69): see `authenticated`.

    The caller has taken the request out of the budget; one that is signed a second time is counted
    here. Raises what `http.post_form` and `token.parse_token_response` raise, ClientKeyError,
    KeysReplaced, and EHRLimited for a 429. EndpointHostChanged, with nothing sent, where an
    administrator trusts that host no longer: a launch remembers its token endpoint (C14).
    """
    discovery.check_hosts(config, {host_of(token_endpoint)})
    steps.token_asked(fields)
    attempts = itertools.count()

    async def send(headers: dict[str, str], credentials: dict[str, str]) -> http.Response:
        if next(attempts):
            await token_budget.count(config)
        form = {**fields, **credentials}
        response = await http.post_form(
            token_endpoint,
            form,
            headers={"Accept": "application/json", **headers},
            timeout_seconds=TOKEN_TIMEOUT_SECONDS,
        )
        steps.token_answered(config, token_endpoint, form, response)
        return response

    requested_at = timezone.now()
    response = await authenticated(config, token_endpoint, send)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise await token_budget.limited(config, response.headers.get("Retry-After"))
    try:
        return token.parse_token_response(response.status, response.body, requested_at=requested_at)
    except TokenEndpointFailed as error:
        error.retry_after = token_budget.asked_to_wait(response.headers.get("Retry-After"))
        raise
    except InvalidClient as error:
        await _refuse_after_emergency(config, error)
        raise


async def _refuse_after_emergency(config: EndpointConfig, error: InvalidClient) -> None:
    """KeysReplaced where the EHR cannot know our key yet, because it was replaced at once."""
    if config.auth_method != AuthMethod.PRIVATE_KEY_JWT:
        return
    now = timezone.now()
    at = await in_database(emergency.explains, config.key_set_slug, config.alg, now)
    if at:
        words = f"{error.detail} (keys replaced at {at:%Y-%m-%d %H:%M} UTC)"
        raise KeysReplaced(words, error=error.error, http_status=error.http_status) from error


async def _validated_id_token(
    config: EndpointConfig,
    raw: str,
    *,
    nonce: str | None,
    access_token: str,
    aud_may_be_absent: bool = False,
) -> id_token.IDToken:
    """Return the id_token after every check (C90). No key is fetched from an issuer that is not
    an expected one (C91); an unknown kid, or a signature of another key, asks for fresh keys
    once (C92)."""
    issuer = id_token.unverified_issuer(raw)

    async def check(*, force: bool) -> id_token.IDToken:
        return id_token.validate_id_token(
            raw,
            jwks=await discovery.issuer_jwks(config, issuer, force=force),
            expected_issuers=config.issuers,
            client_id=config.client_id,
            nonce=nonce,
            access_token=access_token,
            now=timezone.now(),
            aud_may_be_absent=aud_may_be_absent,
        )

    try:
        return await check(force=False)
    except IDTokenError as error:
        # A key set whose keys have no kid changes under the same name: the signature tells.
        if error.rule not in {"kid", "signature"}:
            raise
        return await check(force=True)


async def exchange_code(
    config: EndpointConfig, pending: PendingLaunch, code: str
) -> token.TokenResponse:
    """Return what the code brings, unchecked: `accept` does that.

    Raises BusyWithEHR when the code was not even sent, TokenError and EHRUnavailable.
    """
    fields = token.authorization_code_request(
        code=code, redirect_uri=config.redirect_uri, code_verifier=pending.code_verifier
    )
    try:
        return await request_token(config, pending.token_endpoint, fields)
    except (EHRCrowded, EHRSuspended) as error:
        raise BusyWithEHR(error.detail, retry_after=error.retry_after) from error


async def accept(
    config: EndpointConfig, pending: PendingLaunch, response: token.TokenResponse
) -> LaunchTokens:
    """Return what a code brought, once it is checked.

    Raises EHRUnavailable, IDTokenError (`openid` asks for proof of who signed in and nobody is
    believed without it, C97) and LaunchContextError.
    """
    granted = scopes.parse_scopes(pending.scope if response.scope is None else response.scope)
    proof = None
    if response.id_token is not None:
        asked_openid = "openid" in scopes.parse_scopes(pending.scope)
        proof = await _validated_id_token(
            config,
            response.id_token,
            nonce=pending.nonce if asked_openid else None,
            access_token=response.access_token,
        )
    elif "openid" in granted:
        raise IDTokenError("openid was granted but no id_token came", rule="missing")
    tokens = from_response(
        response, proof, requested_scope=pending.scope, token_endpoint=pending.token_endpoint
    )
    steps.context_given(tokens)
    return tokens


async def check_refreshed_id_token(
    config: EndpointConfig, tokens: LaunchTokens, response: token.TokenResponse
) -> None:
    """Refuse a refresh whose id_token is invalid or vouches for somebody else (C98).

    It carries no nonce of ours, as no authorization request stands behind it. When the issuer's
    keys are not to be had now, it goes unchecked, as if none had come: the answer holds what may
    be the only refresh token left, and nothing is read from this id_token. For the same reason one
    without any `aud` is taken, with a note in the timeline; another client's `aud` never is.
    """
    iss, sub = tokens.id_token_iss, tokens.id_token_sub
    if response.id_token is None or iss is None or sub is None:
        return
    try:
        proof = await _validated_id_token(
            config,
            response.id_token,
            nonce=None,
            access_token=response.access_token,
            aud_may_be_absent=True,
        )
    except (EHRUnavailable, DiscoveryError, JWKSError, IDTokenKeyUnknown) as error:
        logger.warning("id_token of a refresh at %s not checked: %s", config.slug, error.code)
        return
    id_token.validate_refreshed_id_token(proof, iss=iss, sub=sub)
    if not proof.aud:
        steps.refreshed_without_aud()
