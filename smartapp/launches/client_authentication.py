"""How a request to an EHR's authorization server says who we are (spec §1.6).

Whatever is asked there, a token, a revocation, an introspection, goes through `authenticated`:
exactly one method, and one more try with the previous key where the EHR has not heard of the new.
"""

import base64
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import quote_plus

from django.utils import timezone

from smartapp import http
from smartapp.keys import attribution, memory, stale_copies
from smartapp.keys.memory import Signer
from smartapp.launches import steps
from smartapp.protocol import client_assertion, token
from smartapp.protocol.errors import EHRUnavailable
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

# Sends the request with these headers and form fields beside its own, and returns the answer.
Send = Callable[[dict[str, str], dict[str, str]], Awaitable[http.Response]]


async def authenticated(config: EndpointConfig, token_endpoint: str, send: Send) -> http.Response:
    """Return the EHR's answer to what `send` sends, authenticated as the registration says.

    An EHR may keep our JWKS for longer than it says, and not ask again for a key that it does not
    know. So what it answers with `invalid_client` while the key that signed before is still
    published is sent once more, signed with that key, in an assertion of its own (C67; T22).

    No code or refresh token is used twice by that (C69, C123): `invalid_client` means that client
    authentication failed, which comes before any grant is looked at (RFC 6749 §3.2.1, §5.2). After
    a time-out, a cut connection or any other answer nothing is repeated.

    The window needs no clock of its own. A new key signs when no EHR that keeps to a known limit
    holds our JWKS without it any more; the old one stays published for an hour more, or for an
    hour after an EHR last took it in its stead (`stale_copies`). Later, a refusal has another
    cause. One private half at most is kept for this, and an emergency keeps none.

    `token_endpoint` is the assertion's audience where the registration names no other. Raises what
    `send` raises, and ClientKeyError when the registration signs and there is no key.
    """
    if config.auth_method != AuthMethod.PRIVATE_KEY_JWT:
        return await send(*await client_authentication(config, token_endpoint))
    # Who fetches our JWKS meanwhile is most likely this EHR.
    with attribution.asking(config.key_set_slug, config.registration_slug):
        return await _signed(config, token_endpoint, send)


async def _signed(config: EndpointConfig, token_endpoint: str, send: Send) -> http.Response:
    signer = await memory.signer(config.key_set_slug, config.alg)
    response = await send(*await client_authentication(config, token_endpoint, signer))
    if not token.refuses_client(response.status, response.body):
        return response
    previous = memory.previous_signer(config.key_set_slug, config.alg)
    if previous is None or previous.kid == signer.kid:
        return response
    try:
        again = await send(*await client_authentication(config, token_endpoint, previous))
    except EHRUnavailable as error:
        if error.sent:
            raise
        return response  # what was sent is the first request, and this is its answer
    if again.status == 200:
        await _report(config, refused=signer, taken=previous)
    return again


async def post_form(
    config: EndpointConfig, url: str, fields: dict[str, str], *, token_endpoint: str
) -> http.Response:
    """Return the answer to a form POST, authenticated: revocation, introspection (RFC 7009, RFC
    7662). Raises what `http.post_form` raises, and ClientKeyError."""

    async def send(headers: dict[str, str], credentials: dict[str, str]) -> http.Response:
        return await http.post_form(url, {**fields, **credentials}, headers=headers)

    return await authenticated(config, token_endpoint, send)


async def _report(config: EndpointConfig, *, refused: Signer, taken: Signer) -> None:
    logger.warning(
        "%s refused the new key %s and took the previous one %s: its copy of our JWKS is stale",
        config.registration_slug,
        refused.kid,
        taken.kid,
    )
    steps.stale_copy(config, refused=refused.kid, taken=taken.kid)
    await stale_copies.record(
        config.key_set_slug,
        registration=config.registration_slug,
        name=config.registration_name,
        refused_kid=refused.kid,
        taken_kid=taken.kid,
        now=timezone.now(),
    )


async def client_authentication(
    config: EndpointConfig, token_endpoint: str, signer: Signer | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and form fields that authenticate us: exactly one method, and the
    client id beside it only where the method is none or the registration says so (C61).

    Signed by whoever signs now, unless by `signer`. ClientKeyError when there is no such key.
    """
    client_id = {"client_id": config.client_id}
    if config.auth_method == AuthMethod.NONE:
        return {}, client_id
    beside = client_id if config.send_client_id else {}
    if config.auth_method == AuthMethod.CLIENT_SECRET_BASIC:
        return {"Authorization": f"Basic {_basic(config)}"}, beside
    signer = signer or await memory.signer(config.key_set_slug, config.alg)
    return {}, beside | _assertion(config, token_endpoint, signer)


def _basic(config: EndpointConfig) -> str:
    """Each part is form-url-encoded before they are joined (RFC 6749 §2.3.1, C62)."""
    encoded = str if config.send_secret_as_it_is else quote_plus
    pair = f"{encoded(config.client_id)}:{encoded(config.client_secret)}"
    return base64.b64encode(pair.encode()).decode()


def _assertion(config: EndpointConfig, token_endpoint: str, signer: Signer) -> dict[str, str]:
    assertion = client_assertion.sign_client_assertion(
        client_id=config.client_id,
        audience=config.assertion_audience or token_endpoint,
        private_key=signer.private_key,
        alg=signer.alg,
        kid=signer.kid,
        now=timezone.now(),
        typ=config.assertion_typ or "JWT",
        lifetime_seconds=config.assertion_lifetime_seconds,
        jku=config.jwks_url if config.send_jku else "",
    )
    return client_assertion.client_assertion_fields(assertion)
