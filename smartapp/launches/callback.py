"""The redirect URI: accepts the EHR's answer once, in the browser that started (C50-C57)."""

import re

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from smartapp.brands import chosen
from smartapp.database import in_database
from smartapp.frames import framable, is_framed
from smartapp.launches import cookies, events, launching, pending, steps, store
from smartapp.launches.models import LaunchKind
from smartapp.middleware import error_response, never_stored, sent_to_launch
from smartapp.protocol import authorization
from smartapp.protocol.authorization import AuthorizationErrorResponse, AuthorizationResponse
from smartapp.protocol.errors import (
    AnswerByPost,
    Busy,
    SmartError,
    StateAlreadyUsed,
    StateChanged,
    StateExpired,
    StateOfAnotherBrowser,
    StateOfAnotherRegistration,
    StateUnknown,
)
from smartapp.registrations import registry

STATE = re.compile(r"[A-Za-z0-9_-]{43}")
EHR_MESSAGE_LENGTH = 300
TIMES_READ_AGAIN = 3


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
        response = await _accept_as_registered(request, config, started, answer)
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


async def _accept_as_registered(
    request: HttpRequest,
    config: registry.EndpointConfig,
    started: pending.PendingLaunch,
    answer: AuthorizationResponse | AuthorizationErrorResponse,
) -> HttpResponse:
    """Accept the answer under the registration as it is when the state is used up: the one read
    before may be half a second old."""
    for _ in range(TIMES_READ_AGAIN):
        try:
            return await _accept(request, config, started, answer)
        except registry.Outdated:
            config = await registry.endpoint_now(config.endpoint_id, started.registration_slug)
    raise Busy("registrations change faster than they are read")


async def _accept(
    request: HttpRequest,
    config: registry.EndpointConfig,
    started: pending.PendingLaunch,
    answer: AuthorizationResponse | AuthorizationErrorResponse,
) -> HttpResponse:
    if started.expired(timezone.now()):
        raise StateExpired("the pending launch is older than ten minutes")
    code = authorization.accepted_code(
        answer, expected_issuers=config.issuers, iss_required=started.issuer_required
    )
    return await launching.finish(request, config, started, answer.state, code)


async def _while_busy(
    request: HttpRequest,
    config: registry.EndpointConfig,
    started: pending.PendingLaunch,
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
    digests = [key.digest for key in cookies.session_keys(request)]
    used, uuid = await in_database(
        store.finished_with, cookies.state_digest(state), digests, timezone.now()
    )
    if uuid is not None:
        return HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})
    if used:
        raise StateAlreadyUsed("not by this browser's sessions")
    rule = "sealed" if pending.is_sealed_otherwise(request, state) else ""
    detail = "the launch's cookie does not open" if rule else "no pending launch in this browser"
    raise StateOfAnotherBrowser(detail, is_framed=is_framed(request), rule=rule)


def _refused(
    request: HttpRequest,
    config: registry.EndpointConfig,
    started: pending.PendingLaunch,
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
