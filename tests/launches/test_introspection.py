"""An administrator asks the EHR about a launch's tokens (C130 to C132, T26).

That no token is in a log or in the database is checked after each test of this folder.
"""

import html
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.launches import events
from smartapp.launches.models import EndReason, LaunchEvent, Step
from smartapp.registrations import discovery
from smartapp.registrations.models import Registration
from tests.diagnosis.test_attempts import administrator
from tests.launches.conftest import Browser, row
from tests.scripted_ehr import CANARY, ScriptedEHR

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def written_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)


def ask(uuid: UUID) -> Any:
    return administrator().post(f"/admin/launches/launch/{uuid}/tokens/")


async def asked(uuid: UUID) -> str:
    """Ask as an administrator would, and return the page's text."""
    response = await in_database(ask, uuid)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    text = html.unescape(response.content.decode())
    assert CANARY not in text
    return " ".join(text.split())


async def test_both_tokens_are_asked_about_by_post(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """C130: a form with token and hint, from a client that authenticates."""
    uuid = await browser.launch(ehr_launch())
    page = await asked(uuid)
    methods = {method for method, _ in ehr.introspections}
    fields = [fields for _, fields in ehr.introspections]
    assert methods == {"POST"}
    assert [one["token_type_hint"] for one in fields] == ["access_token", "refresh_token"]
    assert all(one["token"].startswith(CANARY) and one["client_assertion"] for one in fields)
    assert "Access token" in page
    assert "Refresh token" in page
    assert "openid patient/Patient.rs" in page
    assert "<dt>Patient</dt> <dd> the same as here" in page
    assert "p-1" not in page
    assert (await row(uuid)).ended_at is None


async def test_what_is_granted_now_is_compared_with_what_was(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """C132."""
    uuid = await browser.launch(ehr_launch())
    ehr.introspection = {"scope": "openid user/Everything.rs", "client_id": "other", "sub": "other"}
    page = await asked(uuid)
    assert "<dt>Granted now, not at the launch</dt> <dd> user/Everything.rs" in page
    assert "patient/Observation.rs" in page.partition("Granted at the launch, not now")[2]
    assert "<dt>Client</dt> <dd> another than here" in page
    assert "<dt>User (sub)</dt> <dd> another than here" in page
    assert (await row(uuid)).ended_at is None


@pytest.mark.parametrize("member", ["patient", "encounter"])
async def test_another_patient_ends_the_launch(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, member: str
) -> None:
    """C126, T17: as a refresh does that answers for somebody else."""
    uuid = await browser.launch(ehr_launch())
    ehr.introspection = {member: "somebody-else"}
    page = await asked(uuid)
    assert "Wrong-patient alarm" in page
    assert "somebody-else" not in page
    ended = await row(uuid)
    assert (ended.end_reason, ended.sealed_tokens) == (EndReason.PATIENT_CHANGED, "")
    assert (await browser.get(f"/launches/{uuid}/")).status == 409
    event = await in_database(AuditEvent.objects.get, action="launch.introspect")
    assert event.detail["outcome"]["alarm"] == "another patient"


async def test_ehr_that_does_not_name_the_patient_raises_no_alarm(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    ehr.introspection = {"patient": None}
    assert "<dt>Patient</dt> <dd> not said" in await asked(uuid)
    assert (await row(uuid)).ended_at is None


async def test_inactive_token_is_shown_as_that_and_nothing_else_is_believed(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """C130: not even another patient."""
    uuid = await browser.launch(ehr_launch())
    ehr.introspection = {"active": False, "patient": "somebody-else", "scope": "user/Odd.rs"}
    page = await asked(uuid)
    assert page.count("Not active.") == 2
    assert "user/Odd.rs" not in page
    assert (await row(uuid)).ended_at is None


async def test_ehr_without_introspection_is_said_to_have_none(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    ehr.discovery = {"introspection_endpoint": None}
    uuid = await browser.launch(ehr_launch())
    assert "names no introspection endpoint" in await asked(uuid)


async def test_refused_and_broken_answers_are_told(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())

    async def quoting(request: web.Request) -> web.Response:
        token = (await request.post())["token"]
        return web.json_response({"error": "invalid_request", "hint": token}, status=400)

    ehr.introspection_answer = quoting
    assert "status 400, invalid_request" in await asked(uuid)


@pytest.mark.parametrize("permitted", [True, False])
async def test_it_is_a_permission_of_its_own_and_audited(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, permitted: bool
) -> None:
    uuid = await browser.launch(ehr_launch())

    def look_and_ask() -> tuple[str, int]:
        more = ["introspect_launch"] if permitted else []
        client = administrator("view_launch", "view_launchevent", *more)
        page = client.get(f"/admin/launches/launch/{uuid}/change/").content.decode()
        return page, client.post(f"/admin/launches/launch/{uuid}/tokens/").status_code

    page, status = await in_database(look_and_ask)
    assert ("Ask the EHR" in page) is permitted
    assert status == (200 if permitted else 403)
    assert bool(ehr.introspections) is permitted
    events = AuditEvent.objects.filter(action="launch.introspect", target=f"launch {uuid}")
    outcomes = await in_database(list, events.values_list("actor", "detail"))
    said = {"access_token": "active", "refresh_token": "active"}
    assert outcomes == ([("staff", {"outcome": said})] if permitted else [])


async def test_timeline_has_it_without_the_address(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    await asked(uuid)
    await events.flush()
    steps = await in_database(list, LaunchEvent.objects.filter(step=Step.INTROSPECTION))
    assert len(steps) == 2
    host = ehr.base.removeprefix("http://")
    assert [one["where"] for one in steps[1].detail["exchanges"]] == [f"{host}/introspect"]


class TestTokenInTheAddress:
    """C131, T26: athenahealth's GET. The canary search after each test reads every log at every
    level, the timeline and the audit trail."""

    @pytest.fixture(autouse=True)
    def get(self, registered: object) -> Iterator[None]:
        Registration.objects.update(introspection_method="GET")
        loggers = [logging.getLogger(name) for name in ("", "aiohttp", "asyncio", "smartapp")]
        levels = [one.level for one in loggers]
        for one in loggers:
            one.setLevel(logging.DEBUG)
        yield
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)

    async def test_it_is_asked_by_get_and_leaves_no_trace(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        assert "Active" in await asked(uuid)
        assert [method for method, _ in ehr.introspections] == ["GET", "GET"]
        assert all(fields["token"].startswith(CANARY) for _, fields in ehr.introspections)
        await events.flush()

    @pytest.mark.parametrize("failure", ["redirect", "refused", "cut", "huge"])
    async def test_nor_does_a_failure(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, failure: str
    ) -> None:
        uuid = await browser.launch(ehr_launch())

        async def failing(request: web.Request) -> web.Response:
            if failure == "redirect":
                raise web.HTTPFound(str(request.url))
            if failure == "cut":
                assert request.transport is not None
                request.transport.abort()
            if failure == "huge":
                return web.Response(body=b"x" * 400_000)
            return web.Response(status=500, text=str(request.url))

        ehr.introspection_answer = failing
        page = await asked(uuid)
        assert "introspect?" not in page
        assert (await row(uuid)).ended_at is None
        await events.flush()

    async def test_nor_does_an_address_that_is_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """An EHR that is away, and one whose discovery named another host meanwhile."""
        uuid = await browser.launch(ehr_launch())
        ehr.discovery = {"introspection_endpoint": "https://other.example/introspect"}
        discovery.forget()
        assert "names no introspection endpoint" in await asked(uuid)
        assert ehr.introspections == []


async def test_get_is_never_used_unless_the_registration_says_so(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """T26: not even after a POST that was refused."""
    uuid = await browser.launch(ehr_launch())

    async def get_only(request: web.Request) -> web.Response:
        return web.Response(status=405)

    ehr.introspection_answer = get_only
    assert "status 405" in await asked(uuid)
    assert {method for method, _ in ehr.introspections} == {"POST"}
