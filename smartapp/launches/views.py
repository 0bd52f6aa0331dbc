"""The addresses of people: home, the two launches, the callback, the launch's page and its end."""

import hashlib
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from smartapp.database import in_database
from smartapp.launches import (
    cookies,
    launching,
    pending,
    store,
)
from smartapp.launches.cookies import SessionKey
from smartapp.launches.models import LaunchKind
from smartapp.launches.store import StoredLaunch
from smartapp.middleware import error_response
from smartapp.protocol import authorization
from smartapp.protocol.authorization import AuthorizationCode, AuthorizationErrorResponse
from smartapp.protocol.errors import (
    LaunchNotFound,
    SmartError,
    StateAlreadyUsed,
    StateExpired,
    StateOfAnotherBrowser,
    StateOfAnotherRegistration,
    UnknownEndpoint,
)
from smartapp.registrations import discovery, registry
from smartapp.registrations.registry import EndpointConfig

EHR_MESSAGE_LENGTH = 300


def _at_public_url(request: HttpRequest) -> HttpResponseRedirect | None:
    """Return the redirect to PUBLIC_URL for a loopback visit under its other name: a cookie set
    for `localhost` would not come back to a callback on `127.0.0.1`."""
    if not settings.ALLOW_LOOPBACK_EHRS:
        return None
    if request.get_host() == urlsplit(settings.PUBLIC_URL).netloc:
        return None
    return HttpResponseRedirect(settings.PUBLIC_URL + request.get_full_path())


@require_GET
@never_cache
async def home(request: HttpRequest) -> HttpResponse:
    """The patients' start page: health systems to connect to, and this browser's open launches."""
    if elsewhere := _at_public_url(request):
        return elsewhere
    digests = [key.digest for key in cookies.session_keys(request)]
    open_launches = (
        await in_database(store.open_launches, digests, timezone.now()) if digests else ()
    )
    endpoints = await registry.connectable_endpoints()
    wanted = request.GET.get("q", "").strip()[:100]
    return render(
        request,
        "home.html",
        {
            "endpoints": [one for one in endpoints if wanted.lower() in one.name.lower()],
            "any_endpoints": bool(endpoints),
            "q": wanted,
            "open_launches": open_launches,
            "sandbox": settings.SANDBOX,
        },
    )


@require_GET
@never_cache
async def launch(request: HttpRequest) -> HttpResponse:
    """EHR launch (SMART App Launch 2.2, "Launch app: EHR Launch")."""
    if elsewhere := _at_public_url(request):
        return elsewhere
    asked = authorization.parse_launch_request(request.META.get("QUERY_STRING", ""))
    config = await registry.endpoint_for_iss(asked.iss)
    return _framable(await launching.start(request, config, LaunchKind.EHR, asked.launch), config)


@require_GET
@never_cache
async def connect(request: HttpRequest, endpoint_slug: str) -> HttpResponse:
    """Standalone launch: the patient chose this health system on our own page (C22)."""
    if elsewhere := _at_public_url(request):
        return elsewhere
    config = await registry.endpoint_for_slug(endpoint_slug)
    if not config.standalone_scope:
        raise UnknownEndpoint(f"endpoint {config.slug} has no standalone scope")
    return await launching.start(request, config, LaunchKind.STANDALONE, None)


@require_GET
@never_cache
async def callback(request: HttpRequest, registration_slug: str) -> HttpResponse:
    """Redirect URI: the EHR's answer, accepted once, in the browser that asked (C50-C57)."""
    answer = authorization.parse_authorization_response(request.META.get("QUERY_STRING", ""))
    started = pending.recall(request, answer.state)
    if started is None:
        return await _without_pending(request, answer.state)
    if started.registration_slug != registration_slug:
        raise StateOfAnotherRegistration(f"started at {started.registration_slug}")
    config = await registry.endpoint_for_callback(started.endpoint_id, registration_slug)
    try:
        response = await _accept(request, config, started, answer)
    except StateAlreadyUsed:
        response = await _without_pending(request, answer.state)
    except SmartError as error:
        response = _refused(request, config, started.kind, answer, error)
    pending.forget(request, response, answer.state)
    return _framable(response, config)


async def _accept(
    request: HttpRequest,
    config: EndpointConfig,
    started: pending.PendingLaunch,
    answer: AuthorizationCode | AuthorizationErrorResponse,
) -> HttpResponse:
    if started.expired(timezone.now()):
        raise StateExpired("the pending launch is older than ten minutes")
    authorization.validate_response_issuer(
        answer.iss,
        expected_issuers=await discovery.expected_issuers(config),
        required=started.issuer_required,
    )
    if isinstance(answer, AuthorizationErrorResponse):
        raise authorization.refusal(answer)
    return await launching.finish(request, config, started, answer.state, answer.code)


async def _without_pending(request: HttpRequest, state: str) -> HttpResponse:
    """Return the redirect to the launch that this state became in this browser (a reloaded
    callback), or say why the state is not good any more."""
    digests = [key.digest for key in cookies.session_keys(request)]
    used, uuid = await in_database(
        store.finished_with, cookies.state_digest(state), digests, timezone.now()
    )
    if uuid is not None:
        return HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})
    if used:
        raise StateAlreadyUsed("not by this browser's sessions")
    raise StateOfAnotherBrowser(
        "no pending launch in this browser; framed" if cookies.is_framed(request) else ""
    )


def _refused(
    request: HttpRequest,
    config: EndpointConfig,
    kind: LaunchKind,
    answer: AuthorizationCode | AuthorizationErrorResponse,
    error: SmartError,
) -> HttpResponse:
    """Return the error's page with a way to start again, and the EHR's own words, as its words."""
    message = ""
    if isinstance(answer, AuthorizationErrorResponse):
        message = (answer.error_description or "")[:EHR_MESSAGE_LENGTH]
    start_again = f"/connect/{config.slug}/" if kind == LaunchKind.STANDALONE else None
    return error_response(request, error, start_again_url=start_again, ehr_message=message)


def _framable(response: HttpResponse, config: EndpointConfig) -> HttpResponse:
    """Let the registration's own EHR show this page in a frame, and nobody else (C150)."""
    if config.frame_ancestors:
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
        response._csp_update = {  # type: ignore[attr-defined]
            "frame-ancestors": list(config.frame_ancestors)
        }
    return response


async def _find(request: HttpRequest, uuid: UUID) -> tuple[StoredLaunch, SessionKey]:
    """Return the launch that this browser holds the key of; LaunchNotFound otherwise."""
    key = cookies.session_key(request, uuid)
    if key is None:
        raise LaunchNotFound("this browser holds no key for it")
    return await in_database(store.find, uuid, key.digest, timezone.now()), key


def form_token(key: SessionKey) -> str:
    """Return the token of the forms on a launch's page: only who holds the session key can know
    it, and it needs no cookie of its own inside a frame."""
    return hashlib.sha256(b"launch form" + key.value.encode()).hexdigest()
