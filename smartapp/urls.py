"""All URLs of the app. `asgi.py` answers `/healthz`, the JWKS and static files."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

handler400 = "smartapp.middleware.bad_request"
handler404 = "smartapp.middleware.page_not_found"
handler500 = "smartapp.middleware.server_error"

urlpatterns = [
    path("admin/", include("smartapp.administrators.urls")),
    path("admin/", admin.site.urls),
    path("", include("smartapp.launches.urls")),
    path("", include("smartapp.brands.urls")),
]
if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("smartapp.sandbox.urls")))
