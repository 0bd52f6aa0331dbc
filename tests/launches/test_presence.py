"""A launch that nobody uses ends, and one whose patient was changed in the EHR (T18, C156)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp import web
from django.contrib.sessions.models import Session
from django.utils import timezone
from pytest_django import Settings

from smartapp import vault
from smartapp.database import in_database
from smartapp.launches import ending, session_length
from smartapp.launches.models import EndReason, Launch, Revocation
from smartapp.registrations.models import Registration
from tests.counting import counted
from tests.launches.conftest import Browser, new_browser
from tests.scripted_ehr import ScriptedEHR, fhir_json

Start = Callable[[], str]
MINUTE = timedelta(minutes=1)


async def row(uuid: UUID) -> Launch:
    return await in_database(Launch.objects.select_related("session").get, uuid=uuid)


async def minutes_left(uuid: UUID) -> float:
    session = (await row(uuid)).session
    assert session is not None
    return (session.expire_date - timezone.now()).total_seconds() / 60


async def let_pass(uuid: UUID, minutes: float) -> None:
    """Let so much time pass for the launch."""
    launch, by = await row(uuid), timedelta(minutes=minutes)
    assert launch.session is not None
    ends = launch.session.expire_date - by
    await in_database(Session.objects.filter(pk=launch.session_id).update, expire_date=ends)
    if launch.lasts_until:
        await in_database(
            Launch.objects.filter(pk=uuid).update, lasts_until=launch.lasts_until - by
        )


async def form_token(browser: Browser, uuid: UUID) -> str:
    page = await (await browser.get(f"/launches/{uuid}/")).text()
    return page.split('name="form_token" value="')[1].split('"')[0]


async def say(browser: Browser, uuid: UUID, path: str, **fields: str) -> int:
    """Send a form as the page's script does, with the headers of a browser."""
    headers = {"Origin": browser.app, "Sec-Fetch-Site": "same-origin"}
    url = f"{browser.app}/launches/{uuid}/{path}/"
    async with browser.http.post(url, data=fields, headers=headers) as response:
        return response.status


async def test_a_process_that_lacks_a_key_does_not_call_the_launch_ended(
    browser: Browser, ehr_launch: Start, settings: Settings
) -> None:
    """Others have it: while the ring is changed, or this process was forgotten. The page's script
    would take the record off the screen, and would not say again that the patient was changed."""
    uuid = await browser.launch(ehr_launch())
    token, ring = await form_token(browser, uuid), settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = vault.new_key()
    for path in ("", "context.json", "presence/"):
        assert (await browser.get(f"/launches/{uuid}/{path}")).status == 503
    for path in ("presence", "patient-changed", "end"):
        assert await say(browser, uuid, path, form_token=token) == 503
    assert (await row(uuid)).ended_at is None
    page = await (await browser.get(f"/launches/{uuid}/")).text()
    assert "tokens-unopened" in page
    assert "Try again" in page
    settings.ENCRYPTION_KEYS = ring
    assert (await browser.get(f"/launches/{uuid}/")).status == 200


class TestUnused:
    async def test_launch_ends_when_nobody_uses_it(
        self, browser: Browser, ehr_launch: Start, settings: Settings
    ) -> None:
        """T18: and what is left of it is purged with its tokens."""
        uuid = await browser.launch(ehr_launch())
        assert settings.IDLE_MINUTES - 1 < await minutes_left(uuid) <= settings.IDLE_MINUTES
        await let_pass(uuid, settings.IDLE_MINUTES)
        for path in ("", "context.json", "presence/"):
            assert (await browser.get(f"/launches/{uuid}/{path}")).status == 404
        assert await in_database(ending.purge_batch, timezone.now()) == 1
        assert not await in_database(Launch.objects.filter(pk=uuid).exists)

    async def test_each_use_lets_it_live_on(
        self, browser: Browser, ehr_launch: Start, settings: Settings
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        for _ in range(3):
            await let_pass(uuid, settings.IDLE_MINUTES - 1)
            assert await say(browser, uuid, "presence", form_token=token) == 200
            assert await minutes_left(uuid) > settings.IDLE_MINUTES - 1
        await let_pass(uuid, settings.IDLE_MINUTES - 1)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert await minutes_left(uuid) > settings.IDLE_MINUTES - 1

    async def test_one_minute_is_long_enough_for_who_uses_it(
        self, browser: Browser, ehr_launch: Start, settings: Settings
    ) -> None:
        settings.IDLE_MINUTES = 1
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        for _ in range(4):
            await let_pass(uuid, 0.4)
            assert await say(browser, uuid, "presence", form_token=token) == 200
        assert await minutes_left(uuid) > 0.5
        await let_pass(uuid, 1)
        assert (await browser.get(f"/launches/{uuid}/")).status == 404

    async def test_a_form_that_is_refused_is_no_use(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """T2: another site must not keep a session alive."""
        uuid = await browser.launch(ehr_launch())
        await let_pass(uuid, 10)
        before = await minutes_left(uuid)
        elsewhere = {"Origin": "https://evil.example"}
        for sent in ({}, {"form_token": "wrong"}):
            url = f"{browser.app}/launches/{uuid}/presence/"
            async with browser.http.post(url, data=sent, headers=elsewhere) as answer:
                assert answer.status == 403
        assert await minutes_left(uuid) <= before

    async def test_looking_and_reading_by_a_program_are_no_use(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """A tab in the background must not keep a launch open for ever."""
        uuid = await browser.launch(ehr_launch())
        await let_pass(uuid, 10)
        before = await minutes_left(uuid)
        response = await browser.get(f"/launches/{uuid}/presence/")
        assert abs((await response.json())["seconds_left"] / 60 - before) < 1
        assert "no-store" in response.headers["Cache-Control"]
        assert (await browser.get(f"/launches/{uuid}/context.json")).status == 200
        assert await minutes_left(uuid) <= before

    async def test_it_ends_in_the_end_however_much_it_is_used(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """T18: the absolute time-out."""
        uuid = await browser.launch(ehr_launch())
        latest = timezone.now() + 5 * MINUTE
        await in_database(Launch.objects.filter(pk=uuid).update, lasts_until=latest)
        await let_pass(uuid, 0)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert await minutes_left(uuid) <= session_length.CLINICIAN_SESSION.total_seconds() / 60
        await in_database(
            Session.objects.filter(launches=uuid).update, expire_date=timezone.now() + 2 * MINUTE
        )
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert 4 < await minutes_left(uuid) <= 5

    async def test_patient_who_allowed_lasting_access_stays_connected(
        self, browser: Browser, ehr: ScriptedEHR
    ) -> None:
        ehr.id_token_claims = {"fhirUser": f"{ehr.fhir_base_url}/Patient/p-1"}
        uuid = await browser.launch("/connect/scripted/")
        launch = await row(uuid)
        assert launch.lasts_until is None
        assert await minutes_left(uuid) > 89 * 24 * 60
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        assert 'data-idle-minutes=""' in page
        assert "See your" in page

    async def test_patient_who_did_not_is_closed_too(
        self, browser: Browser, ehr: ScriptedEHR, settings: Settings
    ) -> None:
        ehr.id_token_claims = {"fhirUser": "Patient/p-1"}
        ehr.refresh_token = None
        uuid = await browser.launch("/connect/scripted/")
        assert await minutes_left(uuid) <= settings.IDLE_MINUTES
        latest = (await row(uuid)).lasts_until
        assert latest is not None
        assert latest <= timezone.now() + session_length.PATIENT_SESSION

    async def test_clinician_who_came_through_the_patients_door_has_a_clinicians_session(
        self, browser: Browser, ehr: ScriptedEHR, settings: Settings
    ) -> None:
        """T18: their workstation is shared, and the record is not theirs."""
        ehr.id_token_claims = {"fhirUser": f"{ehr.fhir_base_url}/Practitioner/d-1"}
        uuid = await browser.launch("/connect/scripted/")
        assert await minutes_left(uuid) <= settings.IDLE_MINUTES
        latest = (await row(uuid)).lasts_until
        assert latest is not None
        assert latest <= timezone.now() + session_length.CLINICIAN_SESSION
        cookies = {one.key: one for one in browser.http.cookie_jar}
        assert cookies[f"launch-{uuid.hex}"]["max-age"] == ""
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        assert f'data-idle-minutes="{settings.IDLE_MINUTES}"' in page
        assert "See your" not in page
        assert "See the patient&#x27;s" in page

    @pytest.mark.usefixtures("no_background_refresh")
    async def test_use_costs_one_write_a_minute_and_else_none(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        await say(browser, uuid, "presence", form_token=token)
        with counted() as at_once:
            assert await say(browser, uuid, "presence", form_token=token) == 200
        await let_pass(uuid, 2)
        with counted() as later:
            assert await say(browser, uuid, "presence", form_token=token) == 200
            assert await say(browser, uuid, "presence", form_token=token) == 200
        assert [one.split()[0] for one in at_once.statements] == ["SELECT"]
        assert [one.split()[0] for one in later.statements] == ["SELECT", "UPDATE", "SELECT"]

    async def test_only_the_page_itself_says_that_it_is_used(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """T2: another site's form would keep a left page open."""
        uuid = await browser.launch(ehr_launch())
        assert await say(browser, uuid, "presence") == 403
        assert await say(browser, uuid, "presence", form_token="0" * 64) == 403

    async def test_only_this_page_may_ask_and_only_its_own_origin(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """T15: the policy stays as strict as the script lets it be."""
        uuid = await browser.launch(ehr_launch())
        policy = (await browser.get(f"/launches/{uuid}/")).headers["Content-Security-Policy"]
        directives = [one.strip() for one in policy.split(";")]
        assert "connect-src 'self'" in directives
        assert "script-src 'self'" in directives
        for path in ("/signed-out/", f"/launches/{UUID(int=0)}/"):
            other = (await browser.get(path)).headers["Content-Security-Policy"]
            assert "connect-src" not in other


class TestPatientChanged:
    async def test_launch_is_over_and_the_ehr_will_be_told(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C156: its tokens are the first patient's, whoever is open now."""
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        ehr.requests.clear()
        assert await say(browser, uuid, "patient-changed", form_token=token) == 204
        ended = await row(uuid)
        assert (ended.end_reason, ended.sealed_tokens) == (EndReason.CONTEXT_CHANGED, "")
        for path in ("", "context.json", "presence/"):
            response = await browser.get(f"/launches/{uuid}/{path}")
            assert response.status == 409
        assert "changed in the EHR" in await response.text()
        assert ehr.requests == []  # nothing was fetched with the first one's token
        due = Revocation.objects.filter(launch=uuid, not_before__lte=timezone.now())
        assert await in_database(due.count) == 1  # whoever looks next tells the EHR
        assert await say(browser, uuid, "patient-changed", form_token=token) == 204

    @pytest.mark.parametrize("path", ["", "context.json"])
    async def test_what_is_being_read_meanwhile_is_not_shown(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, path: str
    ) -> None:
        """T17: the page was asked for while it was still the right patient's."""
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        asked, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def slow(request: web.Request) -> web.Response:
            loop.call_soon_threadsafe(asked.set)
            await asyncio.to_thread(
                lambda: asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
            )
            return fhir_json(ehr.resource(request.match_info["path"]))

        ehr.fhir_answer = slow
        reading = asyncio.create_task(browser.get(f"/launches/{uuid}/{path}"))
        await asyncio.wait_for(asked.wait(), 10)
        assert await say(browser, uuid, "patient-changed", form_token=token) == 204
        go_on.set()
        page = await reading
        assert page.status == 409
        assert "Family-p-1" not in await page.text()

    async def test_page_in_a_frame_leads_to_no_page_that_shows_in_none(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """C150: a link to the start page would leave the frame blank, and in a tab a clinician
        has no business there. Patients have."""
        await in_database(Registration.objects.update, frame_ancestors=["https://ehr.example"])
        uuid = await browser.launch(ehr_launch())
        await say(browser, uuid, "patient-changed", form_token=await form_token(browser, uuid))
        framed = {"Sec-Fetch-Dest": "iframe"}
        in_frame = await browser.get(f"/launches/{uuid}/", headers=framed)
        in_tab = await browser.get(f"/launches/{uuid}/")
        for page in (await in_frame.text(), await in_tab.text()):
            assert 'href="/"' not in page
            assert "in the chart of the patient you mean" in page
        patients = await browser.launch("/connect/scripted/")
        token = await form_token(browser, patients)
        await say(browser, patients, "patient-changed", form_token=token)
        assert 'href="/"' in await (await browser.get(f"/launches/{patients}/")).text()

    async def test_another_site_cannot_end_it(self, browser: Browser, ehr_launch: Start) -> None:
        uuid = await browser.launch(ehr_launch())
        assert await say(browser, uuid, "patient-changed") == 403
        assert await say(browser, uuid, "patient-changed", form_token="0" * 64) == 403
        assert (await row(uuid)).ended_at is None


ADDRESSES = [
    ("GET", ""),
    ("GET", "context.json"),
    ("GET", "style.css"),
    ("GET", "presence/"),
    ("POST", "presence/"),
    ("POST", "patient-changed/"),
    ("POST", "end/"),
]
# They lead to a document that the page names: test_document_page.py has their tests.
OF_DOCUMENTS = {"documents/<str:sealed>/", "documents/<str:sealed>/file"}


def test_list_of_addresses_is_whole() -> None:
    """T19: a new address of a launch joins the tests below."""
    from smartapp.launches.urls import urlpatterns

    routes = {str(one.pattern) for one in urlpatterns if "<uuid:uuid>" in str(one.pattern)}
    paths = OF_DOCUMENTS.union(path for _, path in ADDRESSES)
    assert routes == {f"launches/<uuid:uuid>/{path}" for path in paths}


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
class TestNobodyElse:
    """T17, T19, C154, C155: uuid, session and expiry, for each address of a launch."""

    async def ask(self, browser: Browser, uuid: UUID, method: str, path: str, token: str) -> int:
        url = f"{browser.app}/launches/{uuid}/{path}"
        data = {"form_token": token} if method == "POST" else None
        async with browser.http.request(method, url, data=data, allow_redirects=False) as response:
            return response.status

    async def test_another_browser_is_told_nothing(
        self, app: str, ehr_launch: Start, method: str, path: str
    ) -> None:
        """Also one that has a launch of its own, and even with the right form token."""
        async with new_browser(app) as owner, new_browser(app) as other:
            uuid, theirs = await owner.launch(ehr_launch()), await other.launch(ehr_launch())
            token, other_token = await form_token(owner, uuid), await form_token(other, theirs)
            for sent in (token, other_token):
                assert await self.ask(other, uuid, method, path, sent) == 404
            assert (await row(uuid)).ended_at is None
            assert await self.ask(owner, uuid, method, path, token) in (200, 204, 303)

    async def test_key_of_another_launch_of_the_same_browser_does_not_open_it(
        self, browser: Browser, ehr_launch: Start, method: str, path: str
    ) -> None:
        """The cookie's name is only a name: the session decides."""
        one, two = await browser.launch(ehr_launch()), await browser.launch(ehr_launch())
        token = await form_token(browser, two)
        held = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}
        forged = {"Cookie": f"launch-{one.hex}={held[f'launch-{two.hex}']}"}
        async with new_browser(browser.app, **forged) as forger:
            assert await self.ask(forger, one, method, path, token) == 404
        assert (await row(one)).ended_at is None

    async def test_expired_session_is_told_nothing(
        self, browser: Browser, ehr_launch: Start, method: str, path: str
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        token = await form_token(browser, uuid)
        await in_database(Session.objects.filter(launches=uuid).update, expire_date=timezone.now())
        assert await self.ask(browser, uuid, method, path, token) == 404
        assert (await row(uuid)).ended_at is None
