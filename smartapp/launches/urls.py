from django.urls import path

from smartapp.launches import (
    callback,
    context_document,
    document_page,
    home,
    launch_page,
    page_actions,
    style_css,
    views,
)

app_name = "launches"
urlpatterns = [
    path("", home.home, name="home"),
    path("launch", views.launch, name="launch"),
    path("launch/", views.launch),  # as it was typed into some portals
    path("connect/<slug:endpoint_slug>/", views.connect, name="connect"),
    path("callback/<slug:registration_slug>/", callback.callback, name="callback"),
    path("callback/", callback.callback, {"registration_slug": ""}),  # cut short at a vendor
    path("launches/<uuid:uuid>/", launch_page.page, name="page"),
    path("launches/<uuid:uuid>/context.json", context_document.context_json, name="context"),
    path("launches/<uuid:uuid>/style.css", style_css.style_css, name="style"),
    path("launches/<uuid:uuid>/documents/<str:sealed>/", document_page.document, name="document"),
    path(
        "launches/<uuid:uuid>/documents/<str:sealed>/file", document_page.file, name="document_file"
    ),
    path("launches/<uuid:uuid>/end/", page_actions.end, name="end"),
    path("launches/<uuid:uuid>/presence/", page_actions.presence, name="presence"),
    path(
        "launches/<uuid:uuid>/patient-changed/",
        page_actions.patient_changed,
        name="patient_changed",
    ),
    path("signed-out/", views.signed_out, name="signed_out"),
]
