"""An administrator knows an address better than the EHR's discovery, says why, and may take it
back: C10, C14, C91."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.protocol.errors import DiscoveryInvalid, EndpointHostChanged
from smartapp.registrations import discovery, registering, registry, trust
from smartapp.registrations.models import Endpoint, EndpointOverride
from smartapp.registrations.registry import EndpointConfig
from tests.registrations.ehr import EHR, KEY
from tests.registrations.factories import NOW, make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = "/.well-known/smart-configuration"
BELOW_BASE = "/fhir/r4/.well-known/smart-configuration"


async def registered(ehr: EHR, **fields: Any) -> None:
    values = {"fhir_base_url": ehr.base, "issuers": [ehr.issuer], "pinned_hosts": [ehr.host]}
    await in_database(make_endpoint, **values | fields)


async def config() -> EndpointConfig:
    return await registry.endpoint_for_slug("general")


def put(member: str, url: str, reason: str = "the vendor says so") -> None:
    override = EndpointOverride(
        endpoint=Endpoint.objects.get(), member=member, url=url, reason=reason
    )
    trust.put_override(override, now=NOW, actor="ann")


async def overridden(member: str, url: str) -> EndpointConfig:
    await in_database(put, member, url)
    return await config()


class TestWhatIsUsed:
    async def test_a_launch_goes_to_the_address_and_keeps_the_others(self, ehr: EHR) -> None:
        await registered(ehr)
        launch = await discovery.launch_endpoints(
            await overridden("token_endpoint", "https://token.example/t")
        )

        assert launch.token_endpoint == "https://token.example/t"
        assert launch.authorization_endpoint == f"{ehr.origin}/authorize"

    @pytest.mark.parametrize("member", ["introspection_endpoint", "revocation_endpoint"])
    async def test_an_address_that_the_ehr_does_not_publish_can_be_given(
        self, ehr: EHR, member: str
    ) -> None:
        await registered(ehr)
        launch = await discovery.launch_endpoints(await overridden(member, "https://x.example/i"))

        assert getattr(launch, member) == "https://x.example/i"

    async def test_discovery_can_be_at_the_root_of_the_host(self, ehr: EHR) -> None:
        """C10: MEDITECH's was seen there."""
        ehr.answers[ROOT] = ehr.answers.pop(BELOW_BASE)
        await registered(ehr, pinned_hosts=[], issuers=[])
        with pytest.raises(DiscoveryInvalid):
            await discovery.pin_first(await config(), actor="x")

        await discovery.pin_first(
            await overridden("smart-configuration", ehr.origin + ROOT), actor="x"
        )

        launch = await discovery.launch_endpoints(await config())
        assert launch.token_endpoint == f"{ehr.origin}/token"
        assert launch.issuers == (ehr.issuer,)

    async def test_the_issuers_keys_are_read_there_and_its_configuration_is_not(
        self, ehr: EHR
    ) -> None:
        """C91: athenahealth shows keys to those who name their client id."""
        ehr.answers["/keys"] = ehr.answers.pop("/issuer/keys")
        await registered(ehr)
        keys = await discovery.issuer_jwks(
            await overridden("jwks_uri", f"{ehr.origin}/keys?client_id=abc"), ehr.issuer
        )

        assert keys.find("key-1", "ES384").kid == KEY.kid
        assert list(ehr.asked) == ["/keys"]

    async def test_a_process_that_remembers_the_document_uses_it_at_once(self, ehr: EHR) -> None:
        await registered(ehr)
        await discovery.launch_endpoints(await config())
        launch = await discovery.launch_endpoints(
            await overridden("token_endpoint", "https://token.example/t")
        )
        assert launch.token_endpoint == "https://token.example/t"

        await in_database(
            trust.remove_override, launch_endpoint_id(), "token_endpoint", actor="ann"
        )
        launch = await discovery.launch_endpoints(await config())
        assert launch.token_endpoint == f"{ehr.origin}/token"

    async def test_what_was_not_read_while_it_was_overridden_is_read_then(self, ehr: EHR) -> None:
        await registered(ehr)
        used = await overridden("token_endpoint", "https://token.example/t")
        await discovery.launch_endpoints(used)

        await in_database(trust.remove_override, used.endpoint_id, "token_endpoint", actor="ann")
        launch = await discovery.launch_endpoints(await config())
        assert launch.token_endpoint == f"{ehr.origin}/token"

    @pytest.mark.parametrize("published", ["https://evil.example/t", "ftp://x", "http://%", 7])
    async def test_what_the_ehr_publishes_there_no_longer_counts(
        self, ehr: EHR, published: object
    ) -> None:
        await registered(ehr)
        ehr.publish(token_endpoint=published)
        launch = await discovery.launch_endpoints(
            await overridden("token_endpoint", f"{ehr.origin}/token")
        )

        assert launch.token_endpoint == f"{ehr.origin}/token"

    async def test_what_was_read_elsewhere_does_not_stand_in(self, ehr: EHR) -> None:
        """C15: stale-if-error is for the same address only."""
        await registered(ehr)
        await discovery.launch_endpoints(await config())
        discovery.forget()

        with pytest.raises(DiscoveryInvalid):
            await discovery.launch_endpoints(
                await overridden("smart-configuration", f"{ehr.origin}/nothing")
            )


def launch_endpoint_id() -> int:
    return registry._snapshot.configs["slug", "general"].endpoint_id


class TestHosts:
    """C14: who names an address has named its host, and nothing else is accepted with it."""

    async def test_its_host_needs_no_other_yes(self, ehr: EHR) -> None:
        await registered(ehr)
        used = await overridden("token_endpoint", "https://token.example/t")

        discovery.check_hosts(used, {"token.example"})
        with pytest.raises(EndpointHostChanged):
            discovery.check_hosts(used, {"other.example"})

    async def test_taken_back_its_host_is_a_stranger_again(self, ehr: EHR) -> None:
        await registered(ehr)
        used = await overridden("token_endpoint", "https://token.example/t")
        await in_database(trust.remove_override, used.endpoint_id, "token_endpoint", actor="ann")

        with pytest.raises(EndpointHostChanged):
            discovery.check_hosts(await config(), {"token.example"})

    async def test_the_first_look_pins_what_the_ehr_names_and_not_the_override(
        self, ehr: EHR
    ) -> None:
        await registered(ehr, pinned_hosts=[], issuers=[])
        await discovery.pin_first(
            await overridden("token_endpoint", "https://token.example/t"), actor="x"
        )

        assert (await in_database(Endpoint.objects.get)).pinned_hosts == [ehr.host]

    async def test_where_keys_are_overridden_the_issuer_need_not_publish_where_they_are(
        self, ehr: EHR
    ) -> None:
        """C91: neither a warning nor a host of a configuration that nobody reads."""
        ehr.publish_issuer(jwks_uri="https://keys.example/k")
        await registered(ehr, pinned_hosts=[])
        observation = await discovery.pin_first(
            await overridden("jwks_uri", f"{ehr.origin}/keys"), actor="x"
        )

        assert observation.warnings == ()
        assert (await in_database(Endpoint.objects.get)).pinned_hosts == [ehr.host]

    async def test_another_host_in_discovery_still_blocks(self, ehr: EHR) -> None:
        await registered(ehr)
        ehr.publish(authorization_endpoint="https://evil.example/a")

        with pytest.raises(EndpointHostChanged):
            await discovery.launch_endpoints(
                await overridden("token_endpoint", "https://token.example/t")
            )


class TestTakenBack:
    """What a mistyped SMART configuration named must not outlive it: C14."""

    @pytest.mark.parametrize("entered", [None, ["https://mine.example"]])
    async def test_what_was_pinned_from_it_is_pinned_anew(
        self, ehr: EHR, entered: list[str] | None
    ) -> None:
        await registered(ehr, pinned_hosts=[], issuers=entered or [])
        document = ehr.answers[BELOW_BASE]
        ehr.answers["/typo"] = document
        ehr.publish(token_endpoint="https://evil.example/t", issuer="https://evil.example")
        ehr.answers["/typo"] = ehr.answers[BELOW_BASE]
        ehr.answers[BELOW_BASE] = document
        used = await overridden("smart-configuration", f"{ehr.origin}/typo")
        await discovery.pin_first(used, actor="x")
        endpoint = await in_database(Endpoint.objects.get)
        assert "evil.example" in endpoint.pinned_hosts
        assert endpoint.issuers == (entered or ["https://evil.example"])

        await in_database(
            trust.remove_override, used.endpoint_id, "smart-configuration", actor="bob"
        )

        endpoint = await in_database(Endpoint.objects.get)
        assert (endpoint.pinned_hosts, endpoint.issuers) == ([], entered or [])
        event = await in_database(AuditEvent.objects.get, action="discovery.unpin")
        assert (event.actor, "evil.example" in event.detail["hosts"]) == ("bob", True)
        await discovery.pin_first(await config(), actor="x")
        endpoint = await in_database(Endpoint.objects.get)
        assert "evil.example" not in endpoint.pinned_hosts

    async def test_another_address_unpins_nothing(self, ehr: EHR) -> None:
        await registered(ehr)
        used = await overridden("token_endpoint", f"{ehr.origin}/t")
        await in_database(trust.remove_override, used.endpoint_id, "token_endpoint", actor="bob")

        endpoint = await in_database(Endpoint.objects.get)
        assert (endpoint.pinned_hosts, endpoint.issuers) == ([ehr.host], [ehr.issuer])


class TestWhoAndWhy:
    def test_the_row_and_the_trail_say_who_when_why_old_and_new(self) -> None:
        make_endpoint()
        put("smart-configuration", "https://ehr.example/x", "ticket 4711")

        row = EndpointOverride.objects.get()
        before = "https://ehr.example/fhir/r4/.well-known/smart-configuration"
        assert (row.set_by, row.set_at, row.reason) == ("ann", NOW, "ticket 4711")
        assert (row.before, row.url) == (before, "https://ehr.example/x")
        event = AuditEvent.objects.get()
        assert (event.actor, event.action, event.target) == (
            "ann", "override.set", "endpoint general",
        )  # fmt: skip
        assert event.detail == {
            "member": "smart-configuration",
            "before": before,
            "after": "https://ehr.example/x",
            "reason": "ticket 4711",
        }

    async def test_what_was_used_before_is_what_the_ehr_published(self, ehr: EHR) -> None:
        await registered(ehr)
        await discovery.launch_endpoints(await config())
        await overridden("token_endpoint", "https://token.example/t")

        row = await in_database(EndpointOverride.objects.get)
        assert row.before == f"{ehr.origin}/token"

    def test_another_override_replaces_it_and_says_so(self) -> None:
        make_endpoint()
        put("token_endpoint", "https://one.example/t")
        put("token_endpoint", "https://two.example/t")

        row = EndpointOverride.objects.get()
        assert (row.before, row.url) == ("https://one.example/t", "https://two.example/t")

    def test_taking_it_back_is_in_the_trail_once(self) -> None:
        endpoint = make_endpoint()
        put("token_endpoint", "https://one.example/t")
        trust.remove_override(endpoint.pk, "token_endpoint", actor="bob")
        trust.remove_override(endpoint.pk, "token_endpoint", actor="bob")

        assert not EndpointOverride.objects.exists()
        event = AuditEvent.objects.get(action="override.unset")
        assert (event.actor, event.detail["before"]) == ("bob", "https://one.example/t")

    @pytest.mark.parametrize("known", [True, False])
    def test_an_endpoint_that_moves_leaves_them_behind(self, known: bool) -> None:
        """Another base is another EHR."""
        endpoint = make_endpoint(pinned_hosts=["ehr.example"] if known else [])
        put("token_endpoint", "https://one.example/t")
        registering.set_base(endpoint, "https://other.example/r4")
        registering.move(endpoint, actor="ann")
        registering.store_endpoint(endpoint, actor="ann")

        assert not EndpointOverride.objects.filter(endpoint__enabled=True).exists()
        assert Endpoint.objects.count() == 1 + known

    def test_an_endpoint_that_stays_keeps_them(self) -> None:
        endpoint = make_endpoint()
        put("token_endpoint", "https://one.example/t")
        registering.set_base(endpoint, f"{endpoint.fhir_base_url}/")
        registering.move(endpoint, actor="ann")
        registering.store_endpoint(endpoint, actor="ann")

        assert EndpointOverride.objects.filter(endpoint__enabled=True).exists()


@pytest.mark.parametrize(
    ("member", "url", "reason"),
    [
        ("token_endpoint", "http://token.example/t", "x"),
        ("token_endpoint", "https://10.0.0.1/t", "x"),
        ("token_endpoint", "https://169.254.169.254/t", "x"),
        ("token_endpoint", "https://u:p@token.example/t", "x"),
        ("token_endpoint", "https://token.example/t#x", "x"),
        ("token_endpoint", "https://*.example/t", "x"),
        ("token_endpoint", "/t", "x"),
        ("token_endpoint", "", "x"),
        ("token_endpoint", "https://token.example/t", ""),
        ("management_endpoint", "https://token.example/t", "x"),
    ],
)
def test_it_passes_the_checks_of_every_other_address(member: str, url: str, reason: str) -> None:
    make_endpoint()

    with pytest.raises(ValidationError):
        put(member, url, reason)
    assert not EndpointOverride.objects.exists()


def test_this_machine_is_for_development(settings: Settings) -> None:
    """C15."""
    make_endpoint()
    put("token_endpoint", "http://127.0.0.1:8000/t")
    settings.ALLOW_LOOPBACK_EHRS = False

    with pytest.raises(ValidationError):
        put("token_endpoint", "http://127.0.0.1:8000/t")


async def test_each_endpoint_has_its_own() -> None:
    """Of a 2-legged registration the first endpoint is asked for tokens, and not with what is
    overridden for another."""

    def rows() -> EndpointConfig:
        registration = make_registration("b", scope="system/Patient.rs", standalone_scope="")
        for slug in ("one", "two"):
            endpoint = make_endpoint(slug, registration=registration, launchable=False)
        override = EndpointOverride(endpoint=endpoint, member="token_endpoint", reason="x")
        override.url = "https://token.example/t"
        trust.put_override(override, now=NOW, actor="ann")
        return registry._backend("b")

    found = await in_database(rows)
    assert (found.slug, found.overrides) == ("one", ())


async def test_they_cost_a_launch_no_statement(ehr: EHR) -> None:
    await registered(ehr)
    await overridden("token_endpoint", "https://one.example/t")
    await overridden("jwks_uri", "https://two.example/k")
    registry.forget()

    def load() -> tuple[int, EndpointConfig]:
        with CaptureQueriesContext(connection) as queries:
            found = registry._load(slug="general")
        return len(queries), found

    statements, found = await in_database(load)
    assert statements == 1
    assert found.overrides == (
        ("token_endpoint", "https://one.example/t"),
        ("jwks_uri", "https://two.example/k"),
    )
