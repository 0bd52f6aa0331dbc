"""The pages of an authorization: sign-in, patient picker, consent.

They carry the authorization request along.
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from smartapp.sandbox import addresses, people, scopes, sign_in, unregistered_apps, worlds
from smartapp.sandbox.oauth_request import SandboxRequest


def page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    """Render a page; in a frame without the header, because the EHR around it has one."""
    context |= {
        "framed": sign_in.is_framed(request),
        "sign_in_path": addresses.own_path("oauth2/v1/sign-in"),
        "consent_path": addresses.own_path("oauth2/v1/consent"),
        "world": worlds.current(),
    }
    return render(request, f"sandbox/{name}.html", context, status=status)


def sign_in_page(request: HttpRequest, oauth: SandboxRequest, problem: str = "") -> HttpResponse:
    launcher = people.find_person(oauth.launch.username) if oauth.launch else None
    context = {
        "client": oauth.client,
        "authorization_request": _carry(oauth),
        "launcher": launcher,
        "redirect_uri": oauth.payload.redirect_uri,
        "may_be_strict": oauth.client is not None and unregistered_apps.may_be_strict(oauth.client),
        "problem": problem,
        "clinician": people.find_person(people.CLINICIAN),
        "patient": people.find_person(people.PATIENT),
        "password": people.PASSWORD,
    }
    return page(request, "sign_in", context, HTTPStatus.FORBIDDEN if problem else HTTPStatus.OK)


def picker_page(
    request: HttpRequest, oauth: SandboxRequest, signed_in: sign_in.SignIn
) -> HttpResponse:
    context = {
        "client": oauth.client,
        "authorization_request": _carry(oauth),
        "signed_in": signed_in,
        "switch": authorize_again(oauth, prompt="login"),
        "patients": signed_in.person.patients,
    }
    return page(request, "picker", context)


def consent_page(
    request: HttpRequest, oauth: SandboxRequest, signed_in: sign_in.SignIn, patient: str
) -> HttpResponse:
    about = (oauth.launch.patient if oauth.launch else "") or patient
    context = {
        "client": oauth.client,
        "authorization_request": _carry(oauth),
        "signed_in": signed_in,
        "switch": authorize_again(oauth, prompt="login"),
        "patient": people.find_patient(about) if about else None,
        "chosen": patient,
        "scopes": [(scope, scopes.in_plain_words(scope)) for scope in oauth.offered],
        "redirect_origin": addresses.origin(oauth.payload.redirect_uri),
    }
    return page(request, "consent", context)


def answer_by_post(request: HttpRequest, answer: HttpResponse, redirect_uri: str) -> HttpResponse:
    """Return a page that posts the response to the app instead of redirecting (S66)."""
    parameters = parse_qsl(urlsplit(answer.headers["Location"]).query)
    own = len(parse_qsl(urlsplit(redirect_uri).query))
    return page(request, "answer", {"redirect_uri": redirect_uri, "parameters": parameters[own:]})


def authorize_again(oauth: SandboxRequest, *, prompt: str) -> str:
    """Return the path of the same request with another prompt; relative, so the host stays the
    same."""
    return f"{addresses.own_path('oauth2/v1/authorize')}?{_carry(oauth, prompt=prompt)}"


def consent_address(oauth: SandboxRequest, patient: str) -> str:
    """Return the path of the consent page for a chosen patient; relative, so the host stays the
    same."""
    values = QueryDict(mutable=True)
    values.update({"authorization_request": _carry(oauth), "patient": patient})
    return f"{addresses.own_path('oauth2/v1/consent')}?{values.urlencode()}"


def _carry(oauth: SandboxRequest, **changes: str) -> str:
    """Return the request's parameters for the next page."""
    carried = QueryDict(mutable=True)
    carried.update(oauth.payload.data | changes)
    return carried.urlencode()
