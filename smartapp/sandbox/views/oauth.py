"""The endpoints that clients call directly: every response is JSON and never stored (S4)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from authlib.oauth2 import OAuth2Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from smartapp.sandbox import addresses, request_log, signing_keys, token_faults, worlds
from smartapp.sandbox.discovery import openid_configuration, smart_configuration, smart_style
from smartapp.sandbox.models import registered_client
from smartapp.sandbox.oauth_request import (
    Parameters,
    SandboxRequest,
    parameters_of,
    query_of,
    validate_shape,
)
from smartapp.sandbox.refusals import NoSuchAddress, WrongMethod, invalid_request
from smartapp.sandbox.server import Introspection, Revocation, server
from smartapp.sandbox.token_faults import Broken
from smartapp.sandbox.worlds import World

View = Callable[[HttpRequest], HttpResponse]
Respond = Callable[[SandboxRequest], HttpResponse]
PUBLIC_SECONDS = 300


def endpoint(name: str, *methods: str) -> Callable[[Respond], View]:
    """Decorate a view: check the shape of a request, answer it, and log the verdict."""

    def decorate(respond: Respond) -> View:
        @csrf_exempt
        @wraps(respond)
        def view(request: HttpRequest) -> HttpResponse:
            if request.method == "OPTIONS":
                return _open_to_pages(HttpResponse(status=204))
            return _open_to_pages(_answer(name, methods, request, respond))

        return view

    return decorate


def _answer(
    name: str, methods: tuple[str, ...], request: HttpRequest, respond: Respond
) -> HttpResponse:
    oauth = SandboxRequest(request, name)
    try:
        _read(request, methods, oauth)
        response = respond(oauth)
    except OAuth2Error as error:
        request_log.record(name, oauth, error)
        return server.handle_response(*error())
    except Broken as broken:
        request_log.record_fault(name, oauth, broken.fault)
        return broken.response
    request_log.record(name, oauth, None)
    return response


def _read(request: HttpRequest, methods: tuple[str, ...], oauth: SandboxRequest) -> None:
    if request.method not in methods:
        raise WrongMethod("S20", *methods)
    oauth.payload = Parameters(parameters_of(request))
    oauth.fault_here = query_of(request).get("fault", "")
    validate_shape(oauth)


def _open_to_pages(response: HttpResponse) -> HttpResponse:
    """Allow scripts of any origin to call the endpoint; no cookie is involved."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    return response


@endpoint("token", "POST")
def token(oauth: SandboxRequest) -> HttpResponse:
    if not oauth.form.get("grant_type"):
        raise invalid_request("E7", "grant_type is missing.")
    return token_faults.on_the_wire(oauth, server.token_response(oauth))


@endpoint("introspect", "GET", "POST")
def introspect(oauth: SandboxRequest) -> HttpResponse:
    """Introspect a token: by GET as athenahealth documents it, by POST as in RFC 7662 (S40)."""
    return server.endpoint_response(Introspection.ENDPOINT_NAME, oauth)


@endpoint("revoke", "POST")
def revoke(oauth: SandboxRequest) -> HttpResponse:
    return server.endpoint_response(Revocation.ENDPOINT_NAME, oauth)


@csrf_exempt
def unknown_path(request: HttpRequest) -> HttpResponse:
    """Answer at an unknown path: plain text for GET (E12), JSON for other methods."""
    if request.method == "OPTIONS":
        return _open_to_pages(HttpResponse(status=204))
    refusal = NoSuchAddress(addresses.endpoint("token"))
    request_log.record("unknown address", SandboxRequest(request, "unknown"), refusal)
    if request.method not in ("GET", "HEAD"):
        return _open_to_pages(server.handle_response(*refusal()))
    text = f"No such path: {request.path[:200]}"
    plain = HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")
    return _open_to_pages(plain)


def public_document(view: View) -> View:
    """Decorate the view of a public document, which scripts of any origin may read."""

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS":
            return _open_to_pages(HttpResponse(status=204))
        if request.method not in ("GET", "HEAD"):
            return _open_to_pages(server.handle_response(*WrongMethod("S20", "GET")()))
        return _open_to_pages(view(request))

    return wrapped


def _document(content: dict[str, Any]) -> HttpResponse:
    response = JsonResponse(content, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_SECONDS}"
    return response


@public_document
def keys(request: HttpRequest) -> HttpResponse:
    """Return the keys that sign id_tokens (S43).

    athenahealth documents a `client_id` parameter that its own discovery omits: both work. In
    preview the document must not be cached, so that a rotation is seen at once, and clients meet
    such an EHR.
    """
    client_id = request.GET.get("client_id")
    if client_id is not None and registered_client(client_id) is None:
        refusal = invalid_request("S43", "This client_id is not registered here.")
        return server.handle_response(*refusal())
    response = _document(signing_keys.public_jwks())
    if worlds.current() == World.PREVIEW:
        response.headers["Cache-Control"] = "no-cache, no-store"
    return response


@public_document
def smart_configuration_document(_request: HttpRequest) -> HttpResponse:
    return _document(smart_configuration())


@public_document
def openid_configuration_document(_request: HttpRequest) -> HttpResponse:
    return _document(openid_configuration())


@public_document
def smart_style_document(_request: HttpRequest) -> HttpResponse:
    return _document(smart_style())
