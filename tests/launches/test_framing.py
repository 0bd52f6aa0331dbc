"""A launch in somebody's frame: never a blank one, and nothing of anybody in a stranger's
(C57, C150, C151, C153)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest

from smartapp.database import in_database
from smartapp.diagnosis import outcome
from smartapp.diagnosis.causes import causes
from smartapp.diagnosis.facts import gather
from smartapp.launches import events, pending
from smartapp.launches.models import LaunchEvent
from smartapp.registrations.models import Endpoint, Registration
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
EHR = "https://ehr.example"
FRAMED = {"Sec-Fetch-Dest": "iframe"}


class FramedBrowser(Browser):
    """A browser that loads every page into a frame, and sends Secure cookies to this machine."""

    is_keeping = True

    def __init__(self, http: aiohttp.ClientSession, app: str) -> None:
        super().__init__(http, app)
        self.cookies: dict[str, str] = {}

    async def get(self, url: str, **options: object) -> aiohttp.ClientResponse:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**FRAMED, "Cookie": cookie} if cookie else FRAMED
        response = await super().get(url, headers=headers, **options)
        if self.is_keeping and response.url.host == urlsplit(self.app).hostname:
            self.cookies |= {one.key: one.value for one in response.cookies.values()}
        return response

    async def begin(self, start: str) -> aiohttp.ClientResponse:
        """Open the launch as browsers do, with the look whether cookies come back."""
        response = await self.get(start)
        return await self.get(response.headers["Location"]) if response.status == 302 else response


@pytest.fixture
async def frame(app: str) -> AsyncIterator[FramedBrowser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield FramedBrowser(http, app)


@pytest.fixture
def allowed(registered: Endpoint) -> None:
    """The EHR may show the app in its frame."""
    Registration.objects.update(frame_ancestors=[EHR])


async def timeline() -> list[LaunchEvent]:
    await events.flush()
    return await in_database(list, LaunchEvent.objects.order_by("id"))


def may_be_framed_anywhere(response: aiohttp.ClientResponse) -> bool:
    policy = response.headers["Content-Security-Policy"]
    return "frame-ancestors *" in policy and "X-Frame-Options" not in response.headers


class TestFrameThatNobodyAllowed:
    @pytest.mark.parametrize("path", ["launch", "connect"])
    async def test_is_told_so_before_the_ehr_is_asked(
        self, frame: FramedBrowser, ehr: ScriptedEHR, ehr_launch: Start, path: str
    ) -> None:
        start = ehr_launch() if path == "launch" else "/connect/scripted/"
        response = await frame.get(start)
        assert response.status == 403
        assert may_be_framed_anywhere(response)
        html = await response.text()
        assert "This app may not show inside this page" in html
        assert "Continue in a new window" in html
        assert 'target="_blank"' in html
        assert not response.cookies

    async def test_never_went_well(self, browser: Browser, ehr_launch: Start) -> None:
        headers = {**FRAMED, "Referer": "https://portal.example/chart?patient=1"}
        await browser.get(ehr_launch(), headers=headers)
        [event] = seen = await timeline()
        assert event.code == "frame-not-allowed"
        assert outcome.of(seen) == "This app may not show inside this page (frame-not-allowed)"
        [first, *_] = causes(seen, await in_database(gather, seen))
        assert "nobody has allowed it" in first.title
        assert "a frame of https://portal.example." in first.seen
        assert "patient=1" not in first.seen

    async def test_of_an_open_launch_gets_nothing_of_it(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        response = await browser.get(f"/launches/{uuid}/", headers=FRAMED)
        html = await response.text()
        assert response.status == 403
        assert may_be_framed_anywhere(response)
        assert "Family-p-1" not in html
        assert f'href="/launches/{uuid}/"' in html
        assert outcome.of(await timeline()).startswith("This app may not show inside")

    async def test_shows_that_its_ehr_is_unknown(self, frame: FramedBrowser) -> None:
        response = await frame.get(f"/launch?iss={EHR}&launch=x")
        assert response.status == 404
        assert may_be_framed_anywhere(response)

    async def test_the_way_out_begins_anew(
        self, browser: Browser, frame: FramedBrowser, ehr_launch: Start
    ) -> None:
        assert (await frame.get(ehr_launch())).status == 403
        await browser.launch(ehr_launch())


@pytest.mark.usefixtures("allowed")
class TestAllowedFrame:
    async def test_a_launch_ends_in_the_frame(
        self, frame: FramedBrowser, ehr_launch: Start
    ) -> None:
        asked = await frame.begin(ehr_launch())
        answered = await frame.get(asked.headers["Location"])
        finished = await frame.get(answered.headers["Location"])
        page = await frame.get(finished.headers["Location"])
        assert page.status == 200
        assert f"frame-ancestors {EHR}" in page.headers["Content-Security-Policy"]
        assert "Family-p-1" in await page.text()

    async def test_where_cookies_do_not_come_back_nothing_is_asked(
        self, frame: FramedBrowser, ehr_launch: Start
    ) -> None:
        """C57: a new window starts again from the launch's own address. There is no way to finish
        in the window what began in the frame, which would be a way around the state."""
        frame.is_keeping = False
        response = await frame.begin(ehr_launch())
        html = await response.text()
        assert response.status == 403
        assert "keeps no cookies for this app inside your EHR" in html
        assert "launch=CANARY-launch" in html
        assert not response.cookies
        seen = await timeline()
        [first, *_] = causes(seen, await in_database(gather, seen))
        assert first.rule == "C151"

    async def test_cookies_are_looked_at_once(
        self, frame: FramedBrowser, ehr_launch: Start
    ) -> None:
        await frame.begin(ehr_launch())
        again = await frame.get(ehr_launch())
        assert "code_challenge" in again.headers["Location"]

    async def test_a_sign_in_of_its_own_window(
        self, frame: FramedBrowser, browser: Browser, ehr_launch: Start
    ) -> None:
        """C153: as Oracle wants it."""
        await in_database(Registration.objects.update, sign_in_in_window=True)
        response = await frame.get(ehr_launch())
        html = await response.text()
        assert response.status == 200
        assert "Continue in a new window" in html
        assert "Try it here again" not in html
        assert may_be_framed_anywhere(response)  # a blank frame would have no way out
        assert not response.cookies
        await browser.launch(ehr_launch())

    async def test_a_sign_in_that_did_not_come_back_is_offered_a_window(
        self, frame: FramedBrowser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pending, "SOONEST_AGAIN", timedelta(seconds=-1))
        assert (await frame.begin(ehr_launch())).status == 302
        again = await frame.get(ehr_launch())
        assert again.status == 200
        html = await again.text()
        assert "did not come to its end" in html
        here = html.partition("Continue in a new window</a>")[2].partition('href="')[2]
        once_more = await frame.get(here.partition('"')[0].replace("&amp;", "&"))
        assert "code_challenge" in once_more.headers["Location"]
        seen = await timeline()
        first = [one for one in seen if one.attempt == seen[0].attempt]
        known = await in_database(gather, first)
        later = replace(known, now=known.now + timedelta(hours=1))
        assert "sign-in may refuse to be shown in a frame" in causes(first, later)[0].title

    async def test_an_answered_sign_in_is_none_of_those(
        self, frame: FramedBrowser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pending, "SOONEST_AGAIN", timedelta(seconds=-1))
        asked = await frame.begin(ehr_launch())
        answered = await frame.get(asked.headers["Location"])
        finished = await frame.get(answered.headers["Location"])
        frame.cookies = {name: value for name, value in frame.cookies.items() if value}
        assert finished.status == 303
        assert (await frame.get(ehr_launch())).status == 302

    async def test_a_frame_of_an_unknown_page_is_remarked(
        self, frame: FramedBrowser, browser: Browser, ehr_launch: Start
    ) -> None:
        """It may be the EHR's own sign-in, on the way; or a frame that stays blank."""
        await frame.begin(ehr_launch())
        cookie = "; ".join(f"{name}={value}" for name, value in frame.cookies.items())
        headers = {**FRAMED, "Referer": "https://other.example/", "Cookie": cookie}
        await in_database(LaunchEvent.objects.all().delete)
        events.forget()
        response = await browser.get(ehr_launch(), headers=headers)
        assert response.status == 302
        [event] = [one for one in await timeline() if "framed_from" in one.detail]
        assert event.detail["framed_from"] == "https://other.example"
        seen = await timeline()
        found = causes(seen, await in_database(gather, seen))
        [cause] = [one for one in found if one.rule == "C150"]
        assert "frame of another origin may have stayed blank" in cause.title
        assert "https://other.example, perhaps" in cause.seen
        assert EHR in cause.seen
