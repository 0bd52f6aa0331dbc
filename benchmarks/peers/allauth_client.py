"""A Django site that signs people in with django-allauth: a client with a secret, which asks for
discovery at every step."""

from allauth.socialaccount.providers.openid_connect import views
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import include, path
from django.utils.http import urlencode


def healthz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def launch(request: HttpRequest) -> HttpResponse:
    more = urlencode({"launch": request.GET["launch"]})
    request.GET = QueryDict(urlencode({"auth_params": more}))
    redirected: HttpResponse = views.login(request, "ehr")
    return redirected


urlpatterns = [
    path("healthz", healthz),
    path("launch", launch),
    path("accounts/", include("allauth.urls")),
]
