"""For an induced misconfiguration, the first cause is the right one.

Each test breaks one thing of a launch that works, lets the EHR answer as real ones do, and asks
why. Rules are those of the requirements; titles are compared by a telling part.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.utils import timezone
from pytest_django import Settings

from smartapp import http
from smartapp.database import in_database
from smartapp.diagnosis import attempts, doctor, facts, report
from smartapp.diagnosis.causes import causes as causes_of
from smartapp.diagnosis.comparing import difference
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.finding import Finding, problem
from smartapp.keys import fetches
from smartapp.keys.models import JWKSFetch, KeySet, SigningKey
from smartapp.launches import events, pending
from smartapp.launches.models import LaunchEvent
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, EndpointOverride, Registration
from smartapp.registrations.options import AuthMethod
from tests.launches.conftest import Browser, new_browser
from tests.launches.test_callback import changed
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR, fhir_json

Start = Callable[[], str]
Exchange = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def written_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FLUSH_SECONDS", 3600)


def _last_attempt() -> list[LaunchEvent]:
    last = LaunchEvent.objects.exclude(step="flood").latest("id")
    return attempts.timeline_of(last.attempt)


async def timeline() -> list[LaunchEvent]:
    await events.flush()
    return await in_database(_last_attempt)


async def asked_why(change: Callable[[Facts], Facts] = lambda known: known) -> list[Finding]:
    seen = await timeline()
    return list(causes_of(seen, change(await in_database(facts.gather, seen))))


async def first_is(words: str, rule: str, **options: Any) -> Finding:
    causes = await asked_why(**options)
    assert causes, "no cause was found"
    assert words in causes[0].title, [(cause.certainty, cause.title) for cause in causes]
    assert causes[0].rule == rule
    assert causes[0].seen
    assert causes[0].fix
    return causes[0]


async def registration(**fields: Any) -> None:
    await in_database(Registration.objects.update, **fields)
    registry.forget()


async def endpoint(**fields: Any) -> None:
    await in_database(Endpoint.objects.update, **fields)
    registry.forget()


def refusing(
    status: int, error: str, description: str = "", **headers: str
) -> Callable[[web.Request], Any]:
    async def refuse(_: web.Request) -> web.StreamResponse:
        body = {"error": error, "error_description": description}
        return web.json_response(body, status=status, headers=headers)

    return refuse


@pytest.fixture
async def exchanged(browser: Browser, ehr_launch: Start) -> Exchange:
    """Launch up to the EHR's answer to the token request, whatever it is."""

    async def exchange() -> None:
        await browser.get(await browser.to_callback(ehr_launch()))

    return exchange


class TestBeforeTheEHRIsAsked:
    async def test_ehr_that_nobody_registered(self, browser: Browser) -> None:
        await browser.get("/launch?iss=https://elsewhere.example/fhir&launch=x")
        await first_is("not registered here", "C7")

    async def test_iss_with_another_path(self, browser: Browser, ehr: ScriptedEHR) -> None:
        await browser.get(f"/launch?iss={ehr.fhir_base_url}/r4&launch=x")
        cause = await first_is("nearly that of Scripted Hospital", "C7")
        assert "“/r4”" in cause.seen

    async def test_endpoint_that_is_switched_off(self, browser: Browser, ehr_launch: Start) -> None:
        await endpoint(enabled=False)
        await browser.get(ehr_launch())
        await first_is("switched off", "C7")

    async def test_bookmarked_launch_address(self, browser: Browser) -> None:
        await browser.get("/launch")
        await first_is("without what an EHR sends", "C20")

    async def test_discovery_that_was_never_read(self, browser: Browser, ehr_launch: Start) -> None:
        await endpoint(pinned_hosts=[])
        await browser.get(ehr_launch())
        await first_is("never read", "C14")

    async def test_base_url_without_its_path(self, browser: Browser, ehr: ScriptedEHR) -> None:
        await endpoint(fhir_base_url=ehr.base, iss=ehr.base)
        await browser.get(f"/launch?iss={ehr.base}&launch=x")
        await first_is("does not lead to a SMART configuration", "C10")


class TestOnTheWay:
    async def test_redirect_uri_that_the_vendor_does_not_have(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        """The EHR shows its own error page, and nobody comes back (C56)."""
        await browser.get(ehr_launch())
        later = timezone.now() + timedelta(minutes=11)
        cause = await first_is(
            "does not know our redirect URI", "C3", change=lambda known: replace(known, now=later)
        )
        assert "/callback/scripted/" in cause.fix

    async def test_person_who_gave_up_where_others_come_back(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        await browser.launch(ehr_launch())
        await browser.get(ehr_launch())
        later = timezone.now() + timedelta(minutes=11)
        await first_is("did not finish", "C56", change=lambda known: replace(known, now=later))

    async def test_public_url_that_changed(
        self, browser: Browser, ehr_launch: Start, settings: Settings
    ) -> None:
        await browser.get(ehr_launch())
        settings.PUBLIC_URL = settings.PUBLIC_URL.replace("127.0.0.1", "localhost")
        cause = await first_is("Our redirect URI changed", "C3")
        assert "character 8" in cause.seen

    async def test_cookies_blocked_in_the_ehrs_frame(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        async with new_browser(app, **{"Sec-Fetch-Dest": "iframe"}) as framed:
            await framed.get(callback)
        cause = await first_is("keeps no cookies", "C151")
        assert "none" in cause.seen

    async def test_answer_in_another_browser(
        self, app: str, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        async with new_browser(app) as other:
            await other.get(callback)
        await first_is("did not start the launch", "C57")

    async def test_slow_sign_in(
        self, browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        monkeypatch.setattr(pending.PendingLaunch, "expired", lambda *_: True)
        await browser.get(callback)
        await first_is("longer than ten minutes", "C43")

    async def test_redirect_uri_of_another_registration(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        await browser.get(callback.replace("/callback/scripted/", "/callback/other/"))
        await first_is("another registration's redirect URI", "C4")

    async def test_scope_that_the_ehr_does_not_list(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.discovery = {"scopes_supported": ["launch", "openid", "fhirUser", "offline_access"]}
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, code=None, error="invalid_scope"))
        cause = await first_is("does not list", "C39")
        assert "patient/Patient.rs" in cause.seen

    async def test_new_scopes_at_an_older_ehr(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.discovery = {"capabilities": ["launch-ehr", "permission-v1"]}
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, code=None, error="invalid_scope"))
        await first_is("older form of scopes", "C38")


class TestWhoWeAre:
    """The EHR answers `invalid_client` with no reason, as Epic does (pain 1 of the field)."""

    @pytest.fixture(autouse=True)
    def refused(self, ehr: ScriptedEHR) -> None:
        ehr.token_answer = refusing(401, "invalid_client")

    @pytest.mark.parametrize("is_written", [False, True])
    async def test_nothing_wrong_that_can_be_seen(
        self, exchanged: Exchange, *, is_written: bool
    ) -> None:
        """The EHR asked for our keys a moment ago: that counts before it is written, too."""
        await exchanged()
        if is_written:
            await fetches.flush()
        await first_is("client id is not known", "C1")

    async def test_client_id_of_another_environment(
        self, exchanged: Exchange, registered: Endpoint
    ) -> None:
        await in_database(self._second_registration, registered)
        await exchanged()
        cause = await first_is("that of another environment", "C1")
        assert "Production" in cause.seen

    @staticmethod
    def _second_registration(registered: Endpoint) -> None:
        now = timezone.now()
        Registration.objects.create(
            slug="production", name="Production", client_id=CLIENT_ID, scope="launch",
            key_set=registered.registration.key_set, created_at=now, updated_at=now,
        )  # fmt: skip

    async def test_wrong_audience(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        await registration(assertion_audience=f"{ehr.base}/token/")
        await exchanged()
        cause = await first_is("another audience", "C65")
        assert "“/”" in cause.seen

    async def test_audience_is_judged_by_the_address_that_is_used(
        self, exchanged: Exchange, ehr: ScriptedEHR, registered: Endpoint
    ) -> None:
        """C65, C10: an administrator overrode what the EHR publishes wrong."""
        ehr.discovery = {"token_endpoint": f"{ehr.base}/wrong"}
        await in_database(
            EndpointOverride.objects.create, endpoint=registered, member="token_endpoint",
            url=f"{ehr.base}/token", reason="x", set_by="ann", set_at=timezone.now(),
        )  # fmt: skip
        registry.forget()
        await exchanged()
        assert all("audience" not in cause.title for cause in await asked_why())

    @pytest.mark.parametrize("written", ["/token", "../token", " {base}/token "])
    async def test_audience_is_judged_by_the_address_that_is_meant(
        self, exchanged: Exchange, ehr: ScriptedEHR, written: str
    ) -> None:
        ehr.discovery = {"token_endpoint": written.format(base=ehr.base)}
        ehr.token_answer = refusing(401, "invalid_client")
        await exchanged()
        assert all("audience" not in cause.title for cause in await asked_why())

    async def test_athena_without_its_audience(self, exchanged: Exchange) -> None:
        await registration(preset="athena-preview")
        await exchanged()
        await first_is("audience of its own", "C65")

    async def test_clock_that_is_wrong(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        date = (timezone.now() - timedelta(minutes=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        ehr.token_answer = refusing(401, "invalid_client", Date=date)
        await exchanged()
        cause = await first_is("Our clock is wrong", "C66")
        assert "ahead of" in cause.seen

    async def test_algorithm_that_the_ehr_does_not_take(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.discovery = {"token_endpoint_auth_signing_alg_values_supported": ["RS256"]}
        await exchanged()
        await first_is("does not list our algorithm", "C64")

    async def test_method_that_the_ehr_does_not_take(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
        await exchanged()
        await first_is("does not list our way to authenticate", "C61")

    async def test_lists_that_have_what_we_use_are_no_cause(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.discovery = {
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        }
        await exchanged()
        assert [one.rule for one in await asked_why()] == ["C1", "C63"]

    async def test_key_that_was_withdrawn(self, exchanged: Exchange) -> None:
        await exchanged()
        await in_database(self._withdraw)
        await first_is("not published any more", "C63")

    @staticmethod
    def _withdraw() -> None:
        now = timezone.now()
        SigningKey.objects.update(
            sealed_private_key="", slot=None, signs_until=now, withdrawn_at=now
        )

    async def test_jwks_url_that_the_vendor_does_not_have(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.asks_for_keys = False
        await exchanged()
        await first_is("never asked for our keys", "C63")

    async def test_copy_of_our_keys_at_an_ehr_that_fetches_none(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        """And nobody is told to enter a JWKS URL there."""
        ehr.asks_for_keys = False
        await in_database(KeySet.objects.update, imported_by_vendor=True)
        await exchanged()
        cause = await first_is("copy of our keys may not have", "C63")
        sent = [one.detail for one in await timeline() if "assertion_header" in one.detail]
        assert sent[0]["assertion_header"]["kid"] in cause.seen
        assert all("JWKS URL" not in one.fix + one.seen for one in await asked_why())

    async def test_stale_cache_at_the_ehr(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        ehr.asks_for_keys = False
        await in_database(self._fetched_before)
        await exchanged()
        await first_is("still has our older keys", "C63")

    @staticmethod
    def _fetched_before() -> None:
        JWKSFetch.objects.create(
            key_set=KeySet.objects.get(), etag="x", kids=["an-older-key"], address="10.0.0.1",
            user_agent="EHR", first_at=timezone.now(), last_at=timezone.now(), count=1,
        )  # fmt: skip

    async def test_keys_that_only_this_app_has_fetched(
        self, app: str, browser: Browser, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.asks_for_keys = False
        own = {"User-Agent": fetches.OURSELVES}
        await browser.get(ehr.client_jwks_url, headers=own)
        await exchanged()
        await first_is("never asked for our keys", "C63")

    async def test_public_address_that_does_not_show_the_key(self, exchanged: Exchange) -> None:
        await exchanged()
        finding = problem("published-key", "It answered 404.", "Start the server.")
        await first_is(
            "does not show the key that signed", "C63",
            change=lambda known: replace(known, findings={"published-key": finding}),
        )  # fmt: skip

    async def test_live_checks_find_nothing_wrong_here(self, exchanged: Exchange) -> None:
        """They ask our own public address as an EHR would."""
        await exchanged()
        seen = await timeline()
        gathered = await in_database(facts.gather, seen)
        assert gathered.config
        config = gathered.config
        found = await in_database(lambda: http.run(doctor.look_again(config, "published-key")))
        checked = await in_database(facts.gather, seen, found)
        assert checked.findings["published-key"].level == "ok"
        assert checked.problem("published-key") is None

    @pytest.mark.parametrize(
        ("method", "words"),
        [
            (AuthMethod.CLIENT_SECRET_BASIC, "secret is not the vendor's"),
            (AuthMethod.NONE, "expects a client that authenticates"),
        ],
    )
    async def test_secret_that_is_wrong_or_missing(
        self, exchanged: Exchange, method: AuthMethod, words: str
    ) -> None:
        await exchanged()
        seen = await timeline()
        for event in seen:
            if "auth_method" in event.detail:
                event.detail["auth_method"] = method.value
        known = await in_database(facts.gather, seen)
        assert words in causes_of(seen, known)[0].title


class TestWhatCameBack:
    async def test_no_refresh_token_and_the_time_is_over(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.refresh_token, ehr.expires_in = None, 0
        uuid = await browser.launch(ehr_launch())
        await browser.get(f"/launches/{uuid}/")
        await first_is("no refresh token", "C40")

    async def test_grant_that_the_ehr_ended(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.expires_in = 0
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = refusing(400, "invalid_grant")
        await browser.get(f"/launches/{uuid}/")
        await first_is("does not accept the refresh token", "C125")

    async def test_scopes_that_were_not_granted(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.scope = "launch openid fhirUser offline_access patient/Patient.rs"
        await browser.launch(ehr_launch())
        cause = await first_is("granted less", "C82")
        assert "patient/Observation.rs" in cause.seen

    async def test_wrong_patient_names_the_type_that_gave_the_alarm(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """C101: the type, and no id of anybody."""

        async def somebody_else(request: web.Request) -> web.StreamResponse:
            return fhir_json(ehr.resource(request.match_info["path"].replace("p-1", "p-2")))

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = somebody_else
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("answered with another patient", "C101")
        assert "The launch's Patient was asked for" in cause.seen
        page = await in_database(report.AttemptPage, await timeline())
        assert ("Resource type", "Patient") in [line for step in page.steps for line in step.lines]
        assert "p-1" not in page.text
        assert "p-2" not in page.text

    async def test_answer_that_came_and_could_not_be_used_is_not_called_missing(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def nonsense(_: web.Request) -> web.StreamResponse:
            return web.Response(text="<html>")

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = nonsense
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("is not JSON that can be read", "C142")
        assert cause.seen.endswith(": the body is not JSON (at character 0).")

    async def test_launch_that_went_well_has_no_cause(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        await browser.launch(ehr_launch())
        assert await asked_why() == []


def test_difference_names_the_character_and_both_sides() -> None:
    assert difference("a", "a") == "They are equal, byte for byte."
    assert difference("https://e/fhir", "https://e/fhir/") == (
        "They differ from character 15: nothing on one side, “/” on the other."
    )
    assert difference("other", "demo") == "They differ from the first character on."
