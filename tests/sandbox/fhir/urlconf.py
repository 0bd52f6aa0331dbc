"""The FHIR API alone, where the sandbox mounts it."""

from django.urls import include, path

urlpatterns = [path("sandbox/fhir/r4/", include("smartapp.sandbox.fhir.urls"))]
