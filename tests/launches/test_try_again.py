"""A page that says how long to wait counts down by itself, and needs no script for it."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest

from smartapp.database import in_database
from smartapp.launches.models import Launch
from smartapp.protocol.errors import Busy, EHRSuspended
from smartapp.registrations import discovery
from tests.launches.conftest import Browser

Start = Callable[[], str]


def refusing(error: Exception) -> Callable[..., object]:
    async def refuses(*_: object, **__: object) -> None:
        raise error

    return refuses


async def test_before_the_ehr_was_asked_the_same_address_is_good_again(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = EHRSuspended("", retry_after=27)
    monkeypatch.setattr(discovery, "launch_endpoints", refusing(error))
    response = await browser.get(ehr_launch())
    assert response.status == 503
    assert response.headers["Refresh"] == "27"
    html = await response.text()
    assert "Scripted Hospital" in html
    assert '<a class="button" href="">Try again</a>' in html


async def test_an_open_page_does_not_live_on_by_loading_itself(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T18: only a person uses a page."""
    uuid = await browser.launch(ehr_launch())
    page = "smartapp.launches.launch_page._launch_page"
    monkeypatch.setattr(page, refusing(EHRSuspended("", retry_after=5)))
    response = await browser.get(f"/launches/{uuid}/")
    assert response.headers["Refresh"] == f"5; url=/launches/{uuid}/?again="
    before = await in_database(_session_end, uuid)
    await browser.get(f"/launches/{uuid}/?again=")
    assert await in_database(_session_end, uuid) == before


def _session_end(uuid: UUID) -> datetime:
    session = Launch.objects.select_related("session").get(uuid=uuid).session
    assert session is not None
    return session.expire_date


async def test_an_answer_that_is_used_up_is_not_sent_again(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = await browser.to_callback(ehr_launch())
    error = EHRSuspended("", retry_after=27)
    monkeypatch.setattr("smartapp.launches.callback.finish", refusing(error))
    response = await browser.get(callback)
    assert "Refresh" not in response.headers
    assert "Try again in" in await response.text()


async def test_a_crowd_is_waited_for_at_the_callback_too(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = await browser.to_callback(ehr_launch())
    monkeypatch.setattr("smartapp.launches.callback.finish", refusing(Busy("full")))
    response = await browser.get(callback)
    assert response.headers["Refresh"] == "2"
