"""Whom an id_token vouches for, by keys that are fetched where they are not known yet."""

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
    """Return the id_token after every check (C90). No key is fetched from an issuer that is not
    an expected one (C91); an unknown kid, or a signature of another key, asks for fresh keys
    once (C92). Raises IDTokenError, and what `discovery.issuer_jwks` raises."""
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
        # A key set whose keys have no kid changes under the same name: the signature tells.
        if error.rule not in {"kid", "signature"}:
            raise
        return await check(force=True)
