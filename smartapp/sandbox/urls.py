"""Addresses of the sandbox EHR (S1), all below `/sandbox/`."""

from django.urls import include, path

from smartapp.sandbox.addresses import AUTHORIZATION_SERVER_ID
from smartapp.sandbox.views import authorize, launcher, oauth

app_name = "sandbox"
urlpatterns = [
    path("", launcher.launcher, name="launcher"),
    path("launch", launcher.launch, name="launch"),
    path("frame", launcher.frame, name="frame"),
    path("clients", launcher.clients, name="clients"),
    path("requests", launcher.requests, name="requests"),
    path("smart-style.json", oauth.smart_style_document, name="smart-style"),
    path("oauth2/v1/authorize", authorize.authorize, name="authorize"),
    path("oauth2/v1/sign-in", authorize.sign_in_form, name="sign-in"),
    path("oauth2/v1/consent", authorize.consent_form, name="consent"),
    path("oauth2/v1/logout", authorize.logout, name="logout"),
    path("oauth2/v1/token", oauth.token, name="token"),
    path("oauth2/v1/introspect", oauth.introspect, name="introspect"),
    path("oauth2/v1/revoke", oauth.revoke, name="revoke"),
    path("oauth2/v1/keys", oauth.keys, name="keys"),
    path(
        f"okta/oauth2/{AUTHORIZATION_SERVER_ID}/.well-known/openid-configuration",
        oauth.openid_configuration_document,
        name="openid-configuration",
    ),
    path(
        "fhir/r4/.well-known/smart-configuration",
        oauth.smart_configuration_document,
        name="smart-configuration",
    ),
    path("fhir/r4/", include("smartapp.sandbox.fhir.urls")),
]
