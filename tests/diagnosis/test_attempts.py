"""Attempts in the admin: found by what a person can read out, explained, and free of secrets."""

import html
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from aiohttp import web
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from smartapp.database import in_database
from smartapp.diagnosis import outcome, report
from smartapp.diagnosis.admin import reference_of
from smartapp.launches import events
from smartapp.launches.models import Launch, LaunchEvent, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol.errors import InvalidClient
from smartapp.registrations.models import Endpoint, Registration
from tests.launches.conftest import Browser
from tests.scripted_ehr import CANARY, ScriptedEHR
from tests.secrecy import SECRET_FIELDS

Start = Callable[[], str]
LIST = "/admin/launches/launchevent/"


@pytest.fixture(autouse=True)
def written_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)


def administrator(*permissions: str) -> Client:
    """A superuser, or where permissions are named somebody with only these."""
    users = get_user_model().objects
    client = Client(HTTP_HOST="127.0.0.1")
    if not permissions:
        client.force_login(users.create_superuser("root", password="x"))
        return client
    user = users.create_user("staff", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


async def refuse(_: web.Request) -> web.StreamResponse:
    body = {"error": "invalid_client", "error_description": "Jane Doe"}
    return web.json_response(body, status=401)


async def failed_launch(browser: Browser, ehr: ScriptedEHR, start: Start) -> str:
    """Fail at the token endpoint, and return the reference number of the page."""
    ehr.token_answer = refuse
    response = await browser.get(await browser.to_callback(start()))
    found = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", await response.text())
    assert found
    await events.flush()
    return found[0]


def page_of(client: Client, path: str) -> str:
    return html.unescape(client.get(path, follow=True).content.decode())


async def test_attempt_is_found_by_the_reference_number_of_its_page(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    reference = await failed_launch(browser, ehr, ehr_launch)

    def look() -> tuple[str, str, str]:
        client = administrator()
        found = page_of(client, f"{LIST}?q={reference.lower()}")
        link = re.search(r"/admin/launches/launchevent/attempt/[0-9a-f]{32}/", found)
        assert link
        return found, page_of(client, link[0]), page_of(client, f"{LIST}?q=AAAA-AAAA")

    found, attempt, nothing = await in_database(look)
    assert "invalid-client" in found
    assert InvalidClient.title in found
    assert "Why?" in attempt
    assert "C1" in attempt
    assert "RS384" in attempt
    assert "attempt/" not in nothing


@pytest.mark.parametrize("typed", ["QKRP-8Q78", "qkrp8q78", " QKRP 8Q78. ", "(qkrp–8q78)"])
def test_reference_number_is_understood_however_it_is_typed(typed: str) -> None:
    assert reference_of(typed) == "QKRP-8Q78"


@pytest.mark.parametrize("typed", ["", "QKRP-8Q7", "QKRP-8Q789", "0" * 32])
def test_what_is_no_reference_number_is_not_made_one(typed: str) -> None:
    assert reference_of(typed) == ""


async def test_attempt_is_found_by_a_reference_number_without_its_hyphen(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    reference = await failed_launch(browser, ehr, ehr_launch)
    typed = reference.replace("-", "").lower()
    found = await in_database(lambda: page_of(administrator(), f"{LIST}?q={typed}"))
    assert "/attempt/" in found
    assert "server's log" not in found


async def test_launch_is_found_by_a_reference_number_of_its_events(
    browser: Browser, ehr_launch: Start
) -> None:
    """And by its uuid; somebody who may not see attempts learns nothing of a reference."""
    uuid, other = [await browser.launch(ehr_launch()) for _ in range(2)]
    await events.flush()

    def look() -> list[str]:
        key = events.key_of(Launch.objects.get(uuid=uuid).state_digest)
        last = LaunchEvent.objects.filter(attempt=key).latest("id")
        LaunchEvent.objects.filter(pk=last.pk).update(reference="QKRP-8Q78", code="fhir-failed")
        root, staff = administrator(), administrator("view_launch")
        paths = [f"/admin/launches/launch/?q={term}" for term in ("qkrp8q78", uuid, "AAAA-AAAA")]
        return [*(page_of(root, path) for path in paths), page_of(staff, paths[0])]

    by_reference, by_uuid, nothing, not_permitted = await in_database(look)
    for page in (by_reference, by_uuid):
        assert f"/launch/{uuid}/change/" in page
        assert str(other) not in page
    assert "/change/" not in nothing
    assert "/change/" not in not_permitted


async def test_page_and_report_hold_nothing_secret(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """C70, T10: neither what we sent nor what the EHR said; the report least of all."""
    await failed_launch(browser, ehr, ehr_launch)
    shown = await in_database(
        lambda: page_of(administrator(), f"{LIST}{LaunchEvent.objects.latest('id').pk}/change/")
    )
    report = shown.partition("<textarea")[2].partition("</textarea>")[0]
    assert "invalid_client" in report
    sent = ehr.token_requests[0]
    for secret in (CANARY, "Jane", *(sent[name] for name in SECRET_FIELDS if name in sent)):
        assert secret not in shown


async def test_launch_that_never_came_back_is_listed(browser: Browser, ehr_launch: Start) -> None:
    """Once its ten minutes are over; until then it may go on."""
    await browser.get(ehr_launch())
    await events.flush()

    def look() -> tuple[str, str]:
        client = administrator()
        now = page_of(client, LIST)
        LaunchEvent.objects.update(at=timezone.now() - PENDING_LIFETIME)
        return now, page_of(client, LIST)

    at_once, later = await in_database(look)
    assert "Still under way, or not written yet: look again in some seconds" in at_once
    assert "did not come back" not in at_once
    assert "The person did not come back" in later


async def test_launch_of_a_moment_ago_is_shown_as_far_as_it_came(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """Over HTTP, and before anything of it was written: the pages write it first."""
    cookies = await in_database(lambda: administrator().cookies)
    headers = {"Cookie": "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())}
    callback = await browser.to_callback(ehr_launch())
    listed = await (await browser.get(LIST, headers=headers)).text()
    assert "Still under way" in listed
    link = re.search(r"/admin/launches/launchevent/attempt/[0-9a-f]{32}/", listed)
    assert link
    ehr.token_answer = refuse
    await browser.get(callback)
    attempt = await (await browser.get(link[0], headers=headers)).text()
    assert "invalid-client" in attempt
    assert "Still under way" not in attempt


async def test_launch_has_its_timeline_on_its_own_page(browser: Browser, ehr_launch: Start) -> None:
    uuid = await browser.launch(ehr_launch())
    await browser.get(f"/launches/{uuid}/")
    await events.flush()

    def look() -> tuple[str, str, str]:
        client = administrator()
        launch = page_of(client, f"/admin/launches/launch/{uuid}/change/")
        found = page_of(client, f"{LIST}?q={uuid}")
        key = events.key_of(Launch.objects.get(uuid=uuid).state_digest)
        return launch, found, page_of(client, f"{LIST}attempt/{key}/")

    launch, found, attempt = await in_database(look)
    assert "Went well" in launch
    assert "Launch context" in launch
    assert "Why?" not in launch
    assert "Went well" in found
    assert f"/admin/launches/launch/{uuid}/change/" in attempt


async def test_live_checks_run_only_when_asked(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    await failed_launch(browser, ehr, ehr_launch)

    def look() -> tuple[str, int, str]:
        client = administrator()
        path = f"{LIST}attempt/{LaunchEvent.objects.latest('id').attempt}/"
        before = len(ehr.requests)
        plain = page_of(client, path)
        asked = len(ehr.requests) - before
        return plain, asked, client.post(path, {"check": ""}).content.decode()

    plain, asked, checked = await in_database(look)
    assert "Checked just now" not in plain
    assert asked == 0
    assert "published-key" in checked


@pytest.mark.parametrize("may", [False, True])
async def test_live_checks_take_the_right_that_the_doctor_takes(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, may: bool
) -> None:
    """Who may only look makes the app ask nobody."""
    await failed_launch(browser, ehr, ehr_launch)

    def look() -> tuple[str, int, int]:
        client = administrator("view_launchevent", *["change_registration"] * may)
        path = f"{LIST}attempt/{LaunchEvent.objects.latest('id').attempt}/"
        plain, before = page_of(client, path), len(ehr.requests)
        return plain, client.post(path, {"check": ""}).status_code, len(ehr.requests) - before

    plain, status, asked = await in_database(look)
    assert ("Check everything now" in plain) == may
    assert status == (200 if may else 403)
    assert bool(asked) == may


@pytest.mark.django_db(transaction=True)
class TestWhoMaySee:
    def test_home_asks_for_a_reference_number(self) -> None:
        home = page_of(administrator("view_launchevent"), "/admin/")
        assert "Find a launch by its reference number" in home
        assert f'action="{LIST}"' in home

    def test_home_offers_no_search_to_who_may_not_see_its_result(self) -> None:
        assert "reference number" not in page_of(administrator("view_launch"), "/admin/")

    def test_reference_number_that_is_not_here_may_be_in_the_log(self) -> None:
        client = administrator("view_launchevent")
        assert "only in the server's log" in " ".join(page_of(client, f"{LIST}?q=qkrp8q78").split())
        assert "server's log" not in page_of(client, f"{LIST}?q=Jane")

    def test_needs_the_permission(self) -> None:
        client = administrator("view_launch")
        assert client.get(LIST).status_code == 403
        assert client.get(f"{LIST}attempt/x/").status_code == 403

    def test_permission_is_enough_and_an_unknown_attempt_is_not_there(self) -> None:
        client = administrator("view_launchevent")
        assert client.get(LIST).status_code == 200
        assert client.get(f"{LIST}attempt/x/").status_code == 404
        assert client.get(f"{LIST}x/change/").status_code == 404


ADD = "/admin/registrations/registration/add/"


class TestUnknownEHR:
    """An `iss` that nobody registered: the administrator is offered the adding page, filled in."""

    async def attempt_at(self, browser: Browser, iss: str, *permissions: str) -> str:
        await browser.get(f"/launch?{urlencode({'iss': iss, 'launch': 'x'})}")
        await events.flush()

        def look() -> str:
            attempt = LaunchEvent.objects.latest("id").attempt
            return page_of(administrator(*permissions), f"{LIST}attempt/{attempt}/")

        return await in_database(look)

    @pytest.mark.parametrize(
        "iss",
        [
            "https://unknown.example/fhir",
            'https://a.example/"><script>alert(1)</script>&name=x',
        ],
    )
    async def test_button_opens_the_adding_page_with_the_iss(
        self, browser: Browser, iss: str
    ) -> None:
        page = await self.attempt_at(browser, iss)
        link = re.search(rf'href="({ADD}\?fhir_base_url=[^"]*)"', page)
        assert link
        assert "<script>alert" not in link[1]
        assert "Check everything now" not in page  # there is no endpoint whose check it could be

        def follow() -> str:
            client = Client(HTTP_HOST="127.0.0.1")
            client.force_login(get_user_model().objects.get())
            return client.get(link[1]).content.decode()

        added = await in_database(follow)
        assert f'value="{html.escape(iss)}"' in added
        assert "anybody can send one" in added
        assert "What was found" not in added
        assert await in_database(Registration.objects.count) == 1

    @pytest.mark.parametrize("path", ["r4/" * 100, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln"])
    async def test_address_that_was_not_kept_whole_is_not_filled_in(
        self, browser: Browser, path: str
    ) -> None:
        page = await self.attempt_at(browser, f"https://unknown.example/{path}")
        assert "Why?" in page
        assert f"{ADD}?" not in page

    async def test_twin_that_is_registered_is_named_beside_the_button(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint
    ) -> None:
        twin = ehr.fhir_base_url.replace("127.0.0.1", "localhost")
        page = await self.attempt_at(browser, twin)
        assert f"/registration/{registered.registration_id}/change/" in page
        assert f"{ADD}?fhir_base_url={quote(twin, safe='')}" in page
        assert (await in_database(Registration.objects.count)) == 1

    async def test_one_that_is_switched_off_is_opened_not_added(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint
    ) -> None:
        await in_database(Endpoint.objects.update, enabled=False)
        page = await self.attempt_at(browser, ehr.fhir_base_url)
        assert f"/registration/{registered.registration_id}/change/" in page
        assert f"{ADD}?" not in page

    async def test_who_may_not_add_is_offered_nothing(self, browser: Browser) -> None:
        page = await self.attempt_at(browser, "https://unknown.example/fhir", "view_launchevent")
        assert "Why?" in page
        assert f"{ADD}?" not in page

    @pytest.mark.parametrize("iss", ["http://[::1/fhir", "{base}:99999/fhir", "{base}:x/fhir"])
    async def test_what_is_no_address_breaks_no_page(
        self, browser: Browser, ehr: ScriptedEHR, iss: str
    ) -> None:
        page = await self.attempt_at(browser, iss.format(base="http://127.0.0.1"))
        assert "Why?" in page

    async def test_error_page_leads_administrators_to_the_attempt_and_tells_others_nothing(
        self, browser: Browser, settings: Settings
    ) -> None:
        path = "/launch?iss=https://unknown.example/fhir&launch=x"
        seen = await (await browser.get(path)).text()
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}=made-up"}
        asked = await (await browser.get(path, headers=cookie)).text()
        assert "/admin/" not in seen
        assert "Scripted Hospital" not in seen + asked
        assert "unknown.example" not in seen + asked
        reference = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", asked)
        assert reference
        assert f'href="{LIST}?q={reference[0]}"' in asked


@pytest.mark.django_db
class TestOlderEvents:
    """Events are kept for a month: those of the version before are still read."""

    def test_their_own_text_is_shown(self) -> None:
        event = LaunchEvent(
            attempt="a", step=Step.CONTEXT, at=timezone.now(), detail={"received": ["patient"]},
            verdicts=[{"rule": "C110", "ok": False, "text": "Nobody was given."}],
        )  # fmt: skip
        text = report.AttemptPage([event]).text
        assert "NOT Nobody was given. C110" in text
        assert "No patient was given." not in text

    def test_newer_ones_have_it_from_the_rule(self) -> None:
        event = LaunchEvent(
            attempt="a", step=Step.CONTEXT, at=timezone.now(),
            verdicts=[{"rule": "C110", "ok": False}],
        )  # fmt: skip
        assert "NOT No patient was given. C110" in report.AttemptPage([event]).text

    def test_the_issuer_that_came_is_shown(self) -> None:
        event = LaunchEvent(
            attempt="a", step=Step.ID_TOKEN, at=timezone.now(), code="id-token-invalid",
            detail={"rule": "iss", "iss": "https://other.example", "failure": "iss: another"},
            verdicts=[{"rule": "C90", "ok": False, "text": ""}],
        )  # fmt: skip
        page = report.AttemptPage([event])
        assert "It names https://other.example." in page.causes[0][0].seen


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ({"patient": "ok", "labs": "ok"}, outcome.WENT_WELL),
        ({"patient": "failed", "labs": "failed"}, "every part could not be read"),
        (
            {"patient": "ok", "labs": "partial", "vitals": "partial", "plans": "failed"},
            "labs, vitals incomplete; plans could not be read",
        ),
    ],
)
def test_what_a_page_lacked_is_said_once_for_each_reason(shown: dict[str, str], words: str) -> None:
    page = LaunchEvent(step=Step.FHIR, detail={"sections": shown}, at=timezone.now())
    assert outcome.of([page]).removeprefix("A page was shown: ") == words
