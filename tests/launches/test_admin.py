"""What the admin shows of a launch: enough to find it, nothing that opens it (C70, C111, T23)."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.test import Client

from smartapp.database import in_database
from smartapp.launches.models import Launch
from tests.launches.conftest import Browser
from tests.scripted_ehr import CANARY, ScriptedEHR


def pages(paths: list[str]) -> list[str]:
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(get_user_model().objects.create_superuser("root", password="x"))
    return [client.get(path, follow=True).content.decode() for path in paths]


async def test_admin_shows_a_launch_without_its_secrets(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Callable[[], str]
) -> None:
    uuid = await browser.launch(ehr_launch())
    launch = await in_database(Launch.objects.get, uuid=uuid)
    paths = ["/admin/launches/launch/", f"/admin/launches/launch/{uuid}/change/"]
    for page in await in_database(pages, paths):
        assert str(uuid) in page
        for secret in (CANARY, launch.sealed_tokens, launch.state_digest, str(launch.session_id)):
            assert secret not in page


async def test_admin_can_neither_add_nor_delete_a_launch(
    browser: Browser, ehr_launch: Callable[[], str]
) -> None:
    uuid = await browser.launch(ehr_launch())
    paths = ["/admin/launches/launch/add/", f"/admin/launches/launch/{uuid}/delete/"]
    assert all("403" in page for page in await in_database(pages, paths))


async def test_what_only_its_renewal_needs_is_folded_away(
    browser: Browser, ehr_launch: Callable[[], str]
) -> None:
    uuid = await browser.launch(ehr_launch())
    page = (await in_database(pages, [f"/admin/launches/launch/{uuid}/change/"]))[0]
    shown, _, folded = page.partition("collapse")
    for label in ("Token version", "Refresh not before", "Refresh uncertain at"):
        assert label not in shown
        assert label in folded
