"""The authorize endpoint and the pages behind it: sign-in, patient picker, consent.

Nothing is stored until a person says yes: the pages carry the authorization request along, and
each step judges it again from the start. Works without JavaScript; the first submit button goes
on, the second says no.
"""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from joserfc import jws
from joserfc.errors import JoseError

from smartapp.sandbox import addresses, faults, framing, people, records, scopes, sign_in, worlds
from smartapp.sandbox.fhir.store import PatientSummary
from smartapp.sandbox.grants import AuthorizationCodeGrant
from smartapp.sandbox.models import Client, Consent, new_secret, registered_client
from smartapp.sandbox.oauth_request import SandboxRequest, validate_shape
from smartapp.sandbox.refusals import Refusal, invalid_request
from smartapp.sandbox.server import server

ERROR_URN = "urn:sandbox:error:smart:access-denied"
FOREIGN_ISSUER = "https://issuer.foreign.example/oauth2/default"
REQUIRED = ("response_type", "scope", "state", "aud")

Step = Callable[[HttpRequest, AuthorizationCodeGrant], HttpResponse]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Judge an authorization request and show the first page it needs (S10 to S18)."""
    return _judged(request, request.GET if request.method == "GET" else request.POST, _next_page)


@csrf_exempt
@never_cache
@require_POST
def sign_in_form(request: HttpRequest) -> HttpResponse:
    """No CSRF token: passwords are printed on the page, nobody can be lured into an account."""
    return _judged(request, _carried(request), _sign_in)


@csrf_exempt
@never_cache
@require_POST
def consent_form(request: HttpRequest) -> HttpResponse:
    """CSRF is held off by a value bound to the sign-in: Django's cookie is lost in frames."""
    return _judged(request, _carried(request), _consent)


@never_cache
@require_http_methods(["GET", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """End the sign-in, and go back to the app where an address is registered for that (S44)."""
    values = request.GET if request.method == "GET" else request.POST
    way_back = _way_back(values)
    if way_back:
        response = HttpResponse(status=HTTPStatus.FOUND)
        response.headers["Location"] = way_back
    else:
        response = _page(request, "signed_out", {})
    sign_in.end(request, response)
    return response


def _way_back(values: QueryDict) -> str:
    """Return where to go, as registered byte for byte; empty: nowhere."""
    client = registered_client(values.get("client_id") or _audience(values))
    uri = values.get("post_logout_redirect_uri", "")
    if client is None or uri not in client.post_logout_redirect_uris:
        return ""
    state = values.get("state")
    return str(add_params_to_uri(uri, [("state", state)])) if state else uri


def _audience(values: QueryDict) -> object:
    """Return for whom an id_token_hint was made. It proves nothing, and nothing is given for it."""
    try:
        parts = jws.extract_compact(values.get("id_token_hint", "").encode())
        claims = json.loads(parts.payload)
    except (JoseError, ValueError, RecursionError):
        return None
    return claims.get("aud") if isinstance(claims, dict) else None


def _carried(request: HttpRequest) -> QueryDict:
    return QueryDict(request.POST.get("authorization_request", ""))


def _judged(request: HttpRequest, parameters: QueryDict, step: Step) -> HttpResponse:
    """Run one step of a valid request; whatever is refused goes where it may go (S10, S11)."""
    oauth = SandboxRequest(request, "authorize", parameters)
    try:
        client, redirect_uri = _proven(oauth)
    except Refusal as refusal:
        records.record("authorize", oauth, refusal)
        return _refusal_page(request, refusal)
    _take_next_faults(oauth, client)
    try:
        grant = _valid_grant(request, oauth)
        response = step(request, grant)
    except OAuth2Error as error:
        records.record("authorize", oauth, error)
        response = _redirect_with_error(error, oauth, redirect_uri)
    met = _faults_met(oauth)
    if response.headers.get("Location", "").startswith(redirect_uri):
        _finish(response, client, met)
    framed = "authorize-popup-only" not in met
    framing.open_for_launch(response, redirect_uri, client.launch_url, framed=framed)
    return response


def _take_next_faults(oauth: SandboxRequest, client: Client) -> None:
    """Give a launch that starts at the app the faults that wait for it; one launch has them."""
    if not client.next_faults or {"launch", "fault"} & oauth.payload.data.keys():
        return
    waiting = Client.objects.filter(pk=client.pk, next_faults=client.next_faults)
    if waiting.update(next_faults=""):
        oauth.payload.add("fault", client.next_faults)


def _faults_met(oauth: SandboxRequest) -> faults.Faults:
    """Return the faults of this launch; none when one of them does not even exist."""
    try:
        return oauth.faults
    except faults.FaultUnknown:
        return {}


def _proven(oauth: SandboxRequest) -> tuple[Client, str]:
    """Return client and redirect URI. Until both are proven nothing is redirected (S10)."""
    for name in ("client_id", "redirect_uri"):
        if name in oauth.payload.repeated():
            raise invalid_request("S10", f"The parameter {name} is repeated.")
    client = server.query_client(oauth.payload.client_id or "")
    if client is None:
        raise invalid_request("S10", "No app is registered here under this client_id.")
    redirect_uri = oauth.payload.redirect_uri or ""
    if not client.check_redirect_uri(redirect_uri):
        raise invalid_request("S10", "The redirect_uri is not registered for this app.")
    oauth.client = client
    return client, redirect_uri


def _valid_grant(request: HttpRequest, oauth: SandboxRequest) -> AuthorizationCodeGrant:
    validate_shape(request, oauth)
    for name in REQUIRED:
        if not oauth.payload.data.get(name):
            raise invalid_request("S11", f"The parameter {name} is missing.")
    if oauth.payload.data.get("response_mode", "query") != "query":
        raise invalid_request("S11", "response_mode must be query.")
    signed_in = sign_in.read(request)
    person = signed_in.person if signed_in else None
    return server.consent_grant(oauth, person)


def _redirect_with_error(
    error: OAuth2Error, oauth: SandboxRequest, redirect_uri: str
) -> HttpResponse:
    error.redirect_uri, error.state = redirect_uri, oauth.payload.state
    return server.handle_response(*error())


def _finish(response: HttpResponse, client: Client, met: faults.Faults) -> None:
    """Say in every answer who speaks, for clients of the bcp profile (S17); do what faults say."""
    location = response.headers["Location"]
    if "authorize-iss-wrong" in met:
        location = add_params_to_uri(location, [("iss", FOREIGN_ISSUER)])
    elif client.profile == Client.Profile.BCP and "authorize-iss-missing" not in met:
        location = add_params_to_uri(location, [("iss", addresses.issuer())])
    if "authorize-state-changed" in met:
        location = re.sub(r"([?&]state=)[^&]*", rf"\g<1>{new_secret()}", location)
    response.headers["Location"] = location


def _refusal_page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    context = {
        "error": refusal.error,
        "reason": refusal.get_error_description(),
        "rule": refusal.rule,
    }
    response = _page(request, "refused", context, HTTPStatus.BAD_REQUEST)
    framing.open_for_launch(response)
    return response


def _next_page(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    """Sign-in, then the patient picker where there is a choice, then consent."""
    oauth = grant.request
    signed_in = sign_in.read(request)
    wishes = oauth.payload.data.get("prompt", "").split()
    if signed_in is None or "login" in wishes or not _is_launcher(oauth, signed_in.person):
        if "none" in wishes:
            raise LoginRequiredError()
        return _sign_in_page(request, oauth)
    if "none" in wishes:
        return _silent(grant, signed_in)
    choice = _patients_to_choose(oauth, signed_in.person)
    if len(choice) > 1:
        return _picker_page(request, oauth, signed_in)
    return _consent_page(request, oauth, signed_in, choice[0].id if choice else "")


def _is_launcher(oauth: SandboxRequest, person: people.Person) -> bool:
    """Whether the EHR launch, if there is one, was started by this very person (S14)."""
    return oauth.launch is None or oauth.launch.username == person.username


def _patients_to_choose(oauth: SandboxRequest, person: people.Person) -> tuple[PatientSummary, ...]:
    asks = "launch/patient" in oauth.payload.scope.split()
    return person.patients if asks and oauth.launch is None else ()


def _silent(grant: AuthorizationCodeGrant, signed_in: sign_in.SignIn) -> HttpResponse:
    """prompt=none: an answer without a page, on the ground of an earlier consent only (S15)."""
    oauth = grant.request
    choice = _patients_to_choose(oauth, signed_in.person)
    earlier = Consent.objects.filter(
        client=oauth.client, username=signed_in.person.username
    ).first()
    asked = oauth.payload.scope.split()
    if earlier is None or len(choice) > 1 or not set(asked) <= set(earlier.scope.split()):
        raise ConsentRequiredError()
    oauth.patient = choice[0].id if choice else ""
    return _answer(grant, signed_in, asked)


def _sign_in(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    oauth = grant.request
    if request.POST.get("decision") == "deny":
        raise _denied()
    person = sign_in.check(request.POST.get("username", ""), request.POST.get("password", ""))
    if person is None:
        return _sign_in_page(request, oauth, problem="This user name and password do not match.")
    if not _is_launcher(oauth, person):
        return _sign_in_page(request, oauth, problem="Somebody else started this launch.")
    response = HttpResponse(status=HTTPStatus.SEE_OTHER)
    response.headers["Location"] = _authorize_again(oauth, prompt="consent")
    sign_in.write(request, response, person)
    return response


def _consent(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    oauth, decision = grant.request, request.POST.get("decision")
    signed_in = sign_in.read(request)
    if signed_in is None or not _is_launcher(oauth, signed_in.person):
        return _sign_in_page(request, oauth)
    if not signed_in.allows(request.POST.get("check", "")):
        raise Refusal("S15", "access_denied", "The form does not belong to this sign-in.")
    if decision == "deny":
        raise _denied()
    oauth.patient = _chosen_patient(request, oauth, signed_in.person)
    if decision != "allow":
        return _consent_page(request, oauth, signed_in, oauth.patient)
    ticked = set(request.POST.getlist("scope"))
    return _answer(grant, signed_in, [s for s in oauth.payload.scope.split() if s in ticked])


def _chosen_patient(request: HttpRequest, oauth: SandboxRequest, person: people.Person) -> str:
    choice = [patient.id for patient in _patients_to_choose(oauth, person)]
    chosen = request.POST.get("patient", "")
    if choice and chosen not in choice:
        raise Refusal("S15", "access_denied", "No patient was chosen that this person may open.")
    return chosen if choice else ""


def _answer(
    grant: AuthorizationCodeGrant, signed_in: sign_in.SignIn, allowed: list[str]
) -> HttpResponse:
    """Give the code for what was allowed, and remember the consent."""
    oauth = grant.request
    if not allowed:
        raise _denied()
    _meet_refusals(oauth.faults)
    oauth.granted, oauth.signed_in_at = tuple(dict.fromkeys(allowed)), signed_in.at
    if "launch/patient" not in oauth.granted:
        oauth.patient = ""
    answer = grant.create_authorization_response(oauth.payload.redirect_uri, signed_in.person)
    Consent.objects.update_or_create(
        client=oauth.client,
        username=signed_in.person.username,
        defaults={"scope": " ".join(oauth.granted)},
    )
    records.record("authorize", oauth, None)
    return server.handle_response(*answer)


def _meet_refusals(met: faults.Faults) -> None:
    """Refuse what the person allowed, where that is the fault (E11, S66)."""
    if "authorize-not-assigned" in met:
        raise Refusal("E11", "access_denied", "User is not assigned to the client application.")
    if "authorize-error-uri" in met:
        refusal = Refusal("S66", "access_denied", "")
        refusal.uri = ERROR_URN
        raise refusal


def _denied() -> Refusal:
    return Refusal("S11", "access_denied", "The person did not allow it.")


def _carry(oauth: SandboxRequest, **changes: str) -> str:
    """Return the request's parameters for the next page."""
    carried = QueryDict(mutable=True)
    carried.update(oauth.payload.data | changes)
    return carried.urlencode()


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    """Draw a page; inside a frame the EHR's own bar is there already."""
    context |= {
        "framed": sign_in.is_framed(request),
        "sign_in_path": addresses.own_path("oauth2/v1/sign-in"),
        "consent_path": addresses.own_path("oauth2/v1/consent"),
        "world": worlds.current(),
    }
    return render(request, f"sandbox/{name}.html", context, status=status)


def _authorize_again(oauth: SandboxRequest, *, prompt: str) -> str:
    """Return the address of the same request with another prompt, on the host in use."""
    return f"{addresses.own_path('oauth2/v1/authorize')}?{_carry(oauth, prompt=prompt)}"


def _sign_in_page(request: HttpRequest, oauth: SandboxRequest, problem: str = "") -> HttpResponse:
    launcher = people.find_person(oauth.launch.username) if oauth.launch else None
    context = {
        "client": oauth.client,
        "authorization_request": _carry(oauth),
        "launcher": launcher,
        "problem": problem,
        "clinician": people.find_person(people.CLINICIAN),
        "patient": people.find_person(people.PATIENT),
        "password": people.PASSWORD,
    }
    return _page(request, "sign_in", context, HTTPStatus.FORBIDDEN if problem else HTTPStatus.OK)


def _picker_page(
    request: HttpRequest, oauth: SandboxRequest, signed_in: sign_in.SignIn
) -> HttpResponse:
    context = {
        "client": oauth.client,
        "authorization_request": _carry(oauth),
        "signed_in": signed_in,
        "switch": _authorize_again(oauth, prompt="login"),
        "patients": signed_in.person.patients,
    }
    return _page(request, "picker", context)


def _consent_page(
    request: HttpRequest, oauth: SandboxRequest, signed_in: sign_in.SignIn, patient: str
) -> HttpResponse:
    about = oauth.launch.patient if oauth.launch else patient
    context = {
        "client": oauth.client,
        "authorization_request": _carry(oauth),
        "signed_in": signed_in,
        "switch": _authorize_again(oauth, prompt="login"),
        "patient": people.find_patient(about) if about else None,
        "chosen": patient,
        "scopes": [
            (scope, scopes.in_plain_words(scope))
            for scope in dict.fromkeys(oauth.payload.scope.split())
        ],
        "redirect_origin": addresses.origin(oauth.payload.redirect_uri),
    }
    return _page(request, "consent", context)
