"""A minimal app on fhirclient, as in its documentation: a public client.

fhirclient cannot sign a client assertion for a code and does not validate the id_token. It requests
the EHR's CapabilityStatement at every launch.
"""

import os
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from fhirclient.client import FHIRClient
from fhirclient.models.allergyintolerance import AllergyIntolerance
from fhirclient.models.condition import Condition
from fhirclient.models.medicationrequest import MedicationRequest
from fhirclient.models.observation import Observation

from benchmarks.ehr import SCOPE
from benchmarks.peers.page import page
from tests.scripted_ehr import CLIENT_ID

PUBLIC_URL = os.environ["PUBLIC_URL"]
SEARCHED = (Condition, MedicationRequest, AllergyIntolerance, Observation)


def healthz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def launch(request: HttpRequest) -> HttpResponse:
    client = FHIRClient(
        settings={
            "app_id": CLIENT_ID,
            "api_base": request.GET["iss"],
            "redirect_uri": f"{PUBLIC_URL}/callback",
            "scope": SCOPE.removeprefix("launch "),
            "launch_token": request.GET["launch"],
        }
    )
    client.prepare()
    address = client.authorize_url
    request.session["launch"] = client.state
    return HttpResponseRedirect(address)


def _resumed(request: HttpRequest) -> Any:
    return FHIRClient(state=request.session["launch"])


def callback(request: HttpRequest) -> HttpResponse:
    client = _resumed(request)
    client.handle_callback(request.build_absolute_uri())
    request.session.cycle_key()
    request.session["launch"] = client.state
    return HttpResponseRedirect("/page")


def visit(request: HttpRequest) -> HttpResponse:
    client = _resumed(request)
    person = client.patient
    sections = {
        kind.resource_type: [
            (getattr(one, "code", None) or one.medicationCodeableConcept).text
            for one in kind.where({"patient": client.patient_id}).perform_resources(client.server)
        ]
        for kind in SEARCHED
    }
    return page(person.name[0].family, person.birthDate.isostring, sections)


urlpatterns = [
    path("healthz", healthz),
    path("launch", launch),
    path("callback", callback),
    path("page", visit),
]
