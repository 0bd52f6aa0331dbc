"""Steps from the first redirect to the finished launch, shared by EHR and standalone launches."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from smartapp import logs, metrics
from smartapp.brands.chosen import Chosen
from smartapp.database import in_database
from smartapp.exchange import pipeline
from smartapp.exchange.custody import Custody, custody
from smartapp.frames import is_framed
from smartapp.launches import cookies, pending, proof, steps, store
from smartapp.launches.models import LaunchKind
from smartapp.launches.pending import PendingLaunch
from smartapp.launches.session_length import session_length
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import authorization
from smartapp.protocol.authorization import AuthorizationCode
from smartapp.protocol.errors import Busy, BusyWithEHR
from smartapp.registrations import discovery, presets
from smartapp.registrations.discovery import OAuthEndpoints
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

_in_flight: Counter[int] = Counter()


def waiting() -> int:
    """Return how many launches of this process are waiting for a token response."""
    return _in_flight.total()


@contextmanager
def in_flight(config: EndpointConfig) -> Iterator[None]:
    """Count a launch that waits for its EHR. Raises Busy if too many launches of this process wait,
    BusyWithEHR if too many of them wait for this EHR: a slow EHR must leave room for the others."""
    if _in_flight.total() >= settings.MAX_LAUNCHES_IN_FLIGHT:
        raise Busy(f"{_in_flight.total()} launches wait for their EHR")
    if _in_flight[config.endpoint_id] >= settings.MAX_OF_ONE_ENDPOINT:
        raise BusyWithEHR(f"{settings.MAX_OF_ONE_ENDPOINT} launches wait for {config.slug}")
    _in_flight[config.endpoint_id] += 1
    try:
        yield
    finally:
        _in_flight[config.endpoint_id] -= 1


async def start(
    request: HttpRequest,
    config: EndpointConfig,
    kind: LaunchKind,
    launch: str | None,
    *,
    aud: str,
    brand: Chosen | None = None,
) -> HttpResponse:
    """Return the redirect or form to the EHR's authorization endpoint, with the pending launch
    sealed into a cookie (C30-C44). Each call makes a new state, nonce and PKCE verifier (C23).

    `aud` is a spelling of the endpoint's FHIR base URL: in an EHR launch the `iss` exactly as it
    came, because some servers compare the two character by character; otherwise the published one.
    """
    state = authorization.new_state()
    steps.started(config, kind, state)
    logs.about(endpoint=config.slug)
    metrics.launches.labels(kind, "begun", "").inc()
    endpoints = await discovery.launch_endpoints(config, aud)
    steps.discovered(endpoints)
    scope = config.scope if kind == LaunchKind.EHR else config.standalone_scope
    started = PendingLaunch(
        endpoint_id=config.endpoint_id,
        registration_slug=config.registration_slug,
        kind=kind,
        nonce=authorization.new_nonce(),
        code_verifier=authorization.new_code_verifier(),
        scope=scope,
        token_endpoint=endpoints.token_endpoint,
        issuer_required=endpoints.authorization_response_iss_parameter_supported,
        launched_at=timezone.now(),
        brand_id=brand.pk if brand else None,
    )
    fields = authorization.authorization_request(
        client_id=config.client_id,
        redirect_uri=config.redirect_uri,
        scope=scope,
        aud=aud,
        state=state,
        nonce=started.nonce,
        code_verifier=started.code_verifier,
        launch=launch,
    )
    name = brand.name if brand else config.name
    response = _sent_away(request, config, kind, endpoints, fields, name)
    pending.remember(request, response, state, started)
    steps.asked(config, fields, response, is_framed=is_framed(request))
    return response


def _sent_away(
    request: HttpRequest,
    config: EndpointConfig,
    kind: LaunchKind,
    endpoints: OAuthEndpoints,
    fields: dict[str, str],
    name: str,
) -> HttpResponse:
    """Return the redirect to the authorization endpoint. If it is too long for an address and the
    EHR accepts a form, return a form that submits itself (C41, C44)."""
    url = authorization.authorization_request_url(endpoints.authorization_endpoint, fields)
    takes_forms = kind == LaunchKind.EHR or presets.takes_posted_standalone(config.preset)
    if not (takes_forms and authorization.is_better_posted(url, endpoints.capabilities)):
        return HttpResponseRedirect(url)
    context = {"endpoint": name, "action": endpoints.authorization_endpoint}
    response = render(request, "authorize.html", {**context, "fields": fields})
    # Browsers check every redirect after a form against this list, and an EHR's sign-in may use
    # hosts that we cannot list. The form itself goes to the host that discovery names.
    schemes = ["https:", "http:"] if settings.ALLOW_LOOPBACK_EHRS else ["https:"]
    response._csp_replace = {"form-action": schemes}  # type: ignore[attr-defined]
    return response


async def finish(
    request: HttpRequest,
    config: EndpointConfig,
    started: PendingLaunch,
    state: str,
    code: AuthorizationCode,
) -> HttpResponse:
    """Use up the state, exchange the code, and return the redirect to the launch's page (C55).

    The state is used up first: a callback that is loaded a second time must not take a place or a
    token request from others.
    """
    with in_flight(config):
        uuid = await in_database(
            store.consume_state,
            config,
            kind=started.kind,
            state_digest=cookies.state_digest(state),
            launched_at=started.launched_at,
            brand_id=started.brand_id,
        )
        response = HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})
        asked = pipeline.code_request(
            config,
            code,
            token_endpoint=started.token_endpoint,
            code_verifier=started.code_verifier,
            network=request.META.get("REMOTE_ADDR", ""),
        )
        # If the browser has left, the launch is not kept even if its tokens came. The session key
        # was in the answer that did not arrive and the state is used up, so nobody could open or
        # disconnect this launch.
        hand_over = partial(store.close_unfinished, uuid, config)
        async with custody(config, hand_over, Custody()) as held:
            issued = await held.ask(asked)
            tokens = await proof.accepted(config, started, issued)
            await _open_session(request, response, started.kind, uuid, tokens, issued.expires_at)
            held.keep()
    logs.about(launch=str(uuid), endpoint=config.slug)
    metrics.launches.labels(started.kind, "completed", "").inc()
    logger.info("launch %s of %s completed at %s", uuid, started.kind, config.slug)
    return response


async def _open_session(
    request: HttpRequest,
    response: HttpResponse,
    kind: LaunchKind,
    uuid: UUID,
    tokens: LaunchTokens,
    expires_at: datetime,
) -> None:
    """Store the tokens in a new session of the launch, and give its key to the browser."""
    now = timezone.now()
    key = cookies.new_session_key(now)
    length = session_length(kind, tokens)
    latest = now + length.latest
    surplus = list(cookies.surplus_launch_cookies(request))
    await in_database(
        store.complete,
        uuid,
        tokens,
        access_token_expires_at=expires_at,
        key=key,
        session_expires_at=latest if length.is_lasting else store.idle_end(now, latest),
        lasts_until=None if length.is_lasting else latest,
        beside=cookies.session_keys(request),
        replaced=[old for _, old in surplus],
    )
    for name, _ in surplus:
        cookies.delete_cookie(request, response, name)
    name = cookies.launch_cookie_name(uuid)
    lifetime = length.latest if length.is_lasting else None
    cookies.set_cookie(request, response, name, key.value, lifetime)
