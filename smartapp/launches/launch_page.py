"""The launch's page: the patient, the user, the granted access, and the record itself."""

import logging
from uuid import UUID

from csp.constants import SELF
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from smartapp.chart.page import SignedOutPage
from smartapp.launches import compression, events, refresh
from smartapp.launches.cookies import SessionKey
from smartapp.launches.current_launch import find
from smartapp.launches.framing import launch_in_frame
from smartapp.launches.models import EndReason, LaunchKind
from smartapp.launches.page_body import PageBody
from smartapp.launches.store import StoredLaunch
from smartapp.middleware import AGAIN
from smartapp.protocol import discovery
from smartapp.protocol.errors import SmartError
from smartapp.registrations import discovery as ehr_discovery
from smartapp.registrations import registry

logger = logging.getLogger(__name__)

# What the page of a disconnected launch says: the EHR revoked the tokens, it could not be asked
# yet, or it cannot revoke them.
REVOKED: dict[str, bool | None] = {
    EndReason.DISCONNECTED: True,
    EndReason.NOT_REVOKED: False,
    EndReason.NOT_REVOCABLE: None,
}


@require_GET
@never_cache
@events.recorded
async def page(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Return the page; for a disconnected launch, the page that says what became of it."""
    found, key = await find(request, uuid, in_use=AGAIN not in request.GET)
    return await launch_in_frame(request, found, _launch_page(request, found, key))


async def _launch_page(
    request: HttpRequest, found: StoredLaunch, key: SessionKey
) -> HttpResponseBase:
    """Return the page. A browser gets it streamed as the record is read. A client that does not
    send Sec-Fetch-Dest, such as a program, gets it whole, with a status code that shows the
    result."""
    if found.end_reason in REVOKED:
        return await _disconnected(request, found)
    refresh.refuse_ended(found)
    body = PageBody(request, found, key)
    response = await _sent(request, body)
    response._csp_update = {"connect-src": [SELF]}  # type: ignore[attr-defined] # for guard.js
    # A proxy that buffers the page until it is complete would make streaming pointless.
    response["X-Accel-Buffering"] = "no"
    return response


async def _sent(request: HttpRequest, body: PageBody) -> HttpResponseBase:
    packed = compression.takes_gzip(request)
    response: HttpResponseBase
    if "Sec-Fetch-Dest" in request.headers:
        pieces = body.streamed()
        response = StreamingHttpResponse(compression.gzipped_pieces(pieces) if packed else pieces)
    else:
        whole = await body.whole()
        response = HttpResponse(compression.gzipped(whole) if packed else whole)
    if packed:
        compression.mark(response)
    return response


async def _disconnected(request: HttpRequest, stored: StoredLaunch) -> HttpResponse:
    shown = SignedOutPage(
        endpoint_name=stored.endpoint_name,
        kind=stored.kind.on_page,
        revoked=REVOKED[stored.end_reason],
        start_again_url=stored.start_again_url,
        home_url="/",
        sign_out_url=await _sign_out_url(stored),
    )
    return render(request, "signed_out.html", {"page": shown}, status=410)


async def _sign_out_url(stored: StoredLaunch) -> str:
    """Return where a patient signs out at the EHR too: on a shared computer the next person would
    otherwise be signed in without a password (C134). Returns "" for clinicians, who go on working
    there, and if the EHR names no address."""
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
