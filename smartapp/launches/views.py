"""The addresses of people: home, the two launches, the callback, the launch's page and its end."""

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from csp.constants import SELF
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smartapp.chart.access import Record
from smartapp.chart.identity import read_identity
from smartapp.chart.page import EndpointLink, HomePage, SignedOutPage, build_launch_page
from smartapp.chart.reader import read_chart
from smartapp.chart.sections import Chart
from smartapp.database import in_database
from smartapp.launches import (
    cookies,
    events,
    launching,
    pending,
    readiness,
    refresh,
    revocation,
    steps,
    store,
)
from smartapp.launches.access import LaunchAccess
from smartapp.launches.context_document import context_document
from smartapp.launches.cookies import SessionKey
from smartapp.launches.guard import guard, seconds_left
from smartapp.launches.models import EndReason, LaunchKind
from smartapp.launches.store import StoredLaunch
from smartapp.middleware import FormRefused, error_response
from smartapp.protocol import authorization, discovery
from smartapp.protocol.authorization import AuthorizationCode, AuthorizationErrorResponse
from smartapp.protocol.errors import (
    Busy,
    EHRUnavailable,
    EndedByEHR,
    FHIRError,
    FHIRUnauthorized,
    LaunchNotFound,
    SmartError,
    StateAlreadyUsed,
    StateExpired,
    StateOfAnotherBrowser,
    StateOfAnotherRegistration,
    StateUnknown,
    UnknownEndpoint,
    WrongPatient,
)
from smartapp.registrations import discovery as ehr_discovery
from smartapp.registrations import registry

logger = logging.getLogger(__name__)

Find = Callable[[UUID, str, datetime], StoredLaunch]

QUERY_LENGTH = 100
# What the page of a disconnected launch says of the EHR: revoked, not told, offers no revocation.
REVOKED: dict[str, bool | None] = {
    EndReason.DISCONNECTED: True,
    EndReason.NOT_REVOKED: False,
    EndReason.NOT_REVOCABLE: None,
}
STATE = re.compile(r"[A-Za-z0-9_-]{43}")
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
    query = request.GET.get("q", "").strip()[:QUERY_LENGTH]
    page = HomePage(
        endpoints=tuple(
            EndpointLink(one.name, f"/connect/{one.slug}/", one.registration_name)
            for one in endpoints
            if query.casefold() in one.name.casefold()
        ),
        endpoints_total=len(endpoints),
        query=query,
        open_launches=open_launches,
        is_any_ehr_registered=bool(endpoints) or bool(await registry.all_endpoints()),
        sandbox_url="/sandbox/" if settings.SANDBOX else "",
        admin_url="/admin/",
    )
    return render(request, "home.html", {"page": page})


@require_GET
@never_cache
@events.recorded
async def launch(request: HttpRequest) -> HttpResponse:
    """EHR launch (SMART App Launch 2.2, "Launch app: EHR Launch")."""
    if elsewhere := _at_public_url(request):
        return elsewhere
    try:
        return await _launched(request)
    except SmartError as error:
        return error_response(request, error, is_from_ehr=True)


async def _launched(request: HttpRequest) -> HttpResponse:
    asked = authorization.parse_launch_request(request.META.get("QUERY_STRING", ""))
    steps.visited(asked.iss)
    config = await registry.endpoint_for_iss(asked.iss)
    starting = launching.start(request, config, LaunchKind.EHR, asked.launch)
    return await _in_frame(request, config.frame_ancestors, starting, is_from_ehr=True)


@require_GET
@never_cache
@events.recorded
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
@events.recorded
async def callback(request: HttpRequest, registration_slug: str) -> HttpResponse:
    """Redirect URI: the EHR's answer, accepted once, in the browser that asked (C50-C57)."""
    try:
        return await _answered(request, registration_slug)
    except SmartError as error:
        # Where no cookie came back: in the EHR's frame, the page that says so must show, with a
        # way out of the frame (C57).
        is_blocked = isinstance(error, StateOfAnotherBrowser) and cookies.is_framed(request)
        elsewhere = "/" if is_blocked else ""
        response = error_response(request, error, open_in_new_window_url=elsewhere)
        return _framable(response, await registry.frame_ancestors(registration_slug))


async def _answered(request: HttpRequest, registration_slug: str) -> HttpResponse:
    answer = authorization.parse_authorization_response(request.META.get("QUERY_STRING", ""))
    steps.came_back(answer.state)
    started = pending.recall(request, answer.state)
    if started is None:
        return await _without_pending(request, answer.state)
    if started.registration_slug != registration_slug:
        raise StateOfAnotherRegistration(f"started at {started.registration_slug}")
    config = await registry.endpoint_for_callback(started.endpoint_id, registration_slug)
    steps.recalled(config, answer, started.launched_at)
    try:
        response = await _accept(request, config, started, answer)
    except StateAlreadyUsed:
        response = await _without_pending(request, answer.state)
    except SmartError as error:
        response = _refused(request, config, started.kind, answer, error)
        if isinstance(error, Busy):  # nothing is used up: the same answer is good in a moment
            return _framable(response, config.frame_ancestors)
    pending.forget(request, response, answer.state)
    return _framable(response, config.frame_ancestors)


async def _accept(
    request: HttpRequest,
    config: registry.EndpointConfig,
    started: pending.PendingLaunch,
    answer: AuthorizationCode | AuthorizationErrorResponse,
) -> HttpResponse:
    if started.expired(timezone.now()):
        raise StateExpired("the pending launch is older than ten minutes")
    authorization.validate_response_issuer(
        answer.iss,
        expected_issuers=config.issuers,
        required=started.issuer_required,
    )
    if isinstance(answer, AuthorizationErrorResponse):
        raise authorization.refusal(answer)
    return await launching.finish(request, config, started, answer.state, answer.code)


async def _without_pending(request: HttpRequest, state: str) -> HttpResponse:
    """Return the redirect to the launch that this state became in this browser (a reloaded
    callback), or say why the state is not good any more."""
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
    raise StateOfAnotherBrowser(
        "no pending launch in this browser; framed" if cookies.is_framed(request) else ""
    )


def _refused(
    request: HttpRequest,
    config: registry.EndpointConfig,
    kind: LaunchKind,
    answer: AuthorizationCode | AuthorizationErrorResponse,
    error: SmartError,
) -> HttpResponse:
    """Return the error's page with a way to start again, and the EHR's own words, as its words."""
    message = ""
    if isinstance(answer, AuthorizationErrorResponse):
        message = (answer.error_description or "")[:EHR_MESSAGE_LENGTH]
    is_from_ehr = kind == LaunchKind.EHR
    return error_response(
        request,
        error,
        start_again_url=None if is_from_ehr else f"/connect/{config.slug}/",
        is_from_ehr=is_from_ehr,
        ehr_message=message,
    )


def _framable(response: HttpResponse, frame_ancestors: tuple[str, ...]) -> HttpResponse:
    """Let the registration's own EHR show this page in a frame, and nobody else (C150)."""
    if frame_ancestors:
        response.xframe_options_exempt = True
        replaced = getattr(response, "_csp_replace", {})  # by the page itself, for its form
        response._csp_replace = {  # type: ignore[attr-defined]
            **replaced,
            "frame-ancestors": list(frame_ancestors),
        }
    return response


async def _in_frame(
    request: HttpRequest,
    frame_ancestors: tuple[str, ...],
    answering: Awaitable[HttpResponse],
    **context: Any,
) -> HttpResponse:
    """Return the answer or its error's page, framable both: an EHR's frame must not go blank."""
    try:
        response = await answering
    except SmartError as error:
        response = error_response(request, error, **context)
    return _framable(response, frame_ancestors)


async def _find(
    request: HttpRequest, uuid: UUID, *, find: Find = store.find
) -> tuple[StoredLaunch, SessionKey]:
    """Return the launch that this browser holds the key of; LaunchNotFound otherwise."""
    key = cookies.session_key(request, uuid)
    if key is None:
        raise LaunchNotFound("this browser holds no key for it")
    found = await in_database(find, uuid, key.digest, timezone.now())
    steps.resumed(found)
    return found, key


def form_token(key: SessionKey) -> str:
    """Return the token of the forms on a launch's page: only who holds the session key can know
    it, and it needs no cookie of its own inside a frame."""
    return hashlib.sha256(b"launch form" + key.value.encode()).hexdigest()


@require_GET
@never_cache
@events.recorded
async def page(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The launch's page: whose record, who is looking, what was given, and the record itself."""
    found, key = await _find(request, uuid, find=store.find_in_use)
    return await _in_frame(
        request,
        found.frame_ancestors,
        _launch_page(request, found, key),
        start_again_url=_start_again_url(found),
        is_from_ehr=found.kind == LaunchKind.EHR,
    )


async def _launch_page(request: HttpRequest, found: StoredLaunch, key: SessionKey) -> HttpResponse:
    if found.end_reason in REVOKED:
        return await _disconnected(request, found)
    stored = await refresh.with_access(found)
    access = LaunchAccess(stored)
    chart = await _chart(access)
    steps.charted(chart)
    context = access.tokens.context
    shown = build_launch_page(
        uuid=stored.uuid,
        kind=stored.kind.on_page,
        endpoint_name=stored.endpoint_name,
        registration_name=stored.registration_name,
        launched_at=stored.launched_at,
        session_expires_at=stored.lasts_until or stored.session_expires_at,
        access_token_expires_at=access.launch.access_token_expires_at,
        refreshable=access.tokens.refresh_token is not None,
        end_url=f"/launches/{stored.uuid}/end/",
        home_url="/",
        start_again_url=_start_again_url(stored),
        style_url=f"/launches/{stored.uuid}/style.css" if context.smart_style_url else "",
        context=context,
        fhirUser=access.tokens.fhirUser,
        scope=access.tokens.scope,
        chart=chart,
    )
    shows = {"page": shown, "form_token": form_token(key), "guard": guard(stored)}
    response = render(request, "launch.html", shows)
    response._csp_update = {"connect-src": [SELF]}  # type: ignore[attr-defined] # for guard.js
    return response


async def _disconnected(request: HttpRequest, stored: StoredLaunch) -> HttpResponse:
    shown = SignedOutPage(
        endpoint_name=stored.endpoint_name,
        kind=stored.kind.on_page,
        revoked=REVOKED[stored.end_reason],
        start_again_url=_start_again_url(stored),
        home_url="/",
        sign_out_url=await _sign_out_url(stored),
    )
    return render(request, "signed_out.html", {"page": shown}, status=410)


async def _sign_out_url(stored: StoredLaunch) -> str:
    """Return where a patient signs out at the EHR too: on a shared computer the next one would be
    signed in without a word (C134). Empty for clinicians, who go on working there, and where
    nobody says where."""
    if stored.kind != LaunchKind.STANDALONE:
        return ""
    try:
        config = await registry.endpoint_for_slug(stored.endpoint_slug)
        endpoint = await ehr_discovery.logout_endpoint(config)
    except SmartError as error:
        logger.info("no sign-out is offered at %s: %s", stored.endpoint_slug, error.code)
        return ""
    back = registry.post_logout_redirect_uri()
    if endpoint is None:
        return ""
    return discovery.logout_url(endpoint, client_id=config.client_id, post_logout_redirect_uri=back)


@require_GET
@never_cache
async def signed_out(request: HttpRequest) -> HttpResponse:
    """Where the EHR sends people back to who have signed out there. Knows and does nothing."""
    return render(request, "signed_out_there.html")


async def _chart(access: LaunchAccess) -> Chart | None:
    """Return the patient's chart, None when no patient was chosen (C110). A second 401 means that
    the EHR took the access away: the launch ends (C141)."""
    context = access.tokens.context
    if context.patient is None:
        return None
    try:
        return await read_chart(
            access,
            patient=context.patient,
            encounter=context.encounter,
            fhirUser=access.tokens.fhirUser,
            granted_scopes=access.tokens.scope.granted,
            extras=context.extras,
            now=timezone.now(),
        )
    except FHIRUnauthorized as error:
        raise await _ended_by_ehr(access, error) from error
    except WrongPatient:
        await _wrong_patient(access)
        raise


async def _wrong_patient(access: LaunchAccess) -> None:
    """End a launch whose EHR answers with somebody else's record: nothing that it says later of
    this patient can be believed (C101; T17)."""
    reason = EndReason.PATIENT_CHANGED
    if await in_database(store.end_and_hand_over, access.launch, reason, timezone.now()):
        logger.error("launch %s stopped: wrong-patient alarm", access.launch.uuid)
        steps.ended(reason)


async def _ended_by_ehr(access: LaunchAccess, error: FHIRUnauthorized) -> EndedByEHR:
    """End the launch, and return the error that says so."""
    reason = EndReason.UNAUTHORIZED
    await in_database(store.end_unless_renewed, access.launch, reason, timezone.now())
    return EndedByEHR(f"launch {access.launch.uuid}: {error.detail}")


def _start_again_url(stored: StoredLaunch) -> str:
    """Only a standalone launch can be started here; an EHR launch starts in the EHR."""
    return f"/connect/{stored.endpoint_slug}/" if stored.kind == LaunchKind.STANDALONE else ""


@require_GET
@never_cache
@events.recorded
async def context_json(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The launch context as JSON, for programs in the same browser session. Never a token."""
    found, _ = await _find(request, uuid)
    access = LaunchAccess(await refresh.with_access(found))
    name = await _patient_name(access)
    return JsonResponse(context_document(access.launch, access.tokens, name))


async def _patient_name(access: LaunchAccess) -> str | None:
    """Return the patient's name as the EHR has it, None where it cannot be read now."""
    context = access.tokens.context
    if context.patient is None:
        return None
    record = Record(
        access,
        patient=context.patient,
        extras=context.extras,
        access_token=await access.access_token(),
    )
    try:
        resource = await record.read("Patient", context.patient)
    except WrongPatient:
        await _wrong_patient(access)
        raise
    except FHIRUnauthorized as error:
        raise await _ended_by_ehr(access, error) from error
    except (FHIRError, EHRUnavailable) as error:
        logger.warning("launch %s: patient not read: %s", access.launch.uuid, error.code)
        return None
    return read_identity(resource, now=timezone.now()).name.text if resource.get("name") else None


@csrf_exempt
@require_POST
@never_cache
@events.recorded
async def end(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Disconnect: delete the tokens here, then tell the EHR; until it has answered, what it is to
    be told waits (C133)."""
    stored, key = await _find(request, uuid)
    if not _meant(request, key):
        raise FormRefused("form token")
    ended = await in_database(
        store.end_and_hand_over, stored, EndReason.NOT_REVOKED, timezone.now()
    )
    if ended is not None:
        steps.ended(await revocation.tell(ended))
    # Back and reload must lead to a page, not to the form being sent again.
    return HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})


def _meant(request: HttpRequest, key: SessionKey) -> bool:
    """Whether our own form was sent, or a program that holds the session's cookie asks.

    A browser that another site has set on us always says where the request comes from; a request
    without any such header is no browser's, and nobody can forge what only a program can send.
    """
    sent = request.POST.get("form_token")
    if sent is not None:
        return constant_time_compare(sent, form_token(key))
    return not {"Origin", "Sec-Fetch-Site", "Referer"} & set(request.headers)


@csrf_exempt
@require_http_methods(["GET", "POST"])
@never_cache
async def presence(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """How long the launch still lives, for the script of its page. A POST says that somebody uses
    the page, and lets it live on (T18); a GET looks, and changes nothing (C158)."""
    in_use = request.method == "POST"
    found, key = await _find(request, uuid, find=store.find_in_use if in_use else store.find)
    if in_use and not _meant(request, key):
        raise FormRefused("form token")
    refresh.refuse_ended(found)
    return JsonResponse({"seconds_left": seconds_left(found)})


@csrf_exempt
@require_POST
@never_cache
@events.recorded
async def patient_changed(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The EHR told the page in its frame that another patient was opened: the launch is over, as
    its tokens are still the first one's (C156)."""
    stored, key = await _find(request, uuid)
    if not _meant(request, key):
        raise FormRefused("form token")
    reason = EndReason.CONTEXT_CHANGED
    if await in_database(store.end_and_hand_over, stored, reason, timezone.now()):
        logger.warning("launch %s ended: the patient was changed in the EHR", stored.uuid)
        steps.ended(reason)
    return HttpResponse(status=204)


@require_GET
@never_cache
async def readyz(_: HttpRequest) -> HttpResponse:
    """Ready: database, cache, key ring and a signing key. 503 names what is not."""
    missing = await in_database(readiness.missing)
    status = 503 if missing else 200
    return JsonResponse({"ready": not missing, "missing": missing}, status=status)
