"""Attacks, races and half-open states of a launch, one test for each that was tried."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from smartapp import http
from smartapp.database import in_database
from smartapp.exchange import background
from smartapp.launches import refresh, refresh_lease, store
from smartapp.launches.models import EndReason, Launch
from smartapp.launches.refresh_failure import RefreshFailure
from smartapp.protocol.errors import EHRTimeout
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from tests.launches.conftest import (
    Browser,
    asked_for_tokens,
    leave_during_token_request,
    row,
    until,
)
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
HOUR = timedelta(hours=1)


async def expire_in(uuid: UUID, seconds: float) -> None:
    """Let the access token run out so many seconds from now."""
    at = timezone.now() + timedelta(seconds=seconds)
    await in_database(Launch.objects.filter(uuid=uuid).update, access_token_expires_at=at)


class TestEndedLaunch:
    """T17, T34: what a refresh ended is not shown once more because its old token still lives."""

    async def test_another_patient_is_an_alarm_also_while_the_old_token_is_good(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C126."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)

        async def other_patient(_: web.Request) -> web.Response:
            return web.json_response(ehr.token_response("openid") | {"patient": "p-2"})

        ehr.token_answer = other_patient
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 409
        assert "Family-p-1" not in await response.text()
        assert (await row(uuid)).end_reason == EndReason.PATIENT_CHANGED

    async def test_invalid_grant_ends_it_also_while_the_old_token_is_good(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C125."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)
        ehr.refresh_token = "another"
        for path in ("", "context.json"):
            assert (await browser.get(f"/launches/{uuid}/{path}")).status == 410

    async def test_last_seconds_without_a_refresh_token_are_still_good(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.refresh_token = None
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, 20)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200

    async def test_second_401_ends_it_for_programs_too(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C141: one that asks for context.json every minute would send a refresh each time."""
        uuid = await browser.launch(ehr_launch())

        async def unauthorized(_: web.Request) -> web.Response:
            return web.Response(status=401)

        ehr.fhir_answer = unauthorized
        for _ in range(2):
            assert (await browser.get(f"/launches/{uuid}/context.json")).status == 410
        assert len(ehr.token_requests) == 2
        assert (await row(uuid)).end_reason == EndReason.UNAUTHORIZED


class TestRefreshRace:
    """T20: what one process learns late does not undo what another one has done."""

    async def test_late_invalid_grant_does_not_end_what_was_renewed_meanwhile(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C123: a lease that ran out, two refreshes, and the old token's refusal comes last."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)

        async def overtaken(_: web.Request) -> web.Response:
            renewed = {"token_version": 2, "access_token_expires_at": timezone.now() + HOUR}
            await in_database(Launch.objects.filter(uuid=uuid).update, **renewed)
            return web.json_response({"error": "invalid_grant"}, status=400)

        ehr.token_answer = overtaken
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert (await row(uuid)).ended_at is None

    async def test_who_waited_for_a_refresh_that_failed_does_not_ask_again(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """C125: also with a reading of the row that is older than the failure."""
        uuid = await browser.launch(ehr_launch())
        digest, now = (await row(uuid)).session_id, timezone.now()
        assert digest is not None
        waiting = await in_database(store.find, uuid, digest, now)
        failure = RefreshFailure("ehr-unreachable", "", may_be_tried_at_once=True)
        await in_database(refresh_lease.postpone, waiting, failure, HOUR)
        assert not await in_database(refresh_lease.take, waiting)
        assert not await in_database(refresh_lease.take, waiting, at_once=True)

    async def test_disabled_registration_leaves_no_lease_to_wait_for(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)
        await in_database(Registration.objects.update, enabled=False)
        assert (await browser.get(f"/launches/{uuid}/")).status == 404
        assert (await row(uuid)).refresh_lease_until is None

    async def test_keys_that_cannot_be_had_do_not_cost_the_new_refresh_token(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C124: with rotation the old one is dead as soon as the EHR has answered."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)

        async def with_id_token(_: web.Request) -> web.Response:
            answer = ehr.token_response("openid patient/*.rs")
            return web.json_response(
                answer | {"id_token": ehr.id_token(answer["access_token"], "")}
            )

        async def no_keys(*_: object, **__: object) -> None:
            raise EHRTimeout

        ehr.token_answer = with_id_token
        monkeypatch.setattr("smartapp.registrations.discovery.issuer_jwks", no_keys)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert (await row(uuid)).token_version == 2

    async def test_browser_that_leaves_while_the_lease_is_taken_leaves_none_standing(
        self, browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """C123: a lease that nobody holds would keep the next page waiting until it runs out."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)
        taken, is_taking = refresh_lease.take, Event()

        def slowly(launch: store.StoredLaunch, *, at_once: bool) -> bool:
            is_taking.set()
            time.sleep(0.4)
            return taken(launch, at_once=at_once)

        monkeypatch.setattr(refresh_lease, "take", slowly)
        request = asyncio.create_task(browser.get(f"/launches/{uuid}/context.json"))
        assert await asyncio.to_thread(is_taking.wait, 20)
        request.cancel()
        await until(Launch.objects.filter(token_version=2, refresh_lease_until=None).exists)
        left = await row(uuid)
        assert (left.refresh_lease_until, left.token_version) == (None, 2)

    async def test_database_that_is_away_for_a_moment_costs_no_refresh_token(
        self, browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """C124: between the EHR's answer and its commit."""
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)
        stored, attempts = refresh_lease.store_renewed, iter([True, False])

        def away_at_first(*args: Any) -> None:
            if next(attempts):
                raise OperationalError
            stored(*args)

        monkeypatch.setattr(refresh_lease, "store_renewed", away_at_first)
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert (await row(uuid)).token_version == 2

    async def test_shutdown_waits_for_a_refresh_whose_browser_has_gone(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        await expire_in(uuid, -1)
        digest = (await row(uuid)).session_id
        assert digest is not None
        found = await in_database(store.find, uuid, digest, timezone.now())
        ehr.token_delay = 0.5
        page = asyncio.create_task(refresh.with_access(found))
        await asked_for_tokens(ehr, 2)
        page.cancel()
        await background.finish()
        assert (await row(uuid)).token_version == 2
        await http.close()


class TestSharedWorkstation:
    """T18: one browser, two people, one after the other."""

    async def test_next_person_closes_the_pages_of_the_last_one(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C94."""
        first = await browser.launch(ehr_launch())
        ehr.id_token_claims = {"sub": "CANARY-another-subject"}
        second = await browser.launch(ehr_launch())
        for path in ("", "context.json"):
            assert (await browser.get(f"/launches/{first}/{path}")).status == 404
        assert (await browser.get(f"/launches/{second}/")).status == 200
        home = await (await browser.get("/")).text()
        assert str(first) not in home
        assert str(second) in home

    @pytest.mark.parametrize("unnamed", ["both", "first", "second"])
    async def test_where_nobody_says_who_it_is_nobody_inherits_a_page(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, unnamed: str
    ) -> None:
        with_openid = (await in_database(Registration.objects.get)).scope

        async def ask(*, openid: bool) -> None:
            scope = with_openid if openid else "launch patient/Patient.rs"
            await in_database(Registration.objects.update, scope=scope)
            registry.forget()

        await ask(openid=unnamed == "second")
        first = await browser.launch(ehr_launch())
        await ask(openid=unnamed == "first")
        second = await browser.launch(ehr_launch())
        assert (await browser.get(f"/launches/{first}/")).status == 404
        assert (await browser.get(f"/launches/{second}/")).status == 200

    async def test_same_person_keeps_every_page(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C154."""
        first = await browser.launch(ehr_launch())
        ehr.patient = "p-2"
        await browser.launch(ehr_launch())
        assert (await browser.get(f"/launches/{first}/")).status == 200


async def test_tokens_that_do_not_open_end_the_page_and_hinder_no_new_launch(
    browser: Browser, ehr_launch: Start
) -> None:
    """T21: moved from another row."""
    one, two = await browser.launch(ehr_launch()), await browser.launch(ehr_launch())
    moved = (await row(two)).sealed_tokens
    await in_database(Launch.objects.filter(uuid=one).update, sealed_tokens=moved)
    assert (await browser.get(f"/launches/{one}/")).status == 410
    await browser.launch(ehr_launch())


async def test_busy_callback_can_be_loaded_again(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T30: the page says to try again in a few seconds, so that has to work."""
    callback = await browser.to_callback(ehr_launch())
    monkeypatch.setattr("django.conf.settings.MAX_LAUNCHES_IN_FLIGHT", 0)
    busy = await browser.get(callback)
    assert (busy.status, busy.headers["Retry-After"]) == (503, "2")
    monkeypatch.undo()
    assert (await browser.get(callback)).status == 303


@pytest.mark.django_db
def test_path_writes_no_line_of_its_own_into_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """C70: nor a terminal's escape sequences. Nothing of a path that leads nowhere is logged."""
    assert client.get("/no%0A2026-11-23 INFO forged%1B[31m").status_code == 404
    (line,) = caplog.text.splitlines()
    assert "page-not-found" in line
    assert "forged" not in line


async def test_every_scope_that_fits_a_launch_fits_its_cookie(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """C39: an EHR that wants a scope for each resource and category must not end in a cookie that
    browsers drop; and five of them at once must fit the header that proxies let through."""
    categories = [f"http://terminology.hl7.org/CodeSystem/c|{number}" for number in range(40)]
    scope = " ".join(
        ["launch", *(f"patient/Observation.rs?category={category}" for category in categories)]
    )
    assert len(scope) > 2500
    await in_database(Registration.objects.update, scope=scope)
    response = await browser.get(ehr_launch())
    cookie = next(value for value in response.cookies.values() if value.key.startswith("pending-"))
    assert len(cookie.key) + len(cookie.value) < 1024
    ehr.scope = "launch patient/Patient.rs"
    await browser.launch(ehr_launch())


@pytest.mark.parametrize("query", ["code=x&state=" + 43 * "a", "code=x", "code=x&state=short"])
async def test_callback_that_is_refused_says_so_in_the_frame_too(
    browser: Browser, query: str
) -> None:
    """C57: a browser that sends no cookies from a frame is told to open another window."""
    framed = {"Sec-Fetch-Dest": "iframe"}
    response = await browser.get(f"/callback/scripted/?{query}", headers=framed)
    assert response.status == 400
    assert "X-Frame-Options" not in response.headers
    assert "frame-ancestors *" in response.headers["Content-Security-Policy"]
    is_blocked = query.endswith("aaa")  # the one that may be right, but for its cookie
    assert ('target="_blank"' in await response.text()) is is_blocked


@pytest.mark.parametrize("switch", [Registration, Endpoint])
async def test_ehr_that_is_switched_off_is_not_read_any_more(
    browser: Browser,
    ehr: ScriptedEHR,
    ehr_launch: Start,
    switch: type[Registration] | type[Endpoint],
) -> None:
    """T34: also by launches that were open, whose access token is good for another hour."""
    uuid = await browser.launch(ehr_launch())
    await in_database(switch.objects.update, enabled=False)
    ehr.requests.clear()
    for path in ("", "context.json"):
        assert (await browser.get(f"/launches/{uuid}/{path}")).status == 404
    assert ehr.requests == []


async def test_popup_of_an_ehr_stays_tied_to_it_on_every_step(
    browser: Browser, ehr_launch: Start
) -> None:
    """C153; what has a sign-in of its own is cut off from whoever opened it."""
    policy = "Cross-Origin-Opener-Policy"
    callback = await browser.to_callback(ehr_launch())
    finished = await browser.get(callback)
    for path in (ehr_launch(), callback, finished.headers["Location"], "/connect/scripted/"):
        assert (await browser.get(path)).headers[policy] == "unsafe-none"
    for path in ("/", "/admin/login/"):
        assert (await browser.get(path)).headers[policy] == "same-origin"


async def test_browser_that_leaves_during_the_exchange_leaves_no_launch_half_open(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    """C69: the code is spent, so the launch has failed, and the same browser is told to start
    again."""
    callback = await browser.to_callback(ehr_launch())
    ehr.token_delay = 0.5
    await leave_during_token_request(browser, ehr, callback)
    await until(Launch.objects.exclude(end_reason="").exists)
    left = await in_database(Launch.objects.get)
    assert (left.end_reason, left.session_id) == (EndReason.FAILED, None)
    response = await browser.get(callback)
    assert response.status == 400
    assert "already used" in await response.text()
    assert len(ehr.token_requests) == 1


async def test_form_of_one_launch_ends_no_other(browser: Browser, ehr_launch: Start) -> None:
    """C159: two tabs, two patients; a form that was made for one is refused for the other."""
    one, other = [await browser.launch(ehr_launch()) for _ in range(2)]
    page = await (await browser.get(f"/launches/{one}/")).text()
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token is not None
    form: dict[str, Any] = {"data": {"form_token": token[1]}, "headers": {"Origin": browser.app}}
    end = f"{browser.app}/launches/{other}/end/"
    async with browser.http.post(end, allow_redirects=False, **form) as refused:
        assert refused.status == 403
    assert (await browser.get(f"/launches/{other}/")).status == 200
    end = f"{browser.app}/launches/{one}/end/"
    async with browser.http.post(end, allow_redirects=False, **form) as ended:
        assert ended.status == 303
