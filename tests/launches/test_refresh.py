"""Refresh: one at a time, only when needed, and only `invalid_grant` ends a launch (§1.10)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp import web
from django.db import OperationalError
from django.utils import timezone

from smartapp import http, vault
from smartapp.database import in_database
from smartapp.exchange import token_budget
from smartapp.launches import events, pending_revocations
from smartapp.launches.models import (
    EndReason,
    Launch,
    LaunchEvent,
    Revocation,
    refresh_failure_context,
)
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.registry import EndpointConfig
from tests.launches.conftest import (
    SCOPE,
    Browser,
    expire,
    leave_during_token_request,
    new_browser,
    refreshes,
    row,
    until,
)
from tests.scripted_ehr import ScriptedEHR, fhir_json

Start = Callable[[], str]


class TestRefresh:
    async def test_expired_access_token_is_refreshed_once_and_the_page_works(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        assert len(refreshes(ehr)) == 1

    async def test_twenty_parallel_loads_send_one_refresh(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C123, T20."""
        ehr.token_delay = 0.3
        url = f"/launches/{expired}/context.json"
        responses = await asyncio.gather(*(browser.get(url) for _ in range(20)))
        assert [response.status for response in responses] == [200] * 20
        assert len(refreshes(ehr)) == 1

    async def test_new_refresh_token_replaces_the_old_one(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C122: each refresh sends what the last answer brought."""
        uuid = await browser.launch(ehr_launch())
        for _ in range(2):
            await expire(uuid)
            await browser.get(f"/launches/{uuid}/context.json")
        first, second = (one["refresh_token"] for one in refreshes(ehr))
        assert first != second

    async def test_old_refresh_token_is_kept_where_none_comes(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C122."""
        uuid = await browser.launch(ehr_launch())

        async def without(_: web.Request) -> web.Response:
            answer = ehr.token_response("openid patient/*.rs")
            del answer["refresh_token"]
            return web.json_response(answer)

        ehr.token_answer = without
        for _ in range(2):
            await expire(uuid)
            assert (await browser.get(f"/launches/{uuid}/context.json")).status == 200
        assert len({one["refresh_token"] for one in refreshes(ehr)}) == 1

    async def test_scope_is_sent_only_where_the_registration_says_so(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, registered: Endpoint
    ) -> None:
        """C121: what was granted."""
        await browser.get(f"/launches/{expired}/context.json")
        await in_database(Registration.objects.update, send_scope_on_refresh=True)
        await expire(expired)
        await browser.get(f"/launches/{expired}/context.json")
        without, with_scope = refreshes(ehr)
        assert "scope" not in without
        assert with_scope["scope"]

    async def test_401_refreshes_once_and_reads_again(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C141: of all the reads of one page that meet a 401, one refreshes."""
        uuid = await browser.launch(ehr_launch())
        ehr.valid_access_tokens.clear()
        page = await browser.get(f"/launches/{uuid}/")
        assert page.status == 200
        assert "Family-p-1" in await page.text()
        assert len(refreshes(ehr)) == 1

    async def test_second_401_ends_the_launch(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C135; C141."""
        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = lambda _request: _unauthorized()
        assert (await browser.get(f"/launches/{uuid}/")).status == 410
        assert (await row(uuid)).end_reason == EndReason.UNAUTHORIZED
        assert len(refreshes(ehr)) == 1


async def _unauthorized() -> web.Response:
    return web.json_response({"error": "invalid_token"}, status=401)


def failing(ehr: ScriptedEHR, status: int, text: str = "", **headers: str) -> None:
    """Let the EHR answer every token request so."""

    async def answering(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    ehr.token_answer = answering


async def seconds_left_alone(uuid: UUID) -> float:
    until = (await row(uuid)).refresh_not_before
    assert until is not None
    return (until - timezone.now()).total_seconds()


class TestBackOff:
    """C125: how long an EHR that failed, or refused, is left alone, and what is said meanwhile."""

    async def test_it_starts_at_a_second_and_doubles_to_thirty(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        failing(ehr, 503)
        for expected in (1, 2, 4, 8, 16, 30, 30):
            assert (await browser.get(f"/launches/{expired}/context.json")).status == 502
            seconds = await seconds_left_alone(expired)
            assert expected * 0.8 - 0.5 < seconds <= expected * 1.2
            await in_database(Launch.objects.update, refresh_not_before=timezone.now())

    async def test_one_that_worked_starts_it_anew(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        for _ in range(2):
            failing(ehr, 503)
            await browser.get(f"/launches/{expired}/context.json")
            assert await seconds_left_alone(expired) <= 1.2
            ehr.token_answer = None
            assert (await browser.get(f"/launches/{expired}/")).status == 200
            assert (await row(expired)).sealed_refresh_failure == ""
            await expire(expired)

    async def test_a_persons_reload_works_at_once_when_the_ehr_does_again(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        failing(ehr, 503)
        page = await (await browser.get(f"/launches/{expired}/")).text()
        assert "Try again</a>" in page
        ehr.token_answer = None
        assert (await browser.get(f"/launches/{expired}/context.json")).status == 502
        assert (await browser.get(f"/launches/{expired}/")).status == 200

    async def test_twenty_reloads_at_once_try_once(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C123: once is once, however many tabs there are."""
        failing(ehr, 503)
        await browser.get(f"/launches/{expired}/")
        ehr.token_delay = 0.3
        pages = await asyncio.gather(*(browser.get(f"/launches/{expired}/") for _ in range(20)))
        assert {page.status for page in pages} == {502}
        assert len(refreshes(ehr)) == 2

    @pytest.mark.parametrize("status", [503, 429])
    async def test_an_ehr_that_asks_for_time_has_it_from_everybody(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, status: int
    ) -> None:
        failing(ehr, status, **{"Retry-After": "120"})
        for _ in range(3):
            response = await browser.get(f"/launches/{expired}/")
            assert 115 <= int(response.headers["Retry-After"]) <= 120
        assert len(refreshes(ehr)) == 1

    @pytest.mark.parametrize(
        ("status", "text", "words"),
        [
            (400, '{"error":"consent_required"}', "consent_required"),
            (
                400,
                '{"error":"login_required","error_description":"Sign in <b>again</b>"}',
                "login_required Sign in &lt;b&gt;again&lt;/b&gt;",
            ),
            (401, "Token expired", "Token expired"),
            (403, '{"error":"access_denied"}', "access_denied"),
            (401, "", None),
        ],
    )
    @pytest.mark.parametrize("standalone", [True, False])
    async def test_a_refusal_is_said_in_its_words_on_every_load(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        status: int,
        text: str,
        words: str | None,
        standalone: bool,
    ) -> None:
        """And patients have a way to connect again. A browser has the page streamed."""
        uuid = await browser.launch("/connect/scripted/" if standalone else ehr_launch())
        await expire(uuid)
        failing(ehr, status, text)
        for headers in ({}, {}, {"Sec-Fetch-Dest": "document"}):
            response = await browser.get(f"/launches/{uuid}/", headers=headers)
            page = await response.text()
            assert response.status == (200 if headers else 502)
            ehr_is_called = "your health system" if standalone else "the EHR"
            assert f"{ehr_is_called} refused" in page
            assert "not answering" not in page
            said = f"{ehr_is_called[0].upper()}{ehr_is_called[1:]} said"
            assert (said in page) == bool(words)
            assert (words or "") in page
            # The streamed page links to it when the session is over, too.
            _, _, alarm = page.rpartition('id="alarm"')
            assert ('href="/connect/scripted/">Connect again</a>' in alarm) == standalone
            assert ("open it again from the patient" in page) == (not standalone)
        assert len(refreshes(ehr)) == 1
        assert (await row(uuid)).sealed_tokens

    async def test_what_it_said_is_sealed_and_ends_with_the_launch(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """T10: an EHR's own words may quote anything."""
        failing(ehr, 400, '{"error":"consent_required","error_description":"Jane Doe"}')
        await browser.get(f"/launches/{expired}/")
        kept = (await row(expired)).sealed_refresh_failure
        assert kept.startswith("v1.")
        assert "Jane" not in kept
        await browser.http.post(f"{browser.app}/launches/{expired}/end/", allow_redirects=False)
        assert (await row(expired)).sealed_refresh_failure == ""

    async def test_one_that_cannot_be_read_any_more_is_no_failure(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """Written by another release, or under a key that is gone."""
        for kept in ("v1.x.y", vault.seal(b'{"other": 1}', refresh_failure_context(expired))):
            later = timezone.now() + timedelta(seconds=20)
            await in_database(
                Launch.objects.update, sealed_refresh_failure=kept, refresh_not_before=later
            )
            response = await browser.get(f"/launches/{expired}/")
            assert response.status == 502
            assert "not answering" in await response.text()
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{expired}/")).status == 200


class TestFailure:
    async def test_invalid_grant_ends_the_launch_and_destroys_its_tokens(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C125."""
        ehr.refresh_token = "another"
        response = await browser.get(f"/launches/{expired}/")
        assert response.status == 410
        ended = await row(expired)
        assert (ended.end_reason, ended.sealed_tokens) == (EndReason.INVALID_GRANT, "")

    async def test_online_access_may_end_at_any_moment(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint, ehr_launch: Start
    ) -> None:
        """C129: it ends with the user's presence in the EHR, and the page says what to do."""
        scope = registered.registration.scope.replace("offline_access", "online_access")
        await in_database(Registration.objects.update, scope=scope)
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        ehr.refresh_token = "another"
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 410
        assert "the ehr ended this app" in (await response.text()).lower()

    @pytest.mark.parametrize(
        ("status", "text", "asked"),
        [
            (500, '{"error":"server_error"}', 2),
            (502, '{"error":"temporarily_unavailable"}', 2),
            (500, '{"error":"invalid_grant"}', 2),
            (429, "{}", 1),
            (503, "", 2),
            (503, "<html>", 2),
            (401, '{"error":"invalid_client"}', 1),
            (400, '{"error":"invalid_request"}', 1),
            (404, "<html>", 1),
            (200, '{"error":"invalid_request"}', 1),
        ],
    )
    async def test_anything_else_keeps_it_and_backs_off(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, status: int, text: str, asked: int
    ) -> None:
        """C125: within the back-off a person may try once more where the EHR only failed; it is
        asked no more after that. What is no decision of the authorization server's is in
        test_uncertain_refresh."""
        failing(ehr, status, text)
        for _ in range(4):
            assert (await browser.get(f"/launches/{expired}/")).status >= 500
            assert (await browser.get(f"/launches/{expired}/context.json")).status >= 500
        assert len(refreshes(ehr)) == asked
        ehr.token_answer = None
        token_budget.forget()  # a 429 counts for the whole registration
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{expired}/")).status == 200

    async def test_another_patient_stops_the_launch(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C126: the wrong-patient alarm; T17."""

        async def other_patient(_: web.Request) -> web.Response:
            return web.json_response(ehr.token_response("openid") | {"patient": "p-2"})

        ehr.token_answer = other_patient
        response = await browser.get(f"/launches/{expired}/")
        assert response.status == 409
        assert "patient has changed" in (await response.text()).lower()
        assert (await row(expired)).end_reason == EndReason.PATIENT_CHANGED

    @pytest.mark.parametrize("nothing", [None, "", [], {}])
    @pytest.mark.parametrize("member", ["patient", "encounter"])
    async def test_a_member_that_is_null_or_empty_names_nobody_else(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, member: str, nothing: object
    ) -> None:
        """C126: silence is no alarm, however it is written."""
        await self.answer(ehr, {member: nothing})
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        context = await (await browser.get(f"/launches/{expired}/context.json")).json()
        assert context["patient"] == "p-1"

    @pytest.mark.parametrize(
        "nothing",
        [{"scope": None}, {"scope": ""}, {"scope": " "}, {"expires_in": None}, {"expires_in": ""},
         {"refresh_token": None}, {"refresh_token": ""}, {"id_token": None}, {"id_token": ""}],
    )  # fmt: skip
    async def test_nor_does_it_take_anything_away(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, nothing: dict[str, object]
    ) -> None:
        """C122, C82: as good as absent."""
        ehr.scope = SCOPE
        before = await (await browser.get(f"/launches/{expired}/context.json")).json()
        await expire(expired)
        await self.answer(ehr, nothing)
        for _ in range(2):
            assert (await browser.get(f"/launches/{expired}/")).status == 200
            await expire(expired)
        after = await (await browser.get(f"/launches/{expired}/context.json")).json()
        assert after["scope"] == before["scope"]
        assert after["refreshable"]

    async def answer(self, ehr: ScriptedEHR, members: dict[str, object]) -> None:
        """Let the EHR answer a refresh so, beside its tokens."""

        async def answering(_: web.Request) -> web.Response:
            return web.json_response(ehr.token_response(ehr.scope or SCOPE) | members)

        ehr.token_answer = answering

    @pytest.mark.parametrize("absent", [None, "", []])
    async def test_an_id_token_without_aud_is_taken_with_a_note(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        absent: object,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C98: the public SMART launcher sends it so; nothing is read from it."""
        monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        await self.vouch(ehr, {"aud": absent})
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        await events.flush()
        notes = await in_database(lambda: [
            verdict for one in LaunchEvent.objects.filter(step="refresh")
            for verdict in one.verdicts if verdict["rule"] == "C98"
        ])  # fmt: skip
        assert notes == [{"rule": "C98", "ok": True}]

    @pytest.mark.parametrize(
        "claims",
        [
            {"aud": "another"},
            {"aud": ["another"]},
            {"aud": [1]},
            {"aud": 0},
            {"aud": {}},
            {"aud": None, "azp": "another"},
            {"aud": None, "sub": "another"},
            {"aud": None, "iss": "https://another.example"},
            {"aud": None, "exp": 1},
        ],
    )
    async def test_one_of_another_client_person_or_issuer_is_not(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, claims: dict[str, object]
    ) -> None:
        """C98: absent is never different, and everything else must be right."""
        await self.vouch(ehr, claims)
        assert (await browser.get(f"/launches/{expired}/")).status == 410

    async def vouch(self, ehr: ScriptedEHR, claims: dict[str, object]) -> None:
        """Let the EHR vouch with these claims when it refreshes."""

        async def answering(_: web.Request) -> web.Response:
            answer = ehr.token_response("openid")
            ehr.id_token_claims = claims
            return web.json_response(
                answer | {"id_token": ehr.id_token(answer["access_token"], "")}
            )

        ehr.token_answer = answering

    @pytest.mark.parametrize("rotates", [True, False])
    async def test_the_ehr_is_told_of_what_it_gave_for_another_patient(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID, rotates: bool
    ) -> None:
        """C126, C133: of the launch's tokens, and of those that came for the other one."""
        given: dict[str, str] = {}

        async def other_patient(_: web.Request) -> web.Response:
            given.update(ehr.token_response("openid"))
            if not rotates:
                del given["refresh_token"]
            return web.json_response(given | {"patient": "p-2"})

        ehr.token_answer = other_patient
        assert (await browser.get(f"/launches/{expired}/")).status == 409
        due = timezone.now() + timedelta(hours=1)
        for pk in await in_database(pending_revocations.claim, 10, due):
            await pending_revocations.tell(pk)
        await http.close()
        told = {one["token"] for one in ehr.revocations}
        expected = {given["access_token"], refreshes(ehr)[0]["refresh_token"]}
        expected |= {given["refresh_token"]} if rotates else set()
        assert expected < told
        assert ehr.valid_access_tokens == set()

    async def test_no_lease_is_taken_while_the_registration_cannot_be_read(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        expired: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C125: nothing could be given back either, and nothing was sent."""

        async def away(*_: object) -> EndpointConfig:
            raise OperationalError

        with monkeypatch.context() as patched:
            patched.setattr(registry, "endpoint_for_callback", away)
            assert (await browser.get(f"/launches/{expired}/")).status == 503
        assert (await row(expired)).refresh_lease_until is None
        assert (await browser.get(f"/launches/{expired}/")).status == 200
        assert len(refreshes(ehr)) == 1

    async def test_our_own_failure_before_anything_was_sent_leaves_the_token_good(
        self,
        browser: Browser,
        expired: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C125: the lease is given back at once, or it would look like a lost answer."""

        async def broken(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patched:
            patched.setattr(token_budget, "take", broken)
            assert (await browser.get(f"/launches/{expired}/")).status == 500
        left = await row(expired)
        assert (left.refresh_lease_until, left.refresh_uncertain_at) == (None, None)
        assert left.refresh_not_before is not None
        await in_database(Launch.objects.update, refresh_not_before=None)
        assert (await browser.get(f"/launches/{expired}/")).status == 200

    async def test_browser_that_leaves_does_not_lose_the_new_refresh_token(
        self, browser: Browser, ehr: ScriptedEHR, expired: UUID
    ) -> None:
        """C124: the answer is stored although nobody waits for the page any more."""
        before = (await row(expired)).token_version
        ehr.token_delay = 0.5
        await leave_during_token_request(browser, ehr, f"/launches/{expired}/context.json")
        await until(Launch.objects.exclude(token_version=before).exists)
        assert (await row(expired)).token_version == before + 1

    async def test_no_refresh_token_says_that_access_has_run_out(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.refresh_token = None
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        response = await browser.get(f"/launches/{uuid}/")
        assert response.status == 410
        assert "run out" in await response.text()


class TestPages:
    async def test_lasting_access_lives_as_long_as_an_unused_refresh_token(
        self, browser: Browser, ehr: ScriptedEHR
    ) -> None:
        """C127: 90 days, in the browser and here; and the page says until when."""
        ehr.id_token_claims = {"fhirUser": f"{ehr.fhir_base_url}/Patient/p-1"}
        uuid = await browser.launch("/connect/scripted/")
        launch = await in_database(Launch.objects.select_related("session").get, uuid=uuid)
        assert launch.session is not None
        days = (launch.session.expire_date - timezone.now()) / timedelta(days=1)
        assert days == pytest.approx(90, abs=0.1)
        kept = next(one for one in browser.http.cookie_jar if one.key == f"launch-{uuid.hex}")
        assert int(kept["max-age"]) == pytest.approx(90 * 86_400, abs=60)
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        assert f"{launch.session.expire_date:%Y-%m-%dT%H:%M}" in page

    async def test_two_launches_in_one_browser_keep_their_own_patients(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C154, T17: also after reloads and refreshes, interleaved."""
        uuids = {}
        for patient in ("p-1", "p-2"):
            ehr.patient = patient
            uuids[patient] = await browser.launch(ehr_launch())
        for _ in range(2):
            for patient, uuid in uuids.items():
                await expire(uuid)
                context = await (await browser.get(f"/launches/{uuid}/context.json")).json()
                assert context["patient"] == patient
                assert patient in context["patient_name"]

    async def test_launches_that_finish_at_once_in_one_browser_are_all_kept(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        callbacks = [await browser.to_callback(ehr_launch()) for _ in range(4)]
        ehr.token_delay = 0.2
        finished = await asyncio.gather(*(browser.get(callback) for callback in callbacks))
        for response in finished:
            assert (await browser.get(response.headers["Location"])).status == 200

    async def test_other_browser_gets_404(self, browser: Browser, ehr_launch: Start) -> None:
        """C155, T19: the uuid alone is no authority."""
        uuid = await browser.launch(ehr_launch())
        async with new_browser(browser.app) as other:
            other_uuid = await other.launch(ehr_launch())
            for path in ("", "context.json"):
                assert (await other.get(f"/launches/{uuid}/{path}")).status == 404
            own_key = {c.key: c.value for c in other.http.cookie_jar}[f"launch-{other_uuid.hex}"]
            stolen = {f"launch-{uuid.hex}": own_key}
            assert (await other.get(f"/launches/{uuid}/", cookies=stolen)).status == 404

    async def test_session_that_expired_opens_nothing(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        launch = await in_database(Launch.objects.select_related("session").get, uuid=uuid)
        assert launch.session is not None
        launch.session.expire_date = timezone.now() - timedelta(seconds=1)
        await in_database(launch.session.save)
        assert (await browser.get(f"/launches/{uuid}/")).status == 404

    async def test_context_json_has_the_members_of_the_contract_and_no_token(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        response = await browser.get(f"/launches/{uuid}/context.json")
        context = await response.json()
        assert set(context) == {
            "registration", "endpoint", "kind", "patient", "encounter", "fhirUser", "id_token",
            "scope", "access_token_expires_at", "refreshable", "need_patient_banner",
            "smart_style_url", "intent", "tenant", "fhirContext", "extras", "patient_name",
        }  # fmt: skip
        assert context["kind"] == "ehr"
        assert context["id_token"]["iss"] == ehr.issuer
        assert set(context["scope"]) == {"requested", "granted", "missing"}
        text = await response.text()
        assert not any(token in text for token in ehr.valid_access_tokens)
        assert response.headers["Cache-Control"].find("no-store") >= 0

    async def test_disconnect_revokes_and_destroys(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C135; C133."""
        uuid = await browser.launch(ehr_launch())
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        form_token = page.split('name="form_token" value="')[1].split('"')[0]
        url = f"{browser.app}/launches/{uuid}/end/"
        async with browser.http.post(url, data={"form_token": "0" * 64}) as response:
            assert response.status == 403
        async with browser.http.post(url, data={"form_token": form_token}) as response:
            assert response.status == 410
            assert "Disconnected" in await response.text()
        assert ("POST", "/revoke") in ehr.requests
        assert ehr.valid_access_tokens == set()
        assert (await row(uuid)).sealed_tokens == ""
        assert (await browser.get(f"/launches/{uuid}/")).status == 410

    async def test_program_that_holds_the_cookie_can_disconnect(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """It knows only the address; a browser that was sent by another site says so (T2)."""
        uuid = await browser.launch(ehr_launch())
        url = f"{browser.app}/launches/{uuid}/end/"
        for forged in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Referer": "https://evil.example/"},
        ):
            async with browser.http.post(url, headers=forged) as response:
                assert response.status == 403
        async with browser.http.post(url) as response:
            assert response.status == 410
        assert ehr.valid_access_tokens == set()

    @pytest.mark.parametrize(
        ("offered", "words"), [(True, "could not"), (False, "no way for an app")]
    )
    async def test_disconnect_destroys_although_the_ehr_is_not_told(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, offered: bool, words: str
    ) -> None:
        """C133: local tokens go whatever happens, and the page says what the EHR knows."""
        if not offered:
            ehr.discovery["revocation_endpoint"] = None
        uuid = await browser.launch(ehr_launch())
        page = await (await browser.get(f"/launches/{uuid}/")).text()
        form_token = page.split('name="form_token" value="')[1].split('"')[0]
        ehr.revoke_status = 503
        url = f"{browser.app}/launches/{uuid}/end/"
        async with browser.http.post(url, data={"form_token": form_token}) as response:
            assert words in await response.text()
        ended = await row(uuid)
        assert ended.sealed_tokens == ""
        assert ended.end_reason == (EndReason.NOT_REVOKED if offered else EndReason.NOT_REVOCABLE)

    @pytest.mark.parametrize("path", ["", "context.json"])
    async def test_wrong_patient_is_never_shown(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, path: str
    ) -> None:
        """C101, T17: the EHR answers Patient/p-1 with somebody else. The launch ends, and stays so
        when the EHR answers rightly again."""
        uuid = await browser.launch(ehr_launch())

        async def somebody_else(request: web.Request) -> web.Response:
            return fhir_json(ehr.resource(request.match_info["path"].replace("p-1", "p-2")))

        ehr.fhir_answer = somebody_else
        response = await browser.get(f"/launches/{uuid}/{path}")
        assert response.status == 409
        assert "Family-p-2" not in await response.text()
        ended = await row(uuid)
        assert (ended.end_reason, ended.sealed_tokens) == (EndReason.PATIENT_CHANGED, "")
        assert await in_database(Revocation.objects.filter(launch=uuid).count) == 1
        ehr.fhir_answer = None
        response = await browser.get(f"/launches/{uuid}/{path}")
        assert response.status == 409
        assert "Family-p-1" not in await response.text()

    async def test_one_forbidden_part_never_blanks_the_page(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())

        async def forbids_conditions(request: web.Request) -> web.Response:
            if request.match_info["path"].startswith("Condition"):
                return fhir_json({"resourceType": "OperationOutcome", "issue": []}, status=403)
            return fhir_json(ehr.resource(request.match_info["path"]))

        ehr.fhir_answer = forbids_conditions
        response = await browser.get(f"/launches/{uuid}/")
        page = await response.text()
        assert response.status == 200
        assert "Family-p-1" in page
