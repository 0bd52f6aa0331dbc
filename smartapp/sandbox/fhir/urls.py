from django.urls import path, re_path

from smartapp.sandbox.fhir import views

TYPE = r"(?P<resource_type>[A-Za-z]+)"

urlpatterns = [
    path("metadata", views.metadata),
    re_path(rf"^{TYPE}$", views.search),
    re_path(rf"^{TYPE}/_search$", views.search_by_post),
    re_path(rf"^{TYPE}/(?P<id>[A-Za-z0-9.-]{{1,64}})$", views.read),
    re_path(r"^(?P<address>.*)$", views.unknown),
]
