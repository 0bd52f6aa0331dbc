"""Sign-out at the EHR, and the way back to the app (S44)."""

import json
from http import HTTPStatus

from authlib.common.urls import add_params_to_uri
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from joserfc import jws
from joserfc.errors import JoseError

from smartapp.sandbox import sign_in
from smartapp.sandbox.models import registered_client
from smartapp.sandbox.views import consent_pages


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """End the sign-in, and redirect to the app if the address is registered for that (S44).

    An app may also POST (OpenID Connect RP-Initiated Logout 1.0 §2), from its own origin and
    without a CSRF token; this does no more than a link.
    """
    values = request.GET if request.method == "GET" else request.POST
    way_back = _way_back(values)
    if way_back:
        response = HttpResponse(status=HTTPStatus.FOUND)
        response.headers["Location"] = way_back
    else:
        response = consent_pages.page(request, "signed_out", {})
    sign_in.end(request, response)
    return response


def _way_back(values: QueryDict) -> str:
    """Return the redirect address, registered byte for byte; "" if there is none."""
    client = registered_client(values.get("client_id") or _audience(values))
    uri = values.get("post_logout_redirect_uri", "")
    if client is None or uri not in client.post_logout_redirect_uris:
        return ""
    state = values.get("state")
    return str(add_params_to_uri(uri, [("state", state)])) if state else uri


def _audience(values: QueryDict) -> object:
    """Return the audience of an id_token_hint. It is not verified, and only used to find the
    client."""
    try:
        parts = jws.extract_compact(values.get("id_token_hint", "").encode())
        claims = json.loads(parts.payload)
    except (JoseError, ValueError, RecursionError):
        return None
    return claims.get("aud") if isinstance(claims, dict) else None
