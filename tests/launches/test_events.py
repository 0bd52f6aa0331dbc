"""The timeline of a launch: what it keeps, what it never keeps, and what a flood does to it."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from aiohttp import web
from django.db import InternalError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from smartapp import database
from smartapp.database import in_database
from smartapp.diagnosis import report
from smartapp.launches import cookies, events
from smartapp.launches.models import Launch, LaunchEvent, Step
from tests.launches.conftest import Browser, new_browser, query
from tests.scripted_ehr import CANARY, ScriptedEHR, fhir_json

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def written_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written behind a test's back."""
    monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)


async def written() -> list[LaunchEvent]:
    await events.flush()
    return await in_database(lambda: list(LaunchEvent.objects.all()))


class TestTimeline:
    async def test_has_every_step_of_a_launch(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        launch = await in_database(Launch.objects.get, uuid=uuid)
        timeline = await written()
        assert [event.step for event in timeline] == [
            "launch", "discovery", "authorize", "callback", "token", "id_token", "context",
        ]  # fmt: skip
        assert {event.attempt for event in timeline} == {events.key_of(launch.state_digest)}
        assert all(verdict["ok"] for event in timeline for verdict in event.verdicts)
        assert {event.code for event in timeline} == {""}

    async def test_who_asks_while_it_is_written_waits_for_it(
        self, browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An administrator opens an attempt from its error page, a moment after it failed."""
        await browser.launch(ehr_launch())
        insert, begun, go_on = events._insert, Event(), Event()

        def slowly(batch: list[events.Noted]) -> None:
            begun.set()
            assert go_on.wait(20)
            insert(batch)

        monkeypatch.setattr(events, "_insert", slowly)
        first = asyncio.create_task(events.flush())
        assert await asyncio.to_thread(begun.wait, 20)
        second = asyncio.create_task(written())
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        assert len(await second) == 7
        await first

    async def test_what_cannot_be_written_is_logged_once(
        self,
        browser: Browser,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Every five seconds one line of each process, for as long as a database is read-only."""
        caplog.set_level(logging.INFO)

        def refused(batch: list[events.Noted]) -> None:
            raise InternalError("read-only")

        with monkeypatch.context() as away:
            away.setattr(events, "_insert", refused)
            for _ in range(3):
                await browser.get(ehr_launch())
                await events.flush()
        await browser.get(ehr_launch())
        assert await written()
        told = [one.getMessage() for one in caplog.records if one.name == events.__name__]
        assert len(told) == 2
        assert told[0].startswith("launch events not written: InternalError (")
        assert told[1].endswith("it works again")

    async def test_token_step_shows_the_assertion_decoded(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """The claims, never the assertion; of the jti a digest."""
        await browser.launch(ehr_launch())
        token = next(event for event in await written() if event.step == "token")
        assert token.detail["assertion_header"]["alg"] == "RS384"
        assert token.detail["assertion_claims"]["aud"] == f"{ehr.base}/token"
        assert token.detail["assertion_claims"]["jti"] != ehr.assertions[0]["jti"]
        assert "code" in token.detail["sent"]
        assert token.detail["exchanges"][0]["status"] == 200

    async def test_page_leaves_its_reads_without_ids(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.patient = "patient-id-7"
        uuid = await browser.launch(ehr_launch())
        await browser.get(f"/launches/{uuid}/")
        timeline = await written()
        read = next(event for event in timeline if event.step == "fhir")
        where = {exchange["where"] for exchange in read.detail["exchanges"]}
        assert any(one.endswith("/fhir/Patient") for one in where)
        assert read.attempt == timeline[0].attempt
        kept = json.dumps([[event.detail, event.verdicts] for event in timeline])
        assert "patient-id-7" not in kept
        assert CANARY not in kept

    async def test_reads_that_we_gave_up_are_not_called_unanswered(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C101: the wrong patient ends the page, and with it the reads that still wait."""

        async def wrong_patient(request: web.Request) -> web.StreamResponse:
            if not request.match_info["path"].startswith("Patient/"):
                await asyncio.sleep(5)
            return fhir_json(ehr.resource("Patient/p-2"))

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = wrong_patient
        await browser.get(f"/launches/{uuid}/")
        page = await in_database(report.AttemptPage, await written())
        place = f"GET {ehr.fhir_base_url.partition('//')[2]}/"
        reads = {
            label.removeprefix(place): text
            for step in page.steps
            for label, text in step.lines
            if label.startswith(place) and ".well-known" not in label
        }
        assert reads.pop("Patient").startswith("200 in ")
        assert reads
        assert all("given up by this app after" in text for text in reads.values())

    async def test_launch_that_never_came_back_is_seen(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        started = await browser.get(ehr_launch())
        state = query(started.headers["Location"])["state"][0]
        timeline = await written()
        assert timeline[-1].step == "authorize"
        assert timeline[-1].attempt == events.key_of(cookies.state_digest(state))

    async def test_unknown_iss_goes_by_its_reference_number(self, browser: Browser) -> None:
        response = await browser.get("/launch?iss=https://unknown.example/fhir&launch=x")
        (refused,) = await written()
        assert refused.code == "unknown-endpoint"
        assert refused.attempt == refused.reference
        assert refused.reference in await response.text()
        assert refused.detail["iss"] == "https://unknown.example/fhir"

    async def test_refused_exchange_names_what_the_ehr_complains_of_not_its_words(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def refuse(_: web.Request) -> web.StreamResponse:
            said = "redirect_uri of Jane Doe does not match"
            body = {"error": "invalid_grant", "error_description": said}
            return web.json_response(body, status=400)

        ehr.token_answer = refuse
        await browser.get(await browser.to_callback(ehr_launch()))
        *_, answered, refused = await written()
        assert answered.detail["ehr_error"] == "invalid_grant"
        assert (refused.step, refused.code) == ("token", "invalid-grant")
        assert refused.detail["said"] == "redirect_uri of […] does not match"
        assert "Jane" not in json.dumps([answered.detail, refused.detail, refused.verdicts])
        for event in await in_database(lambda: list(LaunchEvent.objects.all())):
            assert event.attempt == refused.attempt


class TestRecorder:
    def test_removes_tokens_queries_and_what_cannot_be_printed(self) -> None:
        value: Any = {"a": ["see eyJhbGciOi.abc.def here", "https://e.example/x?code=1", "a\x00b"]}
        assert events.cleaned(value) == {"a": ["see […] here", "https://e.example/x?[…]", "ab"]}

    def test_notes_nothing_outside_a_launch(self) -> None:
        events.note(Step.LAUNCH)
        assert not events._queue

    @pytest.mark.parametrize(("reference", "stored"), [("", 0), ("ABCD-EFGH", 1)])
    def test_notes_nothing_that_nobody_could_find(self, reference: str, stored: int) -> None:
        """The administration's list of attempts has a link for each."""
        context = copy_context()
        context.run(events.begin, Step.LAUNCH)
        context.run(events.note, Step.LAUNCH, reference=reference)
        assert len(events._queue) == stored
        events.forget()


@pytest.mark.usefixtures("no_background_refresh")
class TestFlood:
    async def test_of_strangers_is_counted_and_leaves_room_for_launches(
        self, browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events, "MAX_STRANGERS", 3)
        for _ in range(5):
            await browser.get("/launch?iss=https://unknown.example/fhir&launch=x")
        await browser.get(ehr_launch())
        *stored, flood = await written()
        assert [event.step for event in stored] == [
            "launch", "launch", "launch", "launch", "discovery", "authorize",
        ]  # fmt: skip
        assert (flood.step, flood.detail) == ("flood", {"not_stored": 2})

    async def test_never_grows_beyond_the_queue(
        self, app: str, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events, "MAX_QUEUED", 4)
        async with new_browser(app) as browser:
            for _ in range(3):
                assert (await browser.get(ehr_launch())).status == 302
        *stored, flood = await written()
        assert len(stored) == 4
        assert flood.detail == {"not_stored": 5}


@pytest.mark.django_db(transaction=True)
class TestPurge:
    @staticmethod
    def _event(age: timedelta, step: str = "token", **more: str) -> LaunchEvent:
        return LaunchEvent(step=step, at=timezone.now() - age, duration_ms=0, **more)

    def _attempt(self, name: str, age: timedelta, *steps: str, code: str = "") -> None:
        *before, last = steps
        for step in before:
            self._event(age, step, attempt=name).save()
        self._event(age, last, attempt=name, code=code).save()

    def test_takes_attempts_that_never_came_back_after_a_day(self) -> None:
        """T30: what failed, or came back, stays."""
        out = ("launch", "discovery", "authorize")
        yesterday, today = timedelta(hours=25), timedelta(hours=23)
        self._attempt("gone", yesterday, *out)
        self._attempt("may come", today, *out)
        self._attempt("came back", yesterday, *out, "callback")
        self._attempt("failed", yesterday, "launch", "discovery", code="ehr-timeout")
        assert [events.purge_batch(timezone.now()) for _ in range(2)] == [3, 0]
        kept = set(LaunchEvent.objects.values_list("attempt", flat=True))
        assert kept == {"may come", "came back", "failed"}

    def test_takes_them_first_where_there_is_no_more_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T30: a flood of visits pushes out no failure."""
        monkeypatch.setattr(events, "MAX_ROWS", 2)
        self._attempt("failed", timedelta(days=20), "launch", "token", code="invalid-client")
        self._attempt("flood", timedelta(hours=2), "launch", "authorize")
        self._attempt("flood too", timedelta(minutes=1), "launch")
        assert events.purge_batch(timezone.now()) == 2
        assert set(LaunchEvent.objects.values_list("attempt", flat=True)) == {"failed", "flood too"}

    def test_takes_what_is_a_month_old_batch_by_batch(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "PURGE_BATCH", 2)
        old, new = timedelta(days=31), timedelta(days=29)
        LaunchEvent.objects.bulk_create([self._event(age) for age in (old, old, old, new)])
        assert [events.purge_batch(timezone.now()) for _ in range(3)] == [2, 1, 0]
        assert LaunchEvent.objects.count() == 1

    def test_takes_the_oldest_of_what_is_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "MAX_ROWS", 2)
        LaunchEvent.objects.bulk_create([self._event(timedelta(days=day)) for day in (3, 2, 1)])
        assert [events.purge_batch(timezone.now()) for _ in range(2)] == [1, 0]
        oldest = LaunchEvent.objects.earliest("at")
        assert timezone.now() - oldest.at < timedelta(days=2, hours=1)


_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["eyJhbGciOi.a.b", "https://e.example/x?y=z#f", 'a "b"', "a\\b", "x" * 301]),
)
_parts = st.one_of(
    _texts, st.integers(), st.none(), st.lists(_texts, max_size=42), st.dictionaries(_texts, _texts)
)


@given(st.one_of(st.dictionaries(_texts, _parts, max_size=6), st.lists(_parts, max_size=42)))
def test_what_looks_plain_at_once_is_what_cleaning_leaves(value: Any) -> None:
    assert events._written(value) == json.dumps(events.cleaned(value))
