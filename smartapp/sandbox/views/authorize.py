"""The authorize endpoint and the forms of its pages; each request is validated completely.

The pages carry the authorization request along, and each step validates it again from the start. No
code is stored before the user allowed it; a clinician allows it by signing in. The pages work
without JavaScript: the first submit button continues, the second denies.
"""

import re
from collections.abc import Callable
from http import HTTPStatus

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from smartapp.sandbox import (
    addresses,
    faults,
    framing,
    registering,
    request_log,
    sign_in,
    unregistered_apps,
)
from smartapp.sandbox.grants import AuthorizationCodeGrant
from smartapp.sandbox.models import Client, find_client, new_secret
from smartapp.sandbox.oauth_request import (
    Parameters,
    SandboxRequest,
    parameters_of,
    readable,
    validate_shape,
)
from smartapp.sandbox.refusals import Refusal, invalid_request
from smartapp.sandbox.server import server
from smartapp.sandbox.views import consent, consent_pages

FOREIGN_ISSUER = "https://issuer.foreign.example/oauth2/default"
REQUIRED = ("response_type", "scope", "state", "aud")

Read = Callable[[HttpRequest], QueryDict]
Respond = Callable[[HttpRequest, AuthorizationCodeGrant], HttpResponse]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Validate an authorization request and show the first page that it needs (S10 to S18)."""
    return _judged(request, parameters_of, consent.next_page)


@csrf_exempt
@never_cache
@require_POST
def sign_in_form(request: HttpRequest) -> HttpResponse:
    """Take the sign-in form. It needs no CSRF token: the page shows the passwords, so signing
    someone in to another account gains nothing."""
    return _judged(request, _carried, consent.take_sign_in)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def consent_form(request: HttpRequest) -> HttpResponse:
    """Show or take the consent form. A value bound to the sign-in protects it from CSRF, because
    Django's cookie is lost in frames."""
    step = consent.show_consent if request.method == "GET" else consent.take_consent
    return _judged(request, _carried, step)


def _carried(request: HttpRequest) -> QueryDict:
    form = parameters_of(request)
    with readable():
        return QueryDict(form.get("authorization_request", ""))


def _judged(request: HttpRequest, read: Read, respond: Respond) -> HttpResponse:
    """Run one step of a valid request; send refusals where they may be sent (S10, S11)."""
    oauth = SandboxRequest(request, "authorize")
    try:
        oauth.payload = Parameters(read(request))
        client, redirect_uri = _proven(oauth)
    except Refusal as refusal:
        request_log.record("authorize", oauth, refusal)
        return _refusal_page(request, oauth, refusal)
    _choose_faults(oauth, client)
    try:
        grant = _valid_grant(request, oauth)
        response = respond(request, grant)
    except OAuth2Error as error:
        request_log.record("authorize", oauth, error)
        if oauth.unconfirmed or _stays_here(oauth):
            return _refusal_page(request, oauth, error)
        response = _redirect_with_error(error, oauth, redirect_uri)
    met = _faults_met(oauth)
    if response.headers.get("Location", "").startswith(redirect_uri):
        _finish(response, client, met)
        if "authorize-answer-by-post" in met:
            response = consent_pages.answer_by_post(request, response, redirect_uri)
    framed = "authorize-popup-only" not in met
    framing.open_for_launch(response, redirect_uri, client.launch_url, framed=framed)
    return response


def _choose_faults(oauth: SandboxRequest, client: Client) -> None:
    """Give a standalone launch the faults that wait for it; only one launch gets them."""
    if client.next_faults and not {"launch", "fault"} & oauth.form.keys():
        oauth.payload.add("fault", client.take_next_faults())
    oauth.fault_here = oauth.form.get("fault", "")


def _faults_met(oauth: SandboxRequest) -> faults.Faults:
    """Return the faults of this launch; none if one of them is unknown."""
    try:
        return oauth.faults
    except faults.FaultUnknown:
        return {}


def _stays_here(oauth: SandboxRequest) -> bool:
    """Return whether a fault keeps errors on a page, as some EHRs do."""
    return "authorize-error-page" in _faults_met(oauth)


def _proven(oauth: SandboxRequest) -> tuple[Client, str]:
    """Return client and redirect URI. Until both are validated there is no redirect (S10)."""
    for name in ("client_id", "redirect_uri"):
        if name in oauth.payload.repeated():
            raise invalid_request("S10", f"The parameter {name} is repeated.")
    client_id, redirect_uri = oauth.payload.client_id or "", oauth.payload.redirect_uri or ""
    client = server.query_client(client_id)
    if client is None or (client.is_tried and not client.check_redirect_uri(redirect_uri)):
        client = unregistered_apps.stand_in(client_id, redirect_uri)
        oauth.unconfirmed = client is not None
    if client is None:
        raise invalid_request("S10", registering.why_unknown(client_id))
    if not client.check_redirect_uri(redirect_uri):
        raise invalid_request("S10", "The redirect_uri is not registered for this app.")
    oauth.client = client
    return client, redirect_uri


def _valid_grant(request: HttpRequest, oauth: SandboxRequest) -> AuthorizationCodeGrant:
    validate_shape(oauth)
    for name in REQUIRED:
        if not oauth.payload.data.get(name):
            raise invalid_request("S11", f"The parameter {name} is missing.")
    if oauth.payload.response_type != "code":
        # Authlib would repeat the value, and a description must not contain every character.
        words = f"The response_type {oauth.payload.response_type} is not code."
        raise Refusal("S11", "unsupported_response_type", words)
    if oauth.payload.data.get("response_mode", "query") != "query":
        raise invalid_request("S11", "response_mode must be query.")
    signed_in = sign_in.read(request)
    person = signed_in.person if signed_in else None
    with unregistered_apps.standing_in(oauth.client if oauth.unconfirmed else None):
        return server.consent_grant(oauth, person)


def _redirect_with_error(
    error: OAuth2Error, oauth: SandboxRequest, redirect_uri: str
) -> HttpResponse:
    no_state = "authorize-error-no-state" in _faults_met(oauth)
    error.redirect_uri, error.state = redirect_uri, None if no_state else oauth.payload.state
    return server.handle_response(*error())


def _finish(response: HttpResponse, client: Client, met: faults.Faults) -> None:
    """Add the issuer to the response for clients of the bcp profile (S17), and apply faults."""
    location = response.headers["Location"]
    if "authorize-iss-wrong" in met:
        location = add_params_to_uri(location, [("iss", FOREIGN_ISSUER)])
    elif client.profile == Client.Profile.BCP and "authorize-iss-missing" not in met:
        location = add_params_to_uri(location, [("iss", addresses.issuer())])
    if "authorize-state-changed" in met:
        location = re.sub(r"([?&]state=)[^&]*", rf"\g<1>{new_secret()}", location)
    response.headers["Location"] = location


def _refusal_page(
    request: HttpRequest, oauth: SandboxRequest, refusal: OAuth2Error
) -> HttpResponse:
    """Show the sent and the registered redirect URIs: often they differ in one character."""
    context = {
        "sent": oauth.form.get("redirect_uri"),
        "client": find_client(oauth.payload.client_id),
        "error": refusal.error,
        "reason": refusal.get_error_description(),
        "rule": refusal.rule if isinstance(refusal, Refusal) else "",
        "stays_here": _stays_here(oauth),
    }
    response = consent_pages.page(request, "refused", context, HTTPStatus.BAD_REQUEST)
    framing.open_for_launch(response)
    return response
