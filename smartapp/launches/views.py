"""The views that belong to no launch yet: the starts of both kinds, and the page after signing
out."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from smartapp.brands import chosen
from smartapp.brands.chosen import Chosen
from smartapp.database import in_database
from smartapp.launches import events, framing, launching, steps
from smartapp.launches.framing import in_frame
from smartapp.launches.models import LaunchKind
from smartapp.middleware import error_response, never_stored
from smartapp.protocol import authorization
from smartapp.protocol.errors import LaunchByPost, SmartError, UnknownEndpoint
from smartapp.registrations import registry
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


async def _begun(
    request: HttpRequest,
    config: EndpointConfig,
    kind: LaunchKind,
    launch: str | None,
    *,
    aud: str,
    brand: Chosen | None = None,
) -> HttpResponse:
    if before := framing.before_sign_in(request, config):
        return before
    response = await launching.start(request, config, kind, launch, aud=aud, brand=brand)
    if origin := framing.unknown_origin(request, config):
        steps.framed_from(origin)
    return response


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


@require_GET
@never_stored
async def signed_out(request: HttpRequest) -> HttpResponse:
    """Show the page to which the EHR sends people who have signed out there. It has no other
    effect."""
    return render(request, "signed_out_there.html")
