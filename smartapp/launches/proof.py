"""The checks that a token response must pass before its tokens belong to a launch (C90-C98)."""

import logging

from django.utils import timezone

from smartapp.launches import steps
from smartapp.launches.pending import PendingLaunch
from smartapp.launches.tokens import LaunchTokens, from_response
from smartapp.protocol import id_token, scopes
from smartapp.protocol.errors import (
    DiscoveryError,
    EHRUnavailable,
    IDTokenError,
    IDTokenKeyUnknown,
    JWKSError,
)
from smartapp.protocol.id_token import IDToken
from smartapp.protocol.token import TokenResponse
from smartapp.registrations import discovery
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

# The rules that may fail only because our copy of the issuer's keys is old. A key set without kids
# changes unnoticed; only the wrong signature shows it.
_OF_OLD_KEYS = frozenset({"kid", "several", "signature"})


async def accepted(
    config: EndpointConfig, pending: PendingLaunch, response: TokenResponse
) -> LaunchTokens:
    """Return the tokens that a code was exchanged for, once they are checked.

    Raises EHRUnavailable, LaunchContextError and IDTokenError. The last also if `openid` was
    granted and no id_token came: without it there is no proof of who signed in (C97).
    """
    granted = scopes.parse_scopes(pending.scope if response.scope is None else response.scope)
    proof = None
    if response.id_token is not None:
        asked_openid = "openid" in scopes.parse_scopes(pending.scope)
        nonce = pending.nonce if asked_openid else None
        proof = await _validated(config, response.id_token, response.access_token, nonce=nonce)
    elif "openid" in granted:
        raise IDTokenError("openid was granted but no id_token came", rule="missing")
    tokens = from_response(
        response, proof, requested_scope=pending.scope, token_endpoint=pending.token_endpoint
    )
    steps.context_given(tokens)
    return tokens


async def check_refreshed(
    config: EndpointConfig, tokens: LaunchTokens, response: TokenResponse
) -> None:
    """Refuse a refresh whose id_token is invalid or names another person (C98).

    The id_token has no nonce of ours, because no authorization request precedes it. If the issuer's
    keys cannot be fetched now, it stays unchecked, as if none had come: the answer may hold the
    only refresh token left, and nothing is read from this id_token. For the same reason an id_token
    without `aud` is accepted, with a note in the timeline; an `aud` of another client never is.
    """
    iss, sub = tokens.id_token_iss, tokens.id_token_sub
    if response.id_token is None or iss is None or sub is None:
        return
    try:
        proof = await _validated(
            config, response.id_token, response.access_token, nonce=None, aud_may_be_absent=True
        )
    except (EHRUnavailable, DiscoveryError, JWKSError, IDTokenKeyUnknown) as error:
        logger.warning("id_token of a refresh at %s not checked: %s", config.slug, error.code)
        return
    id_token.validate_refreshed_id_token(proof, iss=iss, sub=sub)
    if not proof.aud:
        steps.refreshed_without_aud()


async def _validated(
    config: EndpointConfig,
    raw: str,
    access_token: str,
    *,
    nonce: str | None,
    aud_may_be_absent: bool = False,
) -> IDToken:
    """Return the id_token after every check (C90). Keys are fetched only from an expected issuer
    (C91), and once more if the known ones may be old (C92). Raises IDTokenError, and the errors of
    `discovery.issuer_jwks`."""
    parsed = id_token.parse_id_token(raw)
    issuer = id_token.unverified_issuer(parsed)

    async def check(*, force: bool) -> IDToken:
        return id_token.validate_id_token(
            parsed,
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
        if error.rule not in _OF_OLD_KEYS:
            raise
        return await check(force=True)
