"""A browser gets the launch's page as it is read, whose record it is first (C101, C104, T17)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from django.utils import timezone

from smartapp.database import in_database
from smartapp.launches import events, patient_chart, store
from smartapp.launches.models import EndReason, Launch, LaunchEvent
from tests.launches.conftest import SCOPE, Browser, expire
from tests.scripted_ehr import ScriptedEHR, fhir_json

Start = Callable[[], str]
# What browsers say of a page that they load.
NAVIGATION = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "a-1",
    "patient": {"reference": "Patient/p-1"},
    "code": {"text": "Penicillin"},
}


class Gates:
    """An EHR that answers a read only when the test opens its gate."""

    def __init__(self, ehr: ScriptedEHR, *closed: str) -> None:
        self._ehr = ehr
        self._closed = set(closed)
        self.left: list[str] = []
        self.somebody_left = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.answers: dict[str, Callable[[], web.Response]] = {}
        ehr.fhir_answer = self._answer

    def open(self, resource_type: str) -> None:
        self._closed.discard(resource_type)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        resource_type = path.partition("/")[0]
        while resource_type in self._closed:
            await asyncio.sleep(0.01)
            if request.transport is None:
                self.left.append(resource_type)
                self._loop.call_soon_threadsafe(self.somebody_left.set)
                self.open(resource_type)
        if resource_type in self.answers:
            return self.answers[resource_type]()
        if path == "AllergyIntolerance":
            entry = [{"resource": ALLERGY}]
            return fhir_json({"resourceType": "Bundle", "type": "searchset", "entry": entry})
        return fhir_json(self._ehr.resource(path))


class Stream:
    """The page as far as it has come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.html = ""

    async def until(self, words: str, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while words not in self.html:
                chunk = await self.response.content.readany()
                assert chunk, f"the page ended without {words!r}"
                self.html += chunk.decode()

    async def rest(self) -> str:
        self.html += (await self.response.content.read()).decode()
        return self.html

    async def for_a_moment(self) -> str:
        """Return what came when nothing more comes for a while."""
        while True:
            try:
                async with asyncio.timeout(0.4):
                    chunk = await self.response.content.readany()
            except TimeoutError:
                return self.html
            self.html += chunk.decode()


@asynccontextmanager
async def opened(browser: Browser, uuid: UUID, **headers: str) -> AsyncIterator[Stream]:
    url = f"{browser.app}/launches/{uuid}/"
    async with browser.http.get(url, headers={**NAVIGATION, **headers}) as response:
        assert response.status == 200
        yield Stream(response)


@pytest.fixture
async def uuid(browser: Browser, ehr_launch: Start) -> UUID:
    return await browser.launch(ehr_launch())


class TestOrder:
    async def test_the_page_begins_before_the_ehr_has_said_anything(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr, "Patient", "AllergyIntolerance", "Observation", "Condition")
        async with opened(browser, uuid) as page:
            await page.until("Reading whose record this is")
            assert "Laboratory results" in page.html  # its place, and its link in the contents
            for resource_type in ("Patient", "AllergyIntolerance", "Observation", "Condition"):
                gates.open(resource_type)
            assert "Family-p-1" in await page.rest()

    async def test_nothing_of_a_record_is_sent_before_it_is_known_whose_it_is(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr, "Patient")
        async with opened(browser, uuid) as page:
            before = await page.for_a_moment()
            assert "Penicillin" not in before
            assert 'id="allergies"' not in before
            gates.open("Patient")
            html = await page.rest()
        assert html.index("Family-p-1") < html.index("Penicillin")

    async def test_sections_come_in_the_order_in_which_they_are_read(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr, "AllergyIntolerance")
        async with opened(browser, uuid) as page:
            await page.until('id="labs"')
            assert "Penicillin" not in page.html
            gates.open("AllergyIntolerance")
            html = await page.rest()
        assert html.index('id="labs"') < html.index("Penicillin")
        assert html.endswith("</html>\n")

    async def test_the_first_block_waits_for_what_it_is_made_of(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr, "MedicationRequest")
        async with opened(browser, uuid) as page:
            await page.until('id="labs"')
            await page.until('id="encounters"')
            assert "Reading results, vital signs, medications and visits…" in page.html
            assert 'id="news"' not in page.html
            gates.open("MedicationRequest")
            assert 'id="news"' in await page.rest()

    async def test_a_due_token_does_not_keep_the_page_from_beginning(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        await expire(uuid)
        ehr.scope = SCOPE
        ehr.token_delay = 1.0
        started = time.monotonic()
        async with opened(browser, uuid) as page:
            await page.until("Reading whose record this is")
            assert time.monotonic() - started < 0.8
            assert "Family-p-1" in await page.rest()

    async def test_a_program_gets_the_page_whole_and_in_order(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        Gates(ehr)
        response = await browser.get(f"/launches/{uuid}/")
        html = await response.text()
        assert "Content-Length" in response.headers
        names = ("news", "allergies", "problems", "medications", "vitals", "labs", "connection")
        places = [html.index(f'id="{name}"') for name in names]
        assert places == sorted(places)

    async def test_all_failures_of_one_load_have_one_reference(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR, caplog: pytest.LogCaptureFixture
    ) -> None:
        gates = Gates(ehr)
        gates.answers["Condition"] = lambda: web.Response(status=500)
        gates.answers["AllergyIntolerance"] = lambda: web.Response(status=403)
        async with opened(browser, uuid) as page:
            html = await page.rest()
        said = [part.split("<")[0] for part in html.split('Reference <span class="code">')[1:]]
        logged = [
            one.getMessage().split()[0]
            for one in caplog.records
            if one.name == "smartapp.chart.reader"
        ]
        assert len(said) == len(logged) == 2
        assert len({*said, *logged}) == 1


def was_alarmed(html: str, title: str) -> bool:
    return 'id="alarm"' in html and title in html.partition('id="alarm"')[2]


class TestLateAlarm:
    async def test_somebody_else_in_the_patients_place(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr)
        gates.answers["Patient"] = lambda: fhir_json({**ehr.resource("Patient/p-2")})
        async with opened(browser, uuid) as page:
            html = await page.rest()
        assert was_alarmed(html, "The EHR sent another person")
        assert "Penicillin" not in html
        assert "Family-p-2" not in html
        launch = await in_database(Launch.objects.get, pk=uuid)
        assert launch.end_reason == EndReason.PATIENT_CHANGED

    async def test_a_launch_that_ended_while_its_record_was_sent(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr, "Condition")
        async with opened(browser, uuid) as page:
            await page.until("Penicillin")
            launch = await in_database(Launch.objects.select_related("session").get, pk=uuid)
            stored = await in_database(store.find, uuid, launch.session_id or "", timezone.now())
            reason = EndReason.CONTEXT_CHANGED
            await in_database(store.end_and_hand_over, stored, reason, timezone.now())
            gates.open("Condition")
            html = await page.rest()
        assert was_alarmed(html, "The patient was changed")
        assert 'id="connection"' not in html

    async def test_an_ehr_that_takes_the_access_away(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr)
        gates.answers["Condition"] = lambda: web.Response(status=401)
        async with opened(browser, uuid) as page:
            html = await page.rest()
        assert was_alarmed(html, "This connection has ended")
        await events.flush()
        codes = await in_database(list, LaunchEvent.objects.values_list("code", "reference"))
        (reference,) = [found for code, found in codes if code == "ended-by-ehr"]
        assert reference in html

    async def test_an_error_of_our_own_is_told_and_blanks_the_page(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fails(*_: Any) -> None:
            raise ZeroDivisionError

        Gates(ehr)
        monkeypatch.setattr(patient_chart, "_refuse_if_over", fails)
        async with opened(browser, uuid) as page:
            html = await page.rest()
        assert was_alarmed(html, "Something went wrong in this app")
        assert html.endswith("</html>\n")


class TestLeaving:
    async def test_reads_end_when_the_browser_leaves(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr, "Condition")
        async with opened(browser, uuid) as page:
            await page.until("Penicillin")
            page.response.close()
        async with asyncio.timeout(30):
            await gates.somebody_left.wait()
        assert gates.left == ["Condition"]


class TestHeaders:
    async def test_a_streamed_page_has_the_headers_of_every_page(
        self, browser: Browser, uuid: UUID
    ) -> None:
        whole = await browser.get(f"/launches/{uuid}/")
        async with opened(browser, uuid) as page:
            await page.rest()
        streamed = page.response.headers
        for name in ("Content-Security-Policy", "X-Frame-Options", "Cache-Control", "Content-Type"):
            assert streamed[name] == whole.headers[name], name
        assert "no-store" in streamed["Cache-Control"]
