"""A Django site that signs people in with mozilla-django-oidc: a client with a secret, which keeps
no tokens, and looks up who signed in at every sign-in."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from mozilla_django_oidc.views import OIDCAuthenticationRequestView

from benchmarks.peers.users import FHIR_BASE_URL


class Launch(OIDCAuthenticationRequestView):  # type: ignore[misc]
    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        return {"aud": FHIR_BASE_URL, "launch": request.GET["launch"]}


def healthz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("healthz", healthz),
    path("launch", Launch.as_view()),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
