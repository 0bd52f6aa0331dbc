"""The redirect URI: accepts the EHR's answer once, in the browser that started (C50-C57), and
exchanges its code for the tokens of a launch."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from smartapp import logs, metrics
from smartapp.brands import chosen
from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.exchange import pipeline
from smartapp.exchange.custody import Custody
from smartapp.frames import framable, is_framed
from smartapp.launches import cookies, events, pending, proof, steps, store
from smartapp.launches.models import LaunchKind
from smartapp.launches.pending import PendingLaunch
from smartapp.launches.session_length import session_length
from smartapp.launches.tokens import LaunchTokens
from smartapp.middleware import (
    DATABASE_IS_AWAY,
    SignInLost,
    error_response,
    never_stored,
    sent_to_launch,
)
from smartapp.protocol import authorization
from smartapp.protocol.authorization import (
    AuthorizationCode,
    AuthorizationErrorResponse,
    AuthorizationResponse,
)
from smartapp.protocol.errors import (
    AnswerByPost,
    Busy,
    BusyWithEHR,
    SmartError,
    StateAlreadyUsed,
    StateChanged,
    StateExpired,
    StateOfAnotherBrowser,
    StateOfAnotherRegistration,
    StateUnknown,
)
from smartapp.registrations import registry
from smartapp.registrations.registry import EndpointConfig

STATE = re.compile(r"[A-Za-z0-9_-]{43}")
EHR_MESSAGE_LENGTH = 300
TIMES_READ_AGAIN = 3

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


@require_http_methods(["GET", "POST"])  # a HEAD must not use the code up
@csrf_exempt
@never_stored
@events.recorded
async def callback(request: HttpRequest, registration_slug: str) -> HttpResponse:
    """Return the redirect to the finished launch's page, or an error page. The launch URL and the
    redirect URI are easily swapped in a vendor's portal."""
    if launching_there := sent_to_launch(request):
        return launching_there
    try:
        return await _answered(request, registration_slug)
    except SmartError as error:
        # No cookie came back: show the error in the EHR's frame, with a link that opens a window of
        # its own (C57).
        is_blocked = isinstance(error, StateOfAnotherBrowser) and is_framed(request)
        elsewhere = "/" if is_blocked else ""
        response = error_response(request, error, new_window_url=elsewhere)
        return framable(response, await registry.frame_ancestors(registration_slug))


async def _answered(request: HttpRequest, registration_slug: str) -> HttpResponse:
    try:
        answer = _read(request)
    except SmartError as error:
        return await _refused_without_state(request, registration_slug, error, error)
    steps.came_back(answer.state)
    started = pending.recall(request, answer.state)
    if started is None:
        return await _stray(request, registration_slug, answer.state)
    if started.registration_slug != registration_slug:
        raise StateOfAnotherRegistration(f"started at {started.registration_slug}")
    config = await registry.endpoint_for_callback(started.endpoint_id, registration_slug)
    steps.recalled(config, answer, started.launched_at)
    try:
        response = await _accept(request, config, started, answer)
    except StateAlreadyUsed:
        response = await _without_pending(request, answer.state)
    except Busy as error:
        # Nothing is used up, unless this is a reload: the same answer can be accepted in a moment.
        return framable(
            await _while_busy(request, config, started, answer, error), config.frame_ancestors
        )
    except SmartError as error:
        response = _refused(request, config, started, error, answer)
    pending.forget(request, response, answer.state)
    return framable(response, config.frame_ancestors)


def _read(request: HttpRequest) -> AuthorizationResponse | AuthorizationErrorResponse:
    if request.method == "POST":
        # Read nothing of the form: it comes from another site, without this browser's cookies.
        raise AnswerByPost("the EHR answered with a form (response_mode=form_post)")
    return authorization.parse_authorization_response(request.META.get("QUERY_STRING", ""))


async def _stray(request: HttpRequest, registration_slug: str, state: str) -> HttpResponse:
    """Handle an answer with a state for which this browser has no pending launch."""
    try:
        return await _without_pending(request, state)
    except (StateUnknown, StateOfAnotherBrowser) as error:
        if await events.is_answered():
            raise StateAlreadyUsed("its answer was refused") from error
        if await in_database(events.is_known):
            raise
        changed = StateChanged("this browser waits for an answer with another state")
        return await _refused_without_state(request, registration_slug, error, changed)


async def _refused_without_state(
    request: HttpRequest, registration_slug: str, error: SmartError, if_waiting: SmartError
) -> HttpResponse:
    """Refuse an answer without a valid state with `if_waiting`, and record it in the timeline of
    the launch that this browser started with this EHR. Raises `error` if there is none.

    It only explains the failure: an answer never resumes a launch without its state.
    """
    digest, started = pending.waiting(request, registration_slug)
    steps.came_back_to(await registry.only_endpoint(registration_slug), digest)
    if started is None:
        raise error
    config = await registry.endpoint_for_callback(started.endpoint_id, registration_slug)
    return framable(_refused(request, config, started, if_waiting), config.frame_ancestors)


async def _accept(
    request: HttpRequest,
    config: EndpointConfig,
    started: PendingLaunch,
    answer: AuthorizationResponse | AuthorizationErrorResponse,
) -> HttpResponse:
    """Accept the answer under the registration as it is when the state is used up: the one read
    before may be half a second old."""
    if started.expired(timezone.now()):
        raise StateExpired("the pending launch is older than ten minutes")
    for _ in range(TIMES_READ_AGAIN):
        code = authorization.accepted_code(
            answer, expected_issuers=config.issuers, iss_required=started.issuer_required
        )
        try:
            return await finish(request, config, started, answer.state, code)
        except registry.Outdated:
            config = await registry.endpoint_now(config.endpoint_id, started.registration_slug)
    raise Busy("registrations change faster than they are read")


async def finish(
    request: HttpRequest,
    config: EndpointConfig,
    started: PendingLaunch,
    state: str,
    code: AuthorizationCode,
) -> HttpResponse:
    """Use up the state, exchange the code, and return the redirect to the launch's page (C55).

    The state is used up first: a callback that is loaded a second time must not take a place or a
    token request from others. Raises SignInLost if the database goes away after that.
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
        try:
            async with Custody(config, hand_over) as held:
                issued = await held.ask(asked)
                tokens = await proof.accepted(config, started, issued)
                ends = issued.expires_at
                await _open_session(request, response, started.kind, uuid, tokens, ends)
                held.keep()
        except DATABASE_IS_AWAY as error:
            raise SignInLost(cause(error)) from error
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
    # Of the cookies that there will be with the new one, those beyond the limit.
    surplus = cookies.launch_cookies(request)[cookies.MAX_LAUNCH_COOKIES - 1 :]
    await in_database(
        store.complete,
        uuid,
        tokens,
        access_token_expires_at=expires_at,
        key=key,
        length=length,
        now=now,
        beside=cookies.session_digests(request),
        replaced=[old.digest for _, old in surplus],
    )
    for name, _ in surplus:
        cookies.delete_cookie(request, response, name)
    name = cookies.launch_cookie_name(uuid)
    lifetime = length.latest if length.is_lasting else None
    cookies.set_cookie(request, response, name, key.value, lifetime)


async def _while_busy(
    request: HttpRequest,
    config: EndpointConfig,
    started: PendingLaunch,
    answer: AuthorizationResponse | AuthorizationErrorResponse,
    error: Busy,
) -> HttpResponse:
    """Answer while the app is busy: a launch that is complete already opens all the same."""
    if await in_database(store.is_used, cookies.state_digest(answer.state)):
        return await _without_pending(request, answer.state)
    return _refused(request, config, started, error, answer)


async def _without_pending(request: HttpRequest, state: str) -> HttpResponse:
    """Return the redirect to the launch that this state has become in this browser (a reloaded
    callback). Raise an error that says why the state is not valid if there is none."""
    if not STATE.fullmatch(state):
        raise StateUnknown("not a state of the form that this app makes")
    digest, own = cookies.state_digest(state), cookies.session_digests(request)
    used, uuid = await in_database(store.finished_with, digest, own, timezone.now())
    if uuid is not None:
        return HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})
    if used:
        raise StateAlreadyUsed("not by this browser's sessions")
    pending.refuse_unopened(request, state)
    raise StateOfAnotherBrowser("no pending launch in this browser", is_framed=is_framed(request))


def _refused(
    request: HttpRequest,
    config: EndpointConfig,
    started: PendingLaunch,
    error: SmartError,
    answer: AuthorizationResponse | AuthorizationErrorResponse | None = None,
) -> HttpResponse:
    """Return the error page with a way to start again, and the EHR's message marked as the
    EHR's."""
    message = ""
    if isinstance(answer, AuthorizationErrorResponse):
        message = (answer.error_description or "")[:EHR_MESSAGE_LENGTH]
    is_from_ehr = started.kind == LaunchKind.EHR
    again = chosen.connect_url(config.slug, started.brand_id)
    return error_response(
        request,
        error,
        start_again_url=None if is_from_ehr else again,
        is_from_ehr=is_from_ehr,
        endpoint_name=config.name,
        ehr_message=message,
    )
