"""A plain, competent client: Django with Authlib's OAuth integration and private_key_jwt.

It has what a careful developer adds: PKCE, nonce and state, a key that is parsed once, five-minute
assertions with a kid, discovery and issuer keys cached by Authlib, a time-out, and a refresh before
the access token expires. It has no more than that.
"""

import os
from typing import Any

from authlib.integrations.django_client import OAuth
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from joserfc.jwk import RSAKey

from benchmarks.ehr import SCOPE, SEARCHED
from benchmarks.peers.page import page
from tests.scripted_ehr import CLIENT_ID

PUBLIC_URL = os.environ["PUBLIC_URL"]
EHRS = dict(enumerate(os.environ["EHRS"].split()))
TIMEOUT_SECONDS = 10
PATIENT = "patient"

key = RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS384"}, auto_kid=True)
jwks = {"keys": [key.as_dict(private=False)]}


class FiveMinuteAssertion(PrivateKeyJWT):
    def sign(self, auth: Any, token_endpoint: str) -> str:
        header = {"kid": key.kid}
        assertion: str = private_key_jwt_sign(
            key, auth.client_id, token_endpoint, alg="RS384", header=header, expires_in=300
        )
        return assertion


oauth = OAuth()
for number, iss in EHRS.items():
    oauth.register(
        f"ehr-{number}",
        client_id=CLIENT_ID,
        client_secret=key,
        server_metadata_url=f"{iss}/.well-known/smart-configuration",
        client_auth_methods=[FiveMinuteAssertion()],
        client_kwargs={
            "scope": SCOPE,
            "token_endpoint_auth_method": "private_key_jwt",
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )


def client_of(number: int) -> Any:
    return oauth.create_client(f"ehr-{number}")  # type: ignore[no-untyped-call]


def healthz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def published_keys(_: HttpRequest) -> JsonResponse:
    return JsonResponse(jwks, headers={"Cache-Control": "max-age=300"})


def launch(request: HttpRequest) -> HttpResponse:
    number = next(number for number, iss in EHRS.items() if iss == request.GET["iss"])
    redirected: HttpResponse = client_of(number).authorize_redirect(
        request,
        f"{PUBLIC_URL}/callback/{number}",
        aud=request.GET["iss"],
        launch=request.GET["launch"],
    )
    return redirected


def callback(request: HttpRequest, number: int) -> HttpResponse:
    token = client_of(number).authorize_access_token(request)
    request.session.cycle_key()
    request.session["launch"] = {"number": number, "token": token}
    return HttpResponseRedirect("/page")


def visit(request: HttpRequest) -> HttpResponse:
    launched = request.session["launch"]
    base, patient = EHRS[launched["number"]], launched["token"][PATIENT]
    client = client_of(launched["number"])
    metadata = client.load_server_metadata()

    def keep(renewed: dict[str, Any], **_: object) -> None:
        request.session["launch"] = {**launched, "token": {**launched["token"], **renewed}}
        request.session.save()

    # One HTTP session for the whole page: it keeps its connection and refreshes at most once.
    with client._get_oauth_client(**metadata) as http:
        http.token, http.update_token = launched["token"], keep
        person = http.get(f"{base}/Patient/{patient}").json()
        sections = {
            name: _lines(http.get(f"{base}/{name}", params={PATIENT: patient}).json())
            for name in SEARCHED
        }
    return page(person["name"][0]["family"], person["birthDate"], sections)


def _lines(bundle: dict[str, Any]) -> list[str]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [(one.get("code") or one["medicationCodeableConcept"])["text"] for one in resources]


urlpatterns = [
    path("healthz", healthz),
    path("jwks.json", published_keys),
    path("launch", launch),
    path("callback/<int:number>", callback),
    path("page", visit),
]
