"""Where a launch goes and whose signature counts, with an EHR on a real socket: C10 to C16, C91,
C92, T5, T6."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey
from pytest_django import Settings

from smartapp import http
from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.protocol.errors import (
    AddressRefused,
    DiscoveryError,
    DiscoveryFailed,
    DiscoveryIncomplete,
    DiscoveryInvalid,
    EHRRedirected,
    EHRResponseTooLarge,
    EHRUnreachable,
    EndpointHostChanged,
    IDTokenError,
    JWKSError,
    JWKSUnavailable,
)
from smartapp.registrations import discovery, registry
from smartapp.registrations.models import DiscoverySnapshot, Endpoint
from smartapp.registrations.registry import EndpointConfig
from tests.registrations.ehr import EHR, KEY
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)


async def registered(ehr: EHR, **fields: Any) -> EndpointConfig:
    values = {
        "fhir_base_url": ehr.base,
        "issuers": [ehr.issuer],
        "pinned_hosts": [ehr.host],
    }
    await in_database(make_endpoint, **values | fields)
    return await registry.endpoint_for_slug("general")


async def restarted() -> None:
    """What a new process knows: nothing."""
    discovery.forget()
    await http.close()


def half_a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is up for which a refused document is kept."""
    monkeypatch.setattr(discovery._documents, "_clock", lambda: time.monotonic() + 31)


class TestLaunchEndpoints:
    async def test_they_are_what_the_ehr_publishes_below_its_base(self, ehr: EHR) -> None:
        """C10: not at the host's root, where athenahealth has none."""
        ehr.publish(revocation_endpoint=f"{ehr.origin}/revoke")
        config = await registered(ehr)

        endpoints = await discovery.launch_endpoints(config)

        assert endpoints.authorization_endpoint == f"{ehr.origin}/authorize"
        assert endpoints.token_endpoint == f"{ehr.origin}/token"
        assert endpoints.revocation_endpoint == f"{ehr.origin}/revoke"
        assert endpoints.issuers == (ehr.issuer,)
        assert endpoints.capabilities == {"launch-ehr", "launch-standalone"}
        assert list(ehr.asked) == ["/fhir/r4/.well-known/smart-configuration"]

    async def test_a_warm_process_asks_nobody(self, ehr: EHR) -> None:
        config = await registered(ehr)
        first = await discovery.launch_endpoints(config)

        assert await discovery.launch_endpoints(config) == first
        assert ehr.discoveries == 1

    async def test_a_cold_process_asks_once_for_all(self, ehr: EHR) -> None:
        config = await registered(ehr)

        await asyncio.gather(*(discovery.launch_endpoints(config) for _ in range(64)))

        assert ehr.discoveries == 1

    async def test_the_ehr_may_shorten_the_trust(self, ehr: EHR) -> None:
        """C15: its own Cache-Control."""
        ehr.publish(cache_control="no-cache")
        config = await registered(ehr)

        await discovery.launch_endpoints(config)
        await discovery.launch_endpoints(config)

        assert ehr.discoveries == 2

    async def test_trust_of_zero_seconds_asks_every_time(
        self, ehr: EHR, settings: Settings
    ) -> None:
        settings.DISCOVERY_CACHE_SECONDS = 0
        ehr.publish(cache_control="max-age=600")
        config = await registered(ehr)

        await discovery.launch_endpoints(config)
        await discovery.launch_endpoints(config)

        assert ehr.discoveries == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"authorization_endpoint": None},
            {"token_endpoint": None},
            {"code_challenge_methods_supported": None},
            {"code_challenge_methods_supported": ["plain"]},
        ],
    )
    async def test_an_ehr_without_what_a_safe_launch_needs_is_refused(
        self, ehr: EHR, change: dict[str, Any]
    ) -> None:
        """C12, T5: never without S256."""
        ehr.publish(**change)
        config = await registered(ehr)

        with pytest.raises(DiscoveryIncomplete):
            await discovery.launch_endpoints(config)

    async def test_outside_development_an_http_endpoint_is_refused(
        self, ehr: EHR, settings: Settings
    ) -> None:
        """C11, C15. A stored document that the rules refuse now does not stand in: loopback is
        refused too then, and that is what is said."""
        ehr.publish(token_endpoint="http://login.example/token")
        config = await registered(ehr, pinned_hosts=[ehr.host, "login.example"])
        await discovery.launch_endpoints(config)
        await restarted()
        settings.ALLOW_LOOPBACK_EHRS = False

        with pytest.raises(AddressRefused):
            await discovery.launch_endpoints(config)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (404, {}),
            (500, {}),
            (200, b"<html>"),
            (200, b""),
            (200, b"null"),
            (200, b'["S256"]'),
            (200, b'{"token_endpoint":"https://a.example","token_endpoint":"https://b.example"}'),
            (200, b'{"x":' * 65 + b"1" + b"}" * 65),
            (200, b'{"x":NaN}'),
            (200, b'{"x":"\xff"}'),
            (200, b'{"x":"\\u0000"}'),
            (200, {"token_endpoint": 7}),
            (200, {"token_endpoint": {"url": "https://a.example"}}),
            (200, {"authorization_endpoint": "javascript:alert(1)"}),
            (200, {"authorization_endpoint": "https://user:password@ehr.example/a"}),
        ],
    )
    async def test_an_answer_that_is_no_discovery_document_is_refused(
        self, ehr: EHR, status: int, body: Any
    ) -> None:
        """T25: strict JSON, whose members are what they must be."""
        ehr.answers["/fhir/r4/.well-known/smart-configuration"] = status, body, {}
        config = await registered(ehr)

        with pytest.raises(DiscoveryInvalid):
            await discovery.launch_endpoints(config)

    async def test_ten_megabytes_are_not_read(self, ehr: EHR) -> None:
        """C15, T25."""
        huge = b'{"x":"' + b"x" * 10_000_000 + b'"}'
        ehr.answers["/fhir/r4/.well-known/smart-configuration"] = 200, huge, {}
        config = await registered(ehr)

        with pytest.raises(EHRResponseTooLarge):
            await discovery.launch_endpoints(config)

    async def test_an_answer_from_elsewhere_is_not_followed(self, ehr: EHR) -> None:
        """C15."""
        elsewhere = {"Location": f"{ehr.origin}/issuer/.well-known/openid-configuration"}
        ehr.answers["/fhir/r4/.well-known/smart-configuration"] = 302, b"", elsewhere
        config = await registered(ehr)

        with pytest.raises(EHRRedirected):
            await discovery.launch_endpoints(config)
        assert ehr.asked.total() == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"capabilities": "launch-ehr"},
            {"capabilities": [1, {}, None, "launch-ehr"]},
            {"scopes_supported": 7},
            {"issuer": ["https://a.example"]},
            {"introspection_endpoint": 7},
            {"revocation_endpoint": "javascript:alert(1)"},
            {"authorization_response_iss_parameter_supported": "maybe"},
        ],
    )
    async def test_members_of_a_wrong_type_that_no_launch_needs_count_as_missing(
        self, ehr: EHR, change: dict[str, Any]
    ) -> None:
        """T25, C13: they only make us ask for less."""
        ehr.publish(**change)
        launch = await discovery.launch_endpoints(await registered(ehr))

        assert launch.capabilities <= {"launch-ehr", "launch-standalone"}
        assert launch.introspection_endpoint is None
        assert launch.revocation_endpoint is None

    async def test_an_epic_ehr_is_told_who_asks(self, ehr: EHR) -> None:
        """C16: otherwise it may name other endpoints."""
        registration = await in_database(make_registration, preset="epic", client_id="abc")
        config = await registered(ehr, registration=registration)

        await discovery.launch_endpoints(config)

        headers = ehr.headers["/fhir/r4/.well-known/smart-configuration"]
        assert headers["Epic-Client-ID"] == "abc"

    async def test_a_changed_base_is_another_ehr(self, ehr: EHR) -> None:
        config = await registered(ehr)
        await discovery.launch_endpoints(config)
        await in_database(lambda: Endpoint.objects.update(fhir_base_url=f"{ehr.origin}/other"))
        registry.forget()

        with pytest.raises(DiscoveryInvalid):
            await discovery.launch_endpoints(await registry.endpoint_for_slug("general"))


class TestPinnedHosts:
    """C14, T6: a poisoned discovery document sends nobody anywhere."""

    @pytest.mark.parametrize("member", ["authorization_endpoint", "token_endpoint"])
    async def test_another_host_blocks_launches(self, ehr: EHR, member: str) -> None:
        config = await registered(ehr)
        ehr.publish(**{member: "https://evil.example/x"})

        with pytest.raises(EndpointHostChanged):
            await discovery.launch_endpoints(config)

    async def test_another_port_is_another_host(self, ehr: EHR) -> None:
        config = await registered(ehr)
        ehr.publish(token_endpoint="http://127.0.0.1:1/token")

        with pytest.raises(EndpointHostChanged):
            await discovery.launch_endpoints(config)

    @pytest.mark.parametrize(
        "member",
        [
            "management_endpoint", "end_session_endpoint", "introspection_endpoint",
            "revocation_endpoint", "jwks_uri",
        ],
    )  # fmt: skip
    async def test_another_host_of_what_launches_do_without_is_not_used(
        self, ehr: EHR, member: str
    ) -> None:
        """A patient portal stands on another host as a rule; no launch needs it."""
        config = await registered(ehr)
        ehr.publish(**{member: "https://evil.example/x"})

        launch = await discovery.launch_endpoints(config)
        assert "evil.example" not in str(launch)
        assert "evil.example" not in str(await discovery.logout_endpoint(config))

    @pytest.mark.parametrize(
        "refused",
        [
            {"token_endpoint": "https://evil.example/x"},
            {"token_endpoint": None},
            {"code_challenge_methods_supported": ["plain"]},
        ],
    )
    async def test_a_refused_document_is_never_the_fallback(
        self, ehr: EHR, refused: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Good, then one that is refused, then none at all: the good one stands in."""
        config = await registered(ehr)
        good = await discovery.launch_endpoints(config)
        ehr.publish(**refused)
        await restarted()
        with pytest.raises(DiscoveryError):
            await discovery.launch_endpoints(config)
        ehr.break_down()
        half_a_minute_later(monkeypatch)

        assert await discovery.launch_endpoints(config) == good
        await restarted()
        assert await discovery.launch_endpoints(config) == good

    async def test_what_is_asked_in_vain_is_named_in_the_log_as_people_know_it(
        self, ehr: EHR, caplog: pytest.LogCaptureFixture
    ) -> None:
        config = await registered(ehr)
        ehr.break_down()
        with pytest.raises(DiscoveryFailed):
            await discovery.launch_endpoints(config)
        assert f"Asking for {config.fhir_base_url}: discovery-unavailable" in caplog.text

    async def test_with_no_good_one_in_a_day_the_failure_is_said(self, ehr: EHR) -> None:
        config = await registered(ehr)
        ehr.publish(token_endpoint="https://evil.example/x", cache_control="no-cache")
        with pytest.raises(EndpointHostChanged):
            await discovery.launch_endpoints(config)
        ehr.break_down()

        with pytest.raises(DiscoveryFailed):
            await discovery.launch_endpoints(config)

    async def test_an_ehr_that_is_right_again_launches_again(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A refused document is asked for again within half a minute, whatever its age may be."""
        config = await registered(ehr)
        ehr.publish(token_endpoint="https://evil.example/x", cache_control="max-age=3600")
        with pytest.raises(EndpointHostChanged):
            await discovery.launch_endpoints(config)
        ehr.publish()
        half_a_minute_later(monkeypatch)

        launch = await discovery.launch_endpoints(config)
        assert launch.token_endpoint == f"{ehr.origin}/token"

    async def test_zero_seconds_ask_every_time_also_after_a_failure(
        self, ehr: EHR, settings: Settings
    ) -> None:
        settings.DISCOVERY_CACHE_SECONDS = 0
        config = await registered(ehr)
        await discovery.launch_endpoints(config)
        ehr.break_down()
        for asked in (2, 3):
            await discovery.launch_endpoints(config)
            assert ehr.discoveries == asked

    async def test_once_accepted_it_launches_at_once(self, ehr: EHR) -> None:
        config = await registered(ehr)
        ehr.publish(token_endpoint="https://new.example/x")
        with pytest.raises(EndpointHostChanged):
            await discovery.launch_endpoints(config)

        hosts = [ehr.host, "new.example"]
        await in_database(lambda: Endpoint.objects.update(pinned_hosts=hosts))
        registry.forget()

        endpoints = await discovery.launch_endpoints(await registry.endpoint_for_slug("general"))
        assert endpoints.token_endpoint == "https://new.example/x"
        assert ehr.discoveries == 1

    async def test_with_nothing_pinned_nobody_launches_and_nobody_is_asked(self, ehr: EHR) -> None:
        config = await registered(ehr, pinned_hosts=[])

        with pytest.raises(DiscoveryError, match="never read"):
            await discovery.launch_endpoints(config)
        assert not ehr.asked


class TestHistory:
    async def test_it_grows_only_when_the_document_changes(self, ehr: EHR) -> None:
        config = await registered(ehr)
        for capabilities in (["a"], ["a"], ["b"], ["a"]):
            ehr.publish(capabilities=capabilities)
            await restarted()
            await discovery.launch_endpoints(config)

        assert await in_database(DiscoverySnapshot.objects.count) == 3

    async def test_the_order_of_members_is_no_change(self, ehr: EHR) -> None:
        config = await registered(ehr)
        await discovery.launch_endpoints(config)
        path = "/fhir/r4/.well-known/smart-configuration"
        status, document, headers = ehr.answers[path]
        ehr.answers[path] = status, dict(reversed(document.items())), headers
        await restarted()

        await discovery.launch_endpoints(config)

        assert await in_database(DiscoverySnapshot.objects.count) == 1

    async def test_a_document_that_always_changes_does_not_fill_the_database(
        self, ehr: EHR
    ) -> None:
        config = await registered(ehr)
        for number in range(25):
            ehr.publish(number=number)
            await restarted()
            await discovery.launch_endpoints(config)

        snapshots = await in_database(lambda: list(DiscoverySnapshot.objects.all()))
        assert len(snapshots) == 20
        assert snapshots[0].document["number"] == 24


class TestStaleIfError:
    """C15: an EHR that is down for an hour does not end sign-in for the day."""

    async def test_a_restarted_process_launches_from_the_stored_document(self, ehr: EHR) -> None:
        config = await registered(ehr)
        first = await discovery.launch_endpoints(config)
        ehr.break_down()
        await restarted()

        assert await discovery.launch_endpoints(config) == first

    async def test_the_same_when_nothing_listens(self, ehr: EHR) -> None:
        config = await registered(ehr)
        first = await discovery.launch_endpoints(config)
        await restarted()
        await ehr.stop()

        assert await discovery.launch_endpoints(config) == first

    async def test_a_document_last_seen_a_day_ago_is_too_old(self, ehr: EHR) -> None:
        config = await registered(ehr)
        await discovery.launch_endpoints(config)

        def age() -> None:
            for snapshot in DiscoverySnapshot.objects.all():
                snapshot.last_seen_at -= timedelta(hours=24)
                snapshot.save(update_fields=["last_seen_at"])

        await in_database(age)
        await restarted()
        await ehr.stop()

        with pytest.raises(EHRUnreachable):
            await discovery.launch_endpoints(config)

    async def test_an_ehr_that_is_down_is_not_asked_by_every_launch(self, ehr: EHR) -> None:
        config = await registered(ehr)
        await discovery.launch_endpoints(config)
        ehr.break_down()
        await restarted()
        for _ in range(3):
            await discovery.launch_endpoints(config)

        assert ehr.discoveries == 2


class TestIssuerKeys:
    async def test_they_are_those_that_the_openid_configuration_names(self, ehr: EHR) -> None:
        """C91."""
        config = await registered(ehr)

        keys = await discovery.issuer_jwks(config, ehr.issuer)

        assert keys.find("key-1", "ES384").kid == "key-1"
        assert list(ehr.asked) == ["/issuer/.well-known/openid-configuration", "/issuer/keys"]

    async def test_an_unexpected_issuer_is_never_asked(self, ehr: EHR) -> None:
        """C91: an id_token of a stranger must not make us fetch from the stranger."""
        config = await registered(ehr, issuers=["https://login.example"])

        with pytest.raises(IDTokenError) as caught:
            await discovery.issuer_jwks(config, ehr.issuer)
        assert caught.value.rule == "iss"
        assert not ehr.asked

    async def test_each_expected_issuer_is_asked_for_its_own(self, ehr: EHR) -> None:
        """C93: vendors change the form of theirs, and for a while both are right."""
        config = await registered(ehr, issuers=["https://old.example/oauth2", ehr.issuer])

        keys = await discovery.issuer_jwks(config, ehr.issuer)
        assert keys.find("key-1", "ES384").kid == "key-1"

    async def test_a_warm_process_asks_nobody(self, ehr: EHR) -> None:
        config = await registered(ehr)
        for _ in range(3):
            await discovery.issuer_jwks(config, ehr.issuer)

        assert ehr.asked.total() == 2

    async def test_an_unknown_kid_fetches_them_again_once_a_minute(self, ehr: EHR) -> None:
        """C92."""
        config = await registered(ehr)
        await discovery.issuer_jwks(config, ehr.issuer)
        ehr.publish_keys(KEY, ECKey.generate_key("P-384", {"kid": "key-2"}))

        keys = await discovery.issuer_jwks(config, ehr.issuer, force=True)
        await discovery.issuer_jwks(config, ehr.issuer, force=True)

        assert keys.find("key-2", "ES384").kid == "key-2"
        assert ehr.key_fetches == 2

    async def test_an_issuer_about_to_rotate_is_asked_every_time(self, ehr: EHR) -> None:
        """C92: Okta sends no-cache then."""
        ehr.publish_keys(KEY, cache_control="no-cache")
        config = await registered(ehr)
        for _ in range(3):
            await discovery.issuer_jwks(config, ehr.issuer)

        assert ehr.key_fetches == 3

    async def test_while_the_issuer_is_down_the_last_keys_serve(self, ehr: EHR) -> None:
        ehr.publish_keys(KEY, cache_control="max-age=0")
        config = await registered(ehr)
        first = await discovery.issuer_jwks(config, ehr.issuer)
        ehr.break_down()

        assert await discovery.issuer_jwks(config, ehr.issuer) == first

    async def test_a_configuration_of_another_issuer_is_refused(self, ehr: EHR) -> None:
        ehr.publish_issuer(jwks_uri=f"{ehr.issuer}/keys", issuer=f"{ehr.issuer}/")
        config = await registered(ehr)

        with pytest.raises(JWKSError, match=r"Keys of the issuer \(JWKS\)"):
            await discovery.issuer_jwks(config, ehr.issuer)
        assert ehr.key_fetches == 0

    OPENID = "/issuer/.well-known/openid-configuration"

    @pytest.mark.parametrize(
        "answer",
        [
            (404, {}, {}), (400, b"", {}), (200, b"<html>", {}), (200, {"issuer": "x"}, {}),
            (302, b"", {"Location": "/login"}),
        ],
    )  # fmt: skip
    async def test_without_an_openid_configuration_the_smart_configuration_names_them(
        self, ehr: EHR, answer: tuple[int, Any, dict[str, str]]
    ) -> None:
        """C91: as at Canvas, NextGen Enterprise, eClinicalWorks, Practice Fusion."""
        ehr.publish(jwks_uri=f"{ehr.issuer}/keys")
        ehr.answers[self.OPENID] = answer
        config = await registered(ehr)

        for _ in range(3):
            keys = await discovery.issuer_jwks(config, ehr.issuer)
        assert keys.find("key-1", "ES384").kid == "key-1"
        assert ehr.asked[self.OPENID] == 1, "a warm process asks nobody"

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_an_issuer_that_has_a_problem_is_waited_for(self, ehr: EHR, status: int) -> None:
        """Its own keys may be others than those of the SMART configuration."""
        ehr.publish(jwks_uri=f"{ehr.issuer}/keys")
        ehr.answers[self.OPENID] = status, {}, {}
        config = await registered(ehr)

        with pytest.raises(JWKSUnavailable):
            await discovery.issuer_jwks(config, ehr.issuer)
        assert ehr.key_fetches == 0

    async def test_keys_of_the_smart_configuration_are_on_a_pinned_host_too(self, ehr: EHR) -> None:
        """C14."""
        ehr.publish(jwks_uri="https://evil.example/keys")
        ehr.answers.pop(self.OPENID)
        config = await registered(ehr)

        with pytest.raises(EndpointHostChanged):
            await discovery.issuer_jwks(config, ehr.issuer)

    async def test_a_document_about_another_issuer_names_no_keys_of_this_one(
        self, ehr: EHR
    ) -> None:
        ehr.publish(jwks_uri=f"{ehr.issuer}/keys", issuer="https://other.example")
        ehr.answers.pop(self.OPENID)
        config = await registered(ehr)

        with pytest.raises(JWKSError, match="names no keys for it"):
            await discovery.issuer_jwks(config, ehr.issuer)

    async def test_keys_on_a_host_that_is_not_pinned_are_not_fetched(self, ehr: EHR) -> None:
        """C14."""
        ehr.publish_issuer(jwks_uri="https://evil.example/keys")
        config = await registered(ehr)

        with pytest.raises(EndpointHostChanged):
            await discovery.issuer_jwks(config, ehr.issuer)

    async def test_keys_that_are_none_are_refused(self, ehr: EHR) -> None:
        ehr.answers["/issuer/keys"] = 200, b"[]", {}
        config = await registered(ehr)

        with pytest.raises(JWKSError):
            await discovery.issuer_jwks(config, ehr.issuer)


class TestRefreshAhead:
    async def test_what_was_never_read_is_read_and_pinned(self, ehr: EHR) -> None:
        """C14: the EHR did not answer when it was registered; it does now."""
        await registered(ehr, pinned_hosts=[], issuers=[])

        await discovery.refresh_ahead()

        config = await registry.endpoint_for_slug("general")
        assert config.pinned_hosts == {ehr.host}
        assert config.issuers == (ehr.issuer,)
        event = await in_database(AuditEvent.objects.get)
        assert (event.actor, event.action) == ("maintain", "discovery.pin")
        assert (await discovery.launch_endpoints(config)).issuers == (ehr.issuer,)

    async def test_what_was_read_a_moment_ago_is_left_alone(self, ehr: EHR) -> None:
        await registered(ehr)
        await discovery.refresh_ahead()
        await discovery.refresh_ahead()

        assert ehr.discoveries == 1

    async def test_what_was_read_long_ago_is_read_again(self, ehr: EHR) -> None:
        await registered(ehr)
        await discovery.refresh_ahead()

        def age() -> None:
            for snapshot in DiscoverySnapshot.objects.all():
                snapshot.last_seen_at -= timedelta(minutes=46)
                snapshot.save(update_fields=["last_seen_at"])

        await in_database(age)
        await discovery.refresh_ahead()

        assert ehr.discoveries == 2

    async def test_a_changed_host_is_reported_and_never_pinned(
        self, ehr: EHR, caplog: pytest.LogCaptureFixture
    ) -> None:
        await registered(ehr)
        ehr.publish(token_endpoint="https://evil.example/x")

        await discovery.refresh_ahead()

        assert "evil.example" in caplog.text
        assert (await registry.endpoint_for_slug("general")).pinned_hosts == {ehr.host}

    async def test_many_that_hang_end_with_the_round_and_what_is_in_use_comes_first(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery, "REFRESHING_SECONDS", 0.5)
        asked: list[str] = []

        async def hangs(config: EndpointConfig, **_: object) -> None:
            asked.append(config.slug)
            await asyncio.sleep(60)

        monkeypatch.setattr(discovery, "pin_first", hangs)
        registration = (
            await in_database(
                make_endpoint, "first", fhir_base_url="https://x.example/r4", pinned_hosts=[]
            )
        ).registration
        for number in range(20):
            base = f"https://dead{number}.example/r4"
            await in_database(
                make_endpoint, f"dead-{number}", registration=registration, fhir_base_url=base,
                pinned_hosts=[],
            )  # fmt: skip
        await registered(ehr)
        await discovery.refresh_ahead()
        assert ehr.discoveries == 1
        assert len(asked) <= discovery.REFRESHED_AT_ONCE

    async def test_one_ehr_that_is_down_does_not_stop_the_others(self, ehr: EHR) -> None:
        await in_database(make_endpoint, "down", fhir_base_url="http://127.0.0.1:1/r4")
        await registered(ehr, pinned_hosts=[])

        await discovery.refresh_ahead()

        assert (await registry.endpoint_for_slug("general")).pinned_hosts == {ehr.host}
