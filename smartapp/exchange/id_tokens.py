"""Validation of an id_token; keys that are not known yet are fetched."""

from django.utils import timezone

from smartapp.protocol import id_token
from smartapp.protocol.errors import IDTokenError
from smartapp.protocol.id_token import IDToken
from smartapp.registrations import discovery
from smartapp.registrations.registry import EndpointConfig


async def validated(
    config: EndpointConfig,
    raw: str,
    *,
    nonce: str | None,
    access_token: str,
    aud_may_be_absent: bool = False,
) -> IDToken:
    """Return the id_token after every check (C90). Keys are fetched only from an expected issuer
    (C91). An unknown kid or a wrong signature leads to one new fetch of the keys (C92). Raises
    IDTokenError, and the errors of `discovery.issuer_jwks`."""
    issuer = id_token.unverified_issuer(raw)

    async def check(*, force: bool) -> IDToken:
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
        # A key set without kids changes unnoticed; only the wrong signature shows it.
        if error.rule not in {"kid", "several", "signature"}:
            raise
        return await check(force=True)
