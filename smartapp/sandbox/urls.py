"""URLs of the sandbox EHR (S1): production's below `/sandbox/`, other worlds' one level deeper."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from smartapp.sandbox.addresses import AUTHORIZATION_SERVER_IDS
from smartapp.sandbox.fhir import views as fhir_views
from smartapp.sandbox.fhir.urls import urlpatterns as fhir
from smartapp.sandbox.views import authorize, clients, launcher, logout, oauth
from smartapp.sandbox.worlds import PATHS, View, World, view_within

app_name = "sandbox"
OTHERS = [world for world in World if world is not World.PRODUCTION]


def _ehr(world: World) -> list[URLPattern | URLResolver]:
    """Return the URLs that clients of one world use."""

    def at(route: str, view: View, name: str) -> URLPattern:
        return path(route, view_within(world, view), name=name)

    return [
        at("smart-style.json", oauth.smart_style_document, "smart-style"),
        at("oauth2/v1/authorize", authorize.authorize, "authorize"),
        at("oauth2/v1/sign-in", authorize.sign_in_form, "sign-in"),
        at("oauth2/v1/consent", authorize.consent_form, "consent"),
        at("oauth2/v1/logout", logout.logout, "logout"),
        at("oauth2/v1/token", oauth.token, "token"),
        at("oauth2/v1/introspect", oauth.introspect, "introspect"),
        at("oauth2/v1/revoke", oauth.revoke, "revoke"),
        at("oauth2/v1/keys", oauth.keys, "keys"),
        at(
            f"okta/oauth2/{AUTHORIZATION_SERVER_IDS[world]}/.well-known/openid-configuration",
            oauth.openid_configuration_document,
            "openid-configuration",
        ),
        at(
            "fhir/r4/.well-known/smart-configuration",
            oauth.smart_configuration_document,
            "smart-configuration",
        ),
        path("fhir/r4", view_within(world, fhir_views.unknown), {"address": ""}),
        path(
            "fhir/r4/",
            include([URLPattern(one.pattern, view_within(world, one.callback)) for one in fhir]),
        ),
        re_path(r"^(?:oauth2|okta|fhir)(?:/.*)?$", oauth.unknown_path),
    ]


urlpatterns = [
    path("", launcher.launcher, name="launcher"),
    path("launch", launcher.launch, name="launch"),
    path("standalone", launcher.standalone, name="standalone"),
    path("frame", launcher.frame, name="frame"),
    path("clients", clients.clients, name="clients"),
    path("clients/register", clients.register, name="register"),
    path("client", clients.client, name="client"),
    path("client/keys", clients.fetch_keys, name="fetch-keys"),
    path("requests", clients.requests, name="requests"),
    path("keys/rotate", launcher.rotate_key, name="rotate-key"),
    *_ehr(World.PRODUCTION),
    *[path(PATHS[world], include((_ehr(world), world.value))) for world in OTHERS],
]
