"""The views that belong to no launch yet: the starts of both kinds, up to the redirect to the EHR,
and the page after signing out."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from smartapp import logs, metrics
from smartapp.brands import chosen
from smartapp.brands.chosen import Chosen
from smartapp.database import in_database
from smartapp.frames import is_framed
from smartapp.launches import events, framing, pending, steps
from smartapp.launches.framing import in_frame
from smartapp.launches.models import LaunchKind
from smartapp.launches.pending import PendingLaunch
from smartapp.middleware import error_response, never_stored
from smartapp.protocol import authorization
from smartapp.protocol.errors import LaunchByPost, SmartError, UnknownEndpoint
from smartapp.registrations import discovery, presets, registry
from smartapp.registrations.discovery import OAuthEndpoints
from smartapp.registrations.registry import EndpointConfig


def at_public_url(request: HttpRequest) -> HttpResponseRedirect | None:
    """Return the redirect to PUBLIC_URL if a loopback address was opened under its other name: a
    cookie for `localhost` would not come back to a callback on `127.0.0.1`."""
    if not settings.ALLOW_LOOPBACK_EHRS:
        return None
    if request.get_host() == urlsplit(settings.PUBLIC_URL).netloc:
        return None
    return HttpResponseRedirect(settings.PUBLIC_URL + request.get_full_path())


@require_http_methods(["GET", "POST"])
@csrf_exempt
@never_stored
@events.recorded
async def launch(request: HttpRequest) -> HttpResponseBase:
    """EHR launch (SMART App Launch 2.2, "Launch app: EHR Launch")."""
    if request.method == "POST":
        # Read nothing of the form: it comes from another site.
        error = LaunchByPost("the EHR opened the launch URL with a form")
        return error_response(request, error, is_from_ehr=True)
    if elsewhere := at_public_url(request):
        return elsewhere
    try:
        return await _launched(request)
    except SmartError as error:
        return error_response(request, error, is_from_ehr=True)


async def _launched(request: HttpRequest) -> HttpResponseBase:
    asked = authorization.parse_launch_request(request.META.get("QUERY_STRING", ""))
    steps.visited(asked.iss)
    config = await registry.endpoint_for_iss(asked.iss)
    steps.recognized(config)
    beginning = _begun(request, config, LaunchKind.EHR, asked.launch, aud=asked.iss)
    return await in_frame(
        request,
        config.frame_ancestors,
        beginning,
        is_from_ehr=True,
        endpoint_name=config.name,
    )


@require_GET
@never_stored
@events.recorded
async def connect(request: HttpRequest, endpoint_slug: str) -> HttpResponseBase:
    """Standalone launch: the patient chose this health system on our own page (C22).

    `base`: the public launcher's base URL with other settings. `brand`: the patient's choice, if
    the endpoint has brands from a list.
    """
    if elsewhere := at_public_url(request):
        return elsewhere
    config = await registry.endpoint_for_slug(endpoint_slug)
    if not config.standalone_scope:
        raise UnknownEndpoint(f"endpoint {config.slug} has no standalone scope")
    steps.recognized(config)
    aud = config.patients_aud(request.GET.get("base", ""))
    asked = request.GET.get("brand", "")
    brand = await in_database(chosen.brand_at, config, asked) if asked else None
    beginning = _begun(request, config, LaunchKind.STANDALONE, None, aud=aud, brand=brand)
    return await in_frame(request, config.frame_ancestors, beginning, endpoint_name=config.name)


async def _begun(
    request: HttpRequest,
    config: EndpointConfig,
    kind: LaunchKind,
    launch: str | None,
    *,
    aud: str,
    brand: Chosen | None = None,
) -> HttpResponse:
    """Return the redirect or form to the EHR's authorization endpoint, with the pending launch
    sealed into a cookie (C30-C44), or a page that has to come before. Each call makes a new state,
    nonce and PKCE verifier (C23).

    `aud` is a spelling of the endpoint's FHIR base URL: in an EHR launch the `iss` exactly as it
    came, because some servers compare the two character by character; otherwise the published one.
    """
    if before := framing.before_sign_in(request, config):
        return before
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
    if origin := framing.unknown_origin(request, config):
        steps.framed_from(origin)
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
    takes_forms = kind == LaunchKind.EHR or presets.of(config.preset).posted_standalone
    if not (takes_forms and authorization.is_better_posted(url, endpoints.capabilities)):
        return HttpResponseRedirect(url)
    context = {"endpoint": name, "action": endpoints.authorization_endpoint}
    response = render(request, "authorize.html", {**context, "fields": fields})
    # Browsers check every redirect after a form against this list, and an EHR's sign-in may use
    # hosts that we cannot list. The form itself goes to the host that discovery names.
    schemes = ["https:", "http:"] if settings.ALLOW_LOOPBACK_EHRS else ["https:"]
    response._csp_replace = {"form-action": schemes}  # type: ignore[attr-defined]
    return response


@require_GET
@never_stored
async def signed_out(request: HttpRequest) -> HttpResponse:
    """Show the page to which the EHR sends people who have signed out there. It has no other
    effect."""
    return render(request, "signed_out_there.html")
