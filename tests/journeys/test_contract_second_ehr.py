"""A second EHR, registered while the app serves.

It is another demo, whose sandbox issues access tokens that live for seconds.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.demo_server import Demo, demo_server
from tests.journeys.outside import Browser, Page, command, ehr_launch, patients, run, token_requests

REGISTER = (
    "register_ehr {ehr}/sandbox/fhir/r4 --name 'Second EHR' --client-id second --preset sandbox"
    " --json"
)
CLIENT = (
    "sandbox_client second --kind web --jwks-url {jwks_url} --redirect-uri {redirect_uri}"
    " --launch-url {launch_url} --access-token-seconds {seconds} --json"
)


@dataclass(frozen=True)
class SecondEHR:
    demo: Demo
    sheet: dict[str, Any]

    @property
    def url(self) -> str:
        return self.demo.url

    async def give_access_for(self, seconds: int) -> None:
        """Record the app at this EHR, with access tokens of this lifetime from now on."""
        line = CLIENT.format(seconds=seconds, **self.sheet)
        record = json.loads(await command(self.demo.env, line))
        assert record["access_token_seconds"] == seconds


@pytest.fixture(scope="module")
def second(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondEHR]:
    with demo_server(tmp_path_factory.mktemp("second")) as ehr:
        registered = run(demo.env, REGISTER.format(ehr=ehr.url))
        sheet = json.loads(registered.stdout)
        assert (sheet["slug"], sheet["warnings"]) == ("second-ehr", [])
        yield SecondEHR(ehr, sheet)


async def launched(browser: Browser, second: SecondEHR) -> Page:
    page = await browser.allow(second.url + ehr_launch("second"))
    assert page.url.startswith(f"{browser.origin}/launches/"), page.words
    assert page.status == 200, page.words
    return page


async def refreshes(browser: Browser, second: SecondEHR) -> int:
    return await token_requests(browser, second.url, "second", "refresh_token")


async def test_it_launches_at_once_and_the_first_one_still_does(
    browser: Browser, second: SecondEHR
) -> None:
    await second.give_access_for(3600)
    context = await browser.context(await launched(browser, second))
    assert (context["registration"], context["endpoint"]) == ("second-ehr", "second-ehr")
    assert context["fhirUser"].startswith(second.url)
    standalone = await browser.allow("/connect/second-ehr/", username="patient")
    assert (await browser.context(standalone))["kind"] == "standalone"
    other = await browser.allow(ehr_launch(patient=(await patients(browser))[0]))
    assert (await browser.context(other))["registration"] == "sandbox"


async def test_an_expired_access_token_is_refreshed_once(
    browser: Browser, second: SecondEHR
) -> None:
    await second.give_access_for(3)
    page = await launched(browser, second)
    await asyncio.sleep(3)
    before = await refreshes(browser, second)
    again = await browser.get(page.url)
    assert (again.status, again.url) == (200, page.url)
    assert await refreshes(browser, second) == before + 1


async def test_twenty_loads_when_it_is_due_refresh_once(
    browser: Browser, second: SecondEHR
) -> None:
    """The app refreshes in the last fifth of a token's life, at most a minute before its end."""
    await second.give_access_for(6)
    page = await launched(browser, second)
    await second.give_access_for(3600)
    before = await refreshes(browser, second)
    await asyncio.sleep(6)
    pages = await asyncio.gather(*(browser.get(page.url) for _ in range(20)))
    assert {page.status for page in pages} == {200}
    assert await refreshes(browser, second) == before + 1


async def test_a_fresh_access_token_is_used_as_it_is(browser: Browser, second: SecondEHR) -> None:
    await second.give_access_for(20)
    page = await launched(browser, second)
    before = await refreshes(browser, second)
    assert (await browser.get(page.url)).status == 200
    assert await refreshes(browser, second) == before
