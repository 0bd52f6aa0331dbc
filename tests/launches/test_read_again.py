"""What was read for a page is shown again for a moment, to its own browser only."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from aiohttp import web
from django.core.cache import caches
from django.utils import timezone
from pytest_django import Settings

from smartapp.database import in_database
from smartapp.launches.cookies import SessionKey
from smartapp.launches.models import Launch
from smartapp.launches.read_again import Kept, Shelf
from smartapp.launches.tokens import LaunchTokens, unseal
from tests.launches.conftest import Browser, new_browser
from tests.launches.test_presence import form_token, say
from tests.launches.test_streaming import Gates, opened
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def kept_for_a_minute(settings: Settings) -> Iterator[None]:
    settings.READ_AGAIN_SECONDS = 60
    yield
    caches["pages"].clear()


@pytest.fixture
async def uuid(browser: Browser, ehr_launch: Start, ehr: ScriptedEHR) -> UUID:
    Gates(ehr)
    return await browser.launch(ehr_launch())


async def page_of(browser: Browser, uuid: UUID) -> str:
    async with opened(browser, uuid) as page:
        return await page.rest()


def reads(ehr: ScriptedEHR) -> list[str]:
    """Return what was read since the last time."""
    asked = [path for _, path in ehr.requests if path.startswith("/fhir/") and "/." not in path]
    ehr.requests.clear()
    return asked


class TestReload:
    async def test_a_reload_asks_the_ehr_for_nothing(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        first = await page_of(browser, uuid)
        assert "/fhir/Patient/p-1" in reads(ehr)
        again = await page_of(browser, uuid)
        assert reads(ehr) == []
        for words in ("Family-p-1", "Penicillin", 'id="labs"', "About this connection"):
            assert (words in first, words in again) == (True, True)

    async def test_a_program_after_the_browser_gets_the_same(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        await page_of(browser, uuid)
        reads(ehr)
        assert "Penicillin" in await (await browser.get(f"/launches/{uuid}/")).text()
        assert reads(ehr) == []

    async def test_zero_asks_every_time(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR, settings: Settings
    ) -> None:
        settings.READ_AGAIN_SECONDS = 0
        await page_of(browser, uuid)
        first = sorted(reads(ehr))
        await page_of(browser, uuid)
        assert sorted(reads(ehr)) == first

    async def test_after_the_moment_it_is_read_anew(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR, settings: Settings
    ) -> None:
        settings.READ_AGAIN_SECONDS = 1
        await page_of(browser, uuid)
        reads(ehr)
        await asyncio.sleep(1.1)
        await page_of(browser, uuid)
        assert "/fhir/Patient/p-1" in reads(ehr)

    async def test_only_what_failed_is_asked_for_again_and_who_it_is(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr)
        gates.answers["Condition"] = lambda: web.Response(status=500)
        assert "Not read." in await page_of(browser, uuid)
        reads(ehr)
        del gates.answers["Condition"]
        again = await page_of(browser, uuid)
        assert sorted(reads(ehr)) == ["/fhir/Condition", "/fhir/Patient/p-1"]
        assert "Not read." not in again
        assert again.index("Family-p-1") < again.index("Penicillin")

    async def test_the_first_block_is_made_of_what_was_kept_and_what_is_read_now(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        gates = Gates(ehr)
        gates.answers["MedicationRequest"] = lambda: web.Response(status=500)
        assert "Not read: medications, visits." in await page_of(browser, uuid)
        reads(ehr)
        del gates.answers["MedicationRequest"]
        again = await page_of(browser, uuid)
        assert "/fhir/Observation" not in reads(ehr)
        assert "Made from laboratory results, vital signs, medications only." in again
        assert "Not read: visits." in again
        assert (await page_of(browser, uuid)).count('id="news"') == 1

    async def test_a_record_that_could_not_be_read_at_all_is_not_kept(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR
    ) -> None:
        async def away(_: web.Request) -> web.StreamResponse:
            return web.Response(status=500)

        ehr.fhir_answer = away
        assert "gave no part of this record" in await page_of(browser, uuid)
        Gates(ehr)
        again = await page_of(browser, uuid)
        assert "gave no part of this record" not in again
        assert "Penicillin" in again


class TestWhoseItIs:
    async def test_another_launch_of_the_same_patient_reads_for_itself(
        self, browser: Browser, uuid: UUID, ehr: ScriptedEHR, app: str, ehr_launch: Start
    ) -> None:
        await page_of(browser, uuid)
        reads(ehr)
        async with new_browser(app) as other:
            await page_of(other, await other.launch(ehr_launch()))
        assert "/fhir/Patient/p-1" in reads(ehr)

    async def test_disconnecting_takes_it_away(
        self, browser: Browser, uuid: UUID, settings: Settings
    ) -> None:
        await page_of(browser, uuid)
        shelf = Shelf(uuid, key_of(browser, uuid))
        tokens = await tokens_of(uuid)
        assert (await shelf.find(tokens, timezone.now())).is_whole
        await say(browser, uuid, "end", form_token=await form_token(browser, uuid))
        assert (await shelf.find(tokens, timezone.now())).pieces == {}

    async def test_a_change_of_the_patient_takes_it_away(
        self, browser: Browser, uuid: UUID
    ) -> None:
        await page_of(browser, uuid)
        shelf, tokens = Shelf(uuid, key_of(browser, uuid)), await tokens_of(uuid)
        await say(browser, uuid, "patient-changed", form_token=await form_token(browser, uuid))
        assert (await shelf.find(tokens, timezone.now())).pieces == {}

    async def test_only_the_key_of_the_session_and_the_same_permissions_open_it(
        self, browser: Browser, uuid: UUID
    ) -> None:
        key, tokens, now = key_of(browser, uuid), await tokens_of(uuid), timezone.now()
        kept = Kept(now, {"who": "Family-p-1"}, is_whole=True)
        await Shelf(uuid, key).keep(kept, tokens)
        assert await Shelf(uuid, key).find(tokens, now) == kept
        assert (await Shelf(uuid, SessionKey("another")).find(tokens, now)).pieces == {}
        fewer = replace(tokens, granted_scope="patient/Patient.rs")
        assert (await Shelf(uuid, key).find(fewer, now)).pieces == {}
        other = replace(tokens, members={**tokens.members, "patient": "p-2"})
        assert (await Shelf(uuid, key).find(other, now)).pieces == {}

    async def test_what_is_kept_is_sealed(
        self, browser: Browser, uuid: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored: list[tuple[str, str, int]] = []
        cache = caches["pages"]
        monkeypatch.setattr(cache, "set", lambda *given: stored.append(given))
        await Shelf(uuid, SessionKey("k")).keep(
            Kept(timezone.now(), {"labs": "Penicillin " * 99}), await tokens_of(uuid)
        )
        ((_, sealed, seconds),) = stored
        assert sealed.startswith("v1.")
        assert seconds == 60


async def tokens_of(uuid: UUID) -> LaunchTokens:
    launch = await in_database(Launch.objects.get, uuid=uuid)
    return unseal(launch.sealed_tokens, uuid)


def key_of(browser: Browser, uuid: UUID) -> SessionKey:
    cookies = {one.key: one.value for one in browser.http.cookie_jar}
    return SessionKey(cookies[f"launch-{uuid.hex}"])
