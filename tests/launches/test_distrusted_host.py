"""What an administrator has said not to trust any longer gets nothing, of no launch (C14)."""

from collections.abc import Callable

from django.utils import timezone

from smartapp.database import in_database
from smartapp.launches.models import Launch
from smartapp.registrations import registry, trust
from smartapp.registrations.models import Endpoint
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


def distrust(ehr: ScriptedEHR) -> None:
    host = ehr.base.removeprefix("http://")
    endpoint = Endpoint.objects.get()
    Endpoint.objects.update(pinned_hosts=[host, "other.example"])
    assert trust.distrust(endpoint.pk, host, now=timezone.now(), actor="test")
    registry.forget()


async def test_no_refresh_token_of_an_open_launch_goes_there(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    await in_database(
        Launch.objects.filter(uuid=uuid).update, access_token_expires_at=timezone.now()
    )
    await in_database(distrust, ehr)
    page = await browser.get(f"/launches/{uuid}/")
    assert page.status == 503
    assert "Tell your administrator" in await page.text()
    assert [request["grant_type"] for request in ehr.token_requests] == ["authorization_code"]


async def test_its_launch_goes_on_when_the_host_is_trusted_again(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """Nothing was sent, so nothing is used up (C125)."""
    uuid = await browser.launch(ehr_launch())
    await in_database(
        Launch.objects.filter(uuid=uuid).update, access_token_expires_at=timezone.now()
    )
    pinned = await in_database(lambda: Endpoint.objects.get().pinned_hosts)
    await in_database(distrust, ehr)
    assert (await browser.get(f"/launches/{uuid}/")).status == 503
    await in_database(Endpoint.objects.update, pinned_hosts=pinned)
    await in_database(Launch.objects.update, refresh_not_before=None)
    registry.forget()
    assert (await browser.get(f"/launches/{uuid}/")).status == 200


async def test_no_code_of_a_sign_in_under_way_goes_there(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    back = await browser.to_callback(ehr_launch())
    await in_database(distrust, ehr)
    answer = await browser.get(back)
    assert answer.status == 503
    assert ehr.token_requests == []
