"""An EHR that does not know our new key yet fails no launch (T22; C67, C69).

The scripted EHR checks each assertion with our JWKS as it is now; here it then refuses, as an EHR
with an old copy does, every kid but those that it knows.
"""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from multidict import CIMultiDict, CIMultiDictProxy

from smartapp import http
from smartapp.database import in_database
from smartapp.diagnosis import attempts, facts, report
from smartapp.diagnosis.causes import causes
from smartapp.exchange import pipeline
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.keys import (
    emergency,
    key_creation,
    lifecycle,
    memory,
    refusals,
    rotation,
    stale_copies,
)
from smartapp.keys.models import KeySet, SigningKey, StaleCopy
from smartapp.keys.refusals import StepRefused
from smartapp.keys.rotation import RotationStep
from smartapp.launches import events
from smartapp.launches.backend import backend_token
from smartapp.launches.models import EndReason, Launch, LaunchEvent
from smartapp.protocol.errors import EHRCrowded
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import AuthMethod
from tests.diagnosis.test_attempts import administrator, page_of
from tests.launches.conftest import Browser, expire, refreshes, row
from tests.registrations.factories import changed
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
ALG = "RS384"


def _rotate(key_set: KeySet) -> None:
    """Publish and sign at once, as somebody does who takes the risk."""
    now = timezone.now()
    key_creation.publish_next(key_set, ALG, now=now, actor="test")
    named = refusals.confirmation(key_set)
    lifecycle.start_signing(
        key_set, ALG, now=timezone.now(), actor="test", typed=named, reason="a test"
    )


async def rotated() -> tuple[str, str]:
    """Rotate; return the kids of the key that signed before and of the one that signs now."""
    key_set = await in_database(KeySet.objects.get, slug="scripted")
    await in_database(_rotate, key_set)
    await memory.refresh()
    (line,) = [one for one in await in_database(rotation.of, key_set) if one.alg == ALG]
    assert line.retiring
    assert line.signer
    return line.retiring.kid, line.signer.kid


def kid_of(fields: dict[str, str]) -> str:
    part = fields["client_assertion"].partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(part + "=="))["kid"])


def knows(ehr: ScriptedEHR, *kids: str, error: str = "invalid_client", status: int = 401) -> None:
    """Let the EHR refuse every kid but these; a code stays good, as nobody has looked at it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        if kid_of(fields) not in kids:
            return web.json_response({"error": error}, status=status)
        if fields["grant_type"] == "refresh_token":
            return ehr._refreshed(fields)
        if fields["grant_type"] == "client_credentials":
            return web.json_response(ehr.token_response(fields["scope"]))
        return ehr._exchanged(fields)

    ehr.token_answer = answer


def jtis(ehr: ScriptedEHR) -> list[str]:
    return [str(one["jti"]) for one in ehr.assertions]


def answered(status: int) -> http.Response:
    body = b"" if status == 200 else b'{"error":"invalid_client"}'
    return http.Response(status, CIMultiDictProxy(CIMultiDict()), body)


async def config_of() -> registry.EndpointConfig:
    registry.forget()
    return await registry.endpoint_for_slug("scripted")


class TestTakesThePreviousKey:
    async def test_in_the_exchange_of_a_code(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C67: two requests, two assertions; everything else in them is the same."""
        old, new = await rotated()
        knows(ehr, old)
        await browser.launch(ehr_launch())
        first, second = ehr.token_requests
        assert [kid_of(first), kid_of(second)] == [new, old]
        assert len(set(jtis(ehr))) == 2
        assert first.pop("client_assertion") != second.pop("client_assertion")
        assert first == second

    async def test_in_a_refresh(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        old, new = await rotated()
        knows(ehr, old)
        await expire(uuid)
        assert (await browser.get(f"/launches/{uuid}/context.json")).status == 200
        assert [kid_of(one) for one in refreshes(ehr)] == [new, old]

    async def test_in_a_token_for_the_app_itself(self, app: str, ehr: ScriptedEHR) -> None:
        old, _ = await rotated()
        knows(ehr, old)
        scope = "system/Patient.rs"
        await in_database(Registration.objects.update, scope=scope, standalone_scope="")
        await in_database(Endpoint.objects.update, launchable=False)
        assert (await backend_token("scripted", scope)).access_token in ehr.valid_access_tokens
        assert len(ehr.token_requests) == 2
        await http.close()

    async def test_in_a_revocation(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: Any
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        old, new = await rotated()
        asked = []

        async def post_form(url: str, fields: dict[str, str], **options: Any) -> http.Response:
            asked.append(kid_of(fields))
            known = kid_of(fields) == old
            return answered(200) if known else answered(401)

        monkeypatch.setattr(http, "post_form", post_form)
        await browser.http.post(f"{browser.app}/launches/{uuid}/end/", allow_redirects=False)
        assert asked == [new, old, new, old]
        assert (await row(uuid)).end_reason == EndReason.DISCONNECTED

    async def test_once(self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start) -> None:
        """An EHR that knows neither key is asked twice and no more."""
        await rotated()
        knows(ehr)
        finished = await browser.get(await browser.to_callback(ehr_launch()))
        assert finished.status == 502
        assert len(ehr.token_requests) == 2
        assert not await in_database(StaleCopy.objects.exists)


class TestSendsNothingTwice:
    async def sent(self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start) -> int:
        finished = await browser.get(await browser.to_callback(ehr_launch()))
        assert finished.status >= 500
        return len(ehr.token_requests)

    async def test_where_no_previous_key_is_published(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        knows(ehr)
        assert await self.sent(browser, ehr, ehr_launch) == 1

    async def test_once_the_previous_key_is_withdrawn(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """From then on no EHR can need it: a refusal has another cause."""
        old, _ = await rotated()
        key_set = await in_database(KeySet.objects.get, slug="scripted")
        typed = await in_database(refusals.confirmation, key_set)
        await in_database(
            lambda: lifecycle.withdraw(
                key_set, ALG, now=timezone.now(), actor="test", typed=typed, reason="a test"
            )
        )
        await memory.refresh()
        knows(ehr, old)
        assert await self.sent(browser, ehr, ehr_launch) == 1

    async def test_with_a_key_that_somebody_else_may_have(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """An emergency leaves nothing to fall back to."""
        key_set = await in_database(KeySet.objects.get, slug="scripted")
        old = (await memory.signer("scripted", ALG)).kid

        def replace_at_once() -> None:
            named = refusals.confirmation(key_set)
            emergency.replace_at_once(
                key_set, ALG, now=timezone.now(), actor="test", typed=named, reason="a test"
            )

        await in_database(replace_at_once)
        await memory.refresh()
        knows(ehr, old)
        assert await self.sent(browser, ehr, ehr_launch) == 1

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, "invalid_grant"),
            (400, "invalid_request"),
            (401, "access_denied"),
            (400, "unauthorized_client"),
            (429, "invalid_client"),
            (500, "invalid_client"),
            (403, "invalid_client"),
        ],
    )
    async def test_after_any_other_answer(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, status: int, error: str
    ) -> None:
        """C69: only `invalid_client` says that the code was not looked at."""
        old, _ = await rotated()
        knows(ehr, old, status=status, error=error)
        assert await self.sent(browser, ehr, ehr_launch) == 1

    async def test_after_a_second_request_that_found_no_place(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """C69: the code was sent once, so the same address is not good again."""
        old, _ = await rotated()
        knows(ehr, old)
        post_form, sent = http.post_form, 0

        async def once(*arguments: Any, **options: Any) -> http.Response:
            nonlocal sent
            sent += 1
            if sent > 1:
                raise EHRCrowded("full")
            return await post_form(*arguments, **options)

        monkeypatch.setattr(http, "post_form", once)
        callback = await browser.to_callback(ehr_launch())
        for _ in range(2):
            assert (await browser.get(callback)).status >= 400
        assert sent == 2
        assert len(ehr.token_requests) == 1

    async def test_after_no_answer(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C69: nobody knows what became of the code."""
        await rotated()

        async def cut(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        ehr.token_answer = cut
        assert await self.sent(browser, ehr, ehr_launch) == 1

    @pytest.mark.parametrize("method", [AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.NONE])
    async def test_for_a_client_that_does_not_sign(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        method: AuthMethod,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await rotated()
        config = changed(await config_of(), auth_method=method, client_secret="secret")
        sent = []

        async def post_form(*arguments: Any, **options: Any) -> http.Response:
            sent.append((arguments, options))
            return answered(401)

        monkeypatch.setattr(http, "post_form", post_form)
        url = f"{ehr.base}/token"
        asked = Request(config, Purpose.CLIENT_CREDENTIALS, url, {}, token_endpoint=url)
        answer = await pipeline.send(await pipeline.admit(asked))
        assert answer.status == 401
        assert len(sent) == 1


class TestIsReported:
    @pytest.fixture(autouse=True)
    def written_by_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)

    async def test_in_the_timeline_and_by_why_although_the_launch_went_well(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        old, new = await rotated()
        knows(ehr, old)
        await browser.launch(ehr_launch())
        await events.flush()

        def look() -> tuple[Any, Any]:
            timeline = attempts.timeline_of(LaunchEvent.objects.latest("id").attempt)
            return report.AttemptPage(timeline), causes(timeline, facts.gather(timeline))

        page, found = await in_database(look)
        assert "The EHR refused the new key and took the previous one" in page.text
        assert f"Key refused: {new}" in page.text
        assert page.summary == "Signed in; no page was shown yet."
        assert "old copy of our public keys" in found[0].title
        assert new in found[0].seen
        assert old in found[0].seen

    async def test_on_the_page_of_the_key_set(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        old, new = await rotated()
        knows(ehr, old)
        for _ in range(2):
            await browser.launch(ehr_launch())
        copy = await in_database(StaleCopy.objects.get)
        assert (copy.name, copy.refused_kid, copy.taken_kid, copy.count) == (
            "Scripted EHR", new, old, 2,
        )  # fmt: skip

        def look() -> str:
            client: Client = administrator()
            return page_of(client, f"/admin/keys/keyset/{copy.key_set_id}/change/")

        page = await in_database(look)
        assert "Who did not know a new key" in page
        assert f"refused the new key {new} and took the previous one {old}" in page
        assert "RS384: an EHR refused the new key" in page

    async def test_and_the_previous_key_stays_while_an_ehr_needs_it(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """Withdrawn by its own clock, it would fail the launches that it has just saved."""
        old, _ = await rotated()
        knows(ehr, old)
        await browser.launch(ehr_launch())
        key_set = await in_database(KeySet.objects.get, slug="scripted")

        def later(needed_for: timedelta) -> tuple[RotationStep, timedelta]:
            retired = SigningKey.objects.get(kid=old).signs_until
            assert retired
            StaleCopy.objects.update(last_at=retired + needed_for)
            (line,) = [one for one in rotation.of(key_set) if one.alg == ALG]
            step, when = line.next_step()
            assert when
            return step, when - retired

        needed = timedelta(hours=5)
        assert await in_database(later, needed) == (
            RotationStep.WITHDRAW,
            needed + timedelta(hours=1),
        )

        def withdraw(after: timedelta) -> None:
            retired = SigningKey.objects.get(kid=old).signs_until
            assert retired
            lifecycle.withdraw(key_set, ALG, now=retired + after, actor="test")

        with pytest.raises(StepRefused, match="does not know the new RS384 key"):
            await in_database(withdraw, timedelta(hours=2))
        await in_database(withdraw, timedelta(hours=6))
        assert (await in_database(SigningKey.objects.get, kid=old)).withdrawn_at

    async def test_and_no_launch_fails_because_it_cannot_be_written(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: Any
    ) -> None:
        def away(*_: object) -> None:
            raise OperationalError("away")

        monkeypatch.setattr(stale_copies, "_write", away)
        old, _ = await rotated()
        knows(ehr, old)
        uuid = await browser.launch(ehr_launch())
        assert await in_database(Launch.objects.filter(uuid=uuid).exists)
