"""After a disconnect a patient is offered to sign out at the EHR too (C134)."""

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smartapp.database import in_database
from smartapp.launches.models import Launch
from smartapp.registrations import discovery
from smartapp.registrations.models import Registration
from tests.launches.conftest import Browser
from tests.scripted_ehr import CANARY, CLIENT_ID, ScriptedEHR

Start = Callable[[], str]


async def offered(browser: Browser, start: str) -> str:
    """Launch and disconnect; return the address that the page offers, empty for none."""
    uuid = await browser.launch(start)
    async with browser.http.post(f"{browser.app}/launches/{uuid}/end/") as response:
        page = await response.text()
    assert "Disconnected" in page
    assert await in_database(Launch.objects.filter(pk=uuid, sealed_tokens="").exists)
    found = re.search(r'href="([^"]+)"[^>]*>Also sign out at', page)
    return html.unescape(found[1]) if found else ""


async def test_patient_signs_out_where_the_issuer_says(browser: Browser, ehr: ScriptedEHR) -> None:
    """OpenID Connect RP-Initiated Logout, with neither id_token nor subject in the address."""
    ehr.openid = {"end_session_endpoint": f"{ehr.base}/logout"}
    url = await offered(browser, "/connect/scripted/")
    assert url.startswith(f"{ehr.base}/logout?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": [CLIENT_ID],
        "post_logout_redirect_uri": [f"{browser.app}/signed-out/"],
    }
    assert CANARY not in url
    back = await browser.get("/signed-out/")
    assert back.status == 200
    assert "Back from your health system" in await back.text()


async def test_ehrs_own_document_comes_first(browser: Browser, ehr: ScriptedEHR) -> None:
    ehr.discovery = {"end_session_endpoint": f"{ehr.base}/own"}
    ehr.openid = {"end_session_endpoint": f"{ehr.base}/logout"}
    assert (await offered(browser, "/connect/scripted/")).startswith(f"{ehr.base}/own?")


async def test_vendors_documented_address_is_on_the_token_endpoints_host(
    browser: Browser, ehr: ScriptedEHR
) -> None:
    """athenahealth's GET /oauth2/v1/logout."""
    await in_database(Registration.objects.update, preset="athenahealth-preview")
    url = await offered(browser, "/connect/scripted/")
    assert url.startswith(f"{ehr.base}/oauth2/v1/logout?")


@pytest.mark.parametrize(
    "published",
    [
        {},
        {"end_session_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "https://stranger.example/logout"},
    ],
)
async def test_nothing_is_offered_where_nobody_trusted_says_where(
    browser: Browser, ehr: ScriptedEHR, published: dict[str, Any]
) -> None:
    """T13, C14: a host that nobody has accepted is none."""
    ehr.openid = published
    assert await offered(browser, "/connect/scripted/") == ""


async def test_issuer_that_is_away_costs_the_page_nothing(
    browser: Browser, ehr: ScriptedEHR
) -> None:
    uuid = await browser.launch("/connect/scripted/")
    discovery.forget()
    ehr.openid = {"issuer": "https://another.example"}
    async with browser.http.post(f"{browser.app}/launches/{uuid}/end/") as response:
        assert response.status == 410


async def test_clinician_is_not_offered_to_leave_the_ehr(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    ehr.openid = {"end_session_endpoint": f"{ehr.base}/logout"}
    assert await offered(browser, ehr_launch()) == ""
