"""Attacks, races and half-open states of a launch (spec §5), one test for each that was tried."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from aiohttp import web
from django.utils import timezone

from smartapp.database import in_database
from smartapp.launches.models import EndReason, Launch
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


async def row(uuid: UUID) -> Launch:
    return await in_database(Launch.objects.get, uuid=uuid)


async def expire_in(uuid: UUID, seconds: float) -> None:
    """Let the access token run out so many seconds from now."""
    at = timezone.now() + timedelta(seconds=seconds)
    await in_database(Launch.objects.filter(uuid=uuid).update, access_token_expires_at=at)


class TestEndedLaunch:
    """T17, T34: what a refresh ended is not shown once more because its old token still lives."""

    async def test_another_patient_is_an_alarm_also_while_the_old_token_is_good(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C126."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, 20)

        async def other_patient(_: web.Request) -> web.Response:
            return web.json_response(ehr.token_response("openid") | {"patient": "p-2"})

        ehr.token_answer = other_patient
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 409
        assert "Family-p-1" not in await response.text()
        assert (await row(uuid)).end_reason == EndReason.PATIENT_CHANGED

    async def test_invalid_grant_ends_it_also_while_the_old_token_is_good(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C125."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, 20)
        ehr.refresh_token = "another"
        for path in ("", "context.json"):
            assert (await browser.get(f"/launches/{uuid}/{path}")).status == 410

    async def test_last_seconds_without_a_refresh_token_are_still_good(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.refresh_token = None
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, 20)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
