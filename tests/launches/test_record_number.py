"""The banner shows the number that the administrator's registration names as the hospital's own."""

from collections.abc import Callable

import pytest
from aiohttp import web

from smartapp.database import in_database
from smartapp.registrations import registry
from smartapp.registrations.models import Registration
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR, fhir_json

NUMBERS = [
    {"use": "usual", "type": {"coding": [{"code": "MR"}]}, "system": "urn:other", "value": "N-77"},
    {"system": "urn:oid:1.2.3", "value": "N-1001"},
]


@pytest.mark.parametrize(
    ("system", "shown", "hidden"), [("", "N-77", "N-1001"), ("urn:oid:1.2.3", "N-1001", "N-77")]
)
async def test_it_is_the_one_of_the_named_system(
    browser: Browser,
    ehr: ScriptedEHR,
    ehr_launch: Callable[[], str],
    system: str,
    shown: str,
    hidden: str,
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        resource = ehr.resource(request.match_info["path"])
        is_patient = resource["resourceType"] == "Patient"
        return fhir_json({**resource, "identifier": NUMBERS} if is_patient else resource)

    ehr.fhir_answer = answer
    await in_database(Registration.objects.update, record_number_system=system)
    registry.forget()
    uuid = await browser.launch(ehr_launch())
    page = await (await browser.get(f"/launches/{uuid}/")).text()
    assert shown in page
    assert hidden not in page
