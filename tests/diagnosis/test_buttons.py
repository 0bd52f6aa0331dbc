"""What could be checked now has a button beside its cause, which it proves or disproves."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from smartapp.database import in_database
from smartapp.diagnosis.causes import IN_TURN
from smartapp.diagnosis.doctor import LOOKS
from smartapp.launches.models import LaunchEvent
from tests.diagnosis.answers import json_text, raw
from tests.diagnosis.test_attempts import LIST, administrator, page_of
from tests.diagnosis.test_causes import Exchange, exchanged, timeline, written_by_hand
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

__all__ = ["exchanged", "written_by_hand"]

REFUSED = json_text(401, '{"error":"invalid_client"}')


def test_every_check_that_a_cause_names_can_be_run() -> None:
    assert {entry.check for entries in IN_TURN for entry in entries} - {""} <= set(LOOKS)


async def press(check: str) -> tuple[str, str]:
    """Return the page of the last attempt as it is, and after the button was pressed."""
    await timeline()

    def look() -> tuple[str, str]:
        client = administrator()
        path = f"{LIST}attempt/{LaunchEvent.objects.latest('id').attempt}/"
        plain = page_of(client, path)
        return plain, client.post(path, {"check": check}).content.decode()

    plain, checked = await in_database(look)
    return " ".join(plain.split()), " ".join(checked.split())


def causes_of(page: str) -> list[str]:
    return re.findall(r"<li> <strong>(.*?)</strong>", page)


async def test_a_button_proves_its_cause(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Callable[[], str]
) -> None:
    ehr.discovery_answer = raw(200)
    await browser.get(ehr_launch())
    plain, checked = await press("discovery")
    assert "Read the EHR&#x27;s discovery again" in plain or "discovery again" in plain
    assert "Checked just now" not in plain
    assert "Checked just now: A web page answers" in checked


async def test_a_button_disproves_its_cause(exchanged: Exchange, ehr: ScriptedEHR) -> None:
    """The EHR knows the client by now: what was possible is not so, and goes behind the rest."""
    ehr.token_answer = REFUSED
    await exchanged()
    ehr.token_answer = json_text(400, '{"error":"invalid_grant"}')
    plain, checked = await press("client")
    assert "Checked, and not so:" not in plain
    assert "Checked, and not so:" in checked
    assert "client id" in causes_of(checked)[-1]


async def test_that_our_keys_can_be_fetched_from_here_disproves_nothing(
    exchanged: Exchange, ehr: ScriptedEHR
) -> None:
    ehr.token_answer = REFUSED
    ehr.asks_for_keys = False
    await exchanged()
    plain, checked = await press("published-key")
    assert "keys" in causes_of(plain)[0]
    assert causes_of(checked)[0] == causes_of(plain)[0]
    assert "Checked just now: " in checked


async def test_only_one_thing_is_looked_at(exchanged: Exchange, ehr: ScriptedEHR) -> None:
    ehr.token_answer = REFUSED
    await exchanged()
    before = len(ehr.requests)
    _, checked = await press("clock")
    asked = ehr.requests[before:]
    assert asked == [("GET", "/fhir/.well-known/smart-configuration")]
    assert "clock agrees with ours" in checked


# One button of those that look at the same thing.
DIFFERENT = {look: check for check, (_, look) in LOOKS.items()}.values()


@pytest.mark.parametrize("check", ["", *DIFFERENT])
async def test_every_button_answers(exchanged: Exchange, ehr: ScriptedEHR, check: str) -> None:
    ehr.token_answer = REFUSED
    await exchanged()
    _, checked = await press(check)
    assert "Checked just now" in checked


async def test_a_button_that_nobody_made_runs_nothing_more_than_all(
    exchanged: Exchange, ehr: ScriptedEHR
) -> None:
    ehr.token_answer = REFUSED
    await exchanged()
    _, checked = await press("../../etc/passwd")
    assert "passwd" not in checked


async def test_a_press_needs_a_form_of_ours(exchanged: Exchange, ehr: ScriptedEHR) -> None:
    ehr.token_answer = REFUSED
    await exchanged()
    await timeline()

    def press_from_elsewhere() -> int:
        session = administrator().session
        client = Client(enforce_csrf_checks=True, HTTP_HOST="127.0.0.1")
        client.cookies["sessionid"] = session.session_key or ""
        path = f"{LIST}attempt/{LaunchEvent.objects.latest('id').attempt}/"
        return client.post(path, {"check": "clock"}).status_code

    before = len(ehr.requests)
    assert await in_database(press_from_elsewhere) == 403
    assert len(ehr.requests) == before
