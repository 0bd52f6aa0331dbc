"""Pages of the sandbox's synthetic people, made the way the app makes them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.test import RequestFactory

from smartapp.chart.chart import Chart
from smartapp.chart.drawing import draw, draw_end, draw_news, draw_shell
from smartapp.chart.page import LaunchPage, build_launch_page
from smartapp.chart.reader import read_chart
from smartapp.launches.guard import Guard
from smartapp.protocol.launch_context import parse_launch_context
from smartapp.protocol.scopes import compare
from smartapp.record.news import SOURCES
from smartapp.sandbox.fhir.store import store
from tests.chart.fake_ehr import FakeAccess, FakeEHR, serving
from tests.chart.samples import NOW, Resource

SCOPES = (
    "launch",
    "openid",
    "fhirUser",
    "patient/Patient.rs",
    "patient/Encounter.rs",
    "patient/Observation.rs",
    "patient/Condition.rs",
    "patient/MedicationRequest.rs",
    "patient/AllergyIntolerance.rs",
    "patient/Immunization.rs",
)
MANY_OBSERVATIONS, ALMOST_NOTHING, ARABIC = "a-1.E-1009", "a-1.E-1013", "a-1.E-1004"
# A launch of a patient who stays connected: nothing is closed while a test looks.
GUARD = Guard("/presence/", "/patient-changed/", 90 * 86_400, None, 120, "")
REFERENCE = "A2B3-C4D5"
PEOPLE = (MANY_OBSERVATIONS, ALMOST_NOTHING, ARABIC, "a-1.E-1003", "a-1.E-1012", "a-1.E-1014")


def resources_of(patient: str) -> list[Resource]:
    return [
        record.resource
        for record in store().by_reference.values()
        if record.patient == patient or record.type == "Practitioner"
    ]


async def _read(patient: str, change: Callable[[FakeEHR], None] | None, **options: Any) -> Chart:
    fake = FakeEHR()
    fake.resources = resources_of(patient)
    if change is not None:
        change(fake)
    defaults: dict[str, Any] = {"encounter": None, "fhirUser": None, "granted_scopes": SCOPES}
    async with serving(fake):
        return await read_chart(
            FakeAccess(fake),
            patient=patient,
            extras={},
            now=NOW,
            reference=REFERENCE,
            **{**defaults, **options},
        )


def chart_of(
    patient: str, change: Callable[[FakeEHR], None] | None = None, **options: Any
) -> Chart:
    """Return a person's chart; `change` may spoil the EHR before it is read."""
    return asyncio.run(_read(patient, change, **options))


@cache
def plain_chart_of(patient: str) -> Chart:
    practitioner = store().by_type["Practitioner"][0].id
    return chart_of(patient, fhirUser=f"Practitioner/{practitioner}")


def launch_page(patient: str, **changes: Any) -> LaunchPage:
    members = {
        "patient": patient,
        "need_patient_banner": changes.pop("need_patient_banner", True),
        **changes.pop("context", {}),
    }
    values: dict[str, Any] = {
        "uuid": UUID(int=1),
        "kind": "ehr",
        "is_patients": False,
        "endpoint_name": "St. Brigid's General Hospital",
        "registration_name": "athenahealth preview",
        "launched_at": NOW - timedelta(minutes=3),
        "session_expires_at": NOW + timedelta(hours=8),
        "access_token_expires_at": NOW + timedelta(minutes=57),
        "refreshable": True,
        "end_url": "/launches/1/end/",
        "home_url": "/",
        "start_again_url": "",
        "style_url": "",
        "context": parse_launch_context(members),
        "fhirUser": "Practitioner/p1",
        "scope": compare(SCOPES, SCOPES),
    }
    return build_launch_page(**{**values, **changes})


def rendered(template: str, **context: Any) -> str:
    request = RequestFactory().get("/")
    return render_to_string(template, context, request=request)


def launch_html(chart: Chart | None, **changes: Any) -> str:
    """Return the page as it is when everything was read, its pieces in order."""
    page = launch_page(chart.who.patient if chart else "", **changes)
    shell = draw_shell(page, form_token="f0", guard=GUARD)
    pieces = [draw(part, page) for part in chart.parts] if chart else []
    if chart and chart.shares.keys() >= SOURCES.keys():
        pieces.append(draw_news(chart.shares, page, encounter=None, now=NOW))
    end = draw_end(
        page,
        user=chart.user if chart else None,
        is_unreadable=bool(chart and chart.is_unreadable),
        read_at=NOW,
        form_token="f0",
    )
    return "".join((shell.before, *pieces, end, shell.after))
