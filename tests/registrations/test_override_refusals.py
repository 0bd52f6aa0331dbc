"""An address that an administrator enters takes nothing to a stranger: C5, C14."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.protocol.errors import DiscoveryInvalid
from smartapp.registrations import discovery, registering, registry, trust
from smartapp.registrations.models import Endpoint, EndpointOverride, Member
from tests.registrations.ehr import EHR
from tests.registrations.factories import NOW, make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)

ISSUER = "https://login.example"
SERVER = ["login.example"]


def neighbour(**fields: Any) -> Endpoint:
    """Another EHR of the same server."""
    values: dict[str, Any] = {"issuers": [ISSUER], "pinned_hosts": SERVER}
    return make_endpoint("other", fhir_base_url="https://other.example/r4", **values | fields)


def put(endpoint: Endpoint, member: str, url: str, *, confirmed: str = "") -> None:
    override = EndpointOverride(endpoint=endpoint, member=member, url=url, reason="they say so")
    trust.put_override(override, now=NOW, actor="ann", confirmed=confirmed)


def store(endpoint: Endpoint, member: str, url: str) -> None:
    """As it was entered before an issuer was known."""
    EndpointOverride.objects.create(
        endpoint=endpoint, member=member, url=url, reason="x", set_by="ann", set_at=NOW
    )


@pytest.mark.parametrize("member", Member)
class TestAnotherServerThanTheIssuers:
    """C5, T3: wherever the browser, a code, a secret or the trust in a key would go."""

    def test_is_refused_with_what_to_do(self, member: Member) -> None:
        neighbour()
        endpoint = make_endpoint(issuers=[ISSUER], pinned_hosts=SERVER)

        with pytest.raises(ValidationError) as refusal:
            put(endpoint, member, "https://evil.example/x")
        assert "another server than evil.example" in refusal.value.message_dict["url"][0]
        assert not endpoint.overrides.exists()

    def test_the_servers_own_host_is_not(self, member: Member) -> None:
        neighbour()
        endpoint = make_endpoint(issuers=[ISSUER], pinned_hosts=SERVER)
        put(endpoint, member, "https://login.example/x")

        assert endpoint.overrides.exists()

    def test_nor_is_any_host_where_nobody_shares_the_issuer(self, member: Member) -> None:
        neighbour(issuers=["https://theirs.example"])
        endpoint = make_endpoint(issuers=[ISSUER], pinned_hosts=SERVER)
        put(endpoint, member, "https://else.example/x")

        assert endpoint.overrides.exists()

    def test_is_refused_when_the_issuer_is_entered_later(self, member: Member) -> None:
        neighbour()
        endpoint = make_endpoint(issuers=[], pinned_hosts=SERVER)
        store(endpoint, member, "https://evil.example/x")

        with pytest.raises(ValidationError, match=r"another server than evil\.example"):
            registering.refuse_mixup(endpoint, [ISSUER])

        endpoint.overrides.update(url="https://login.example/x")
        registering.refuse_mixup(endpoint, [ISSUER])


@pytest.mark.parametrize("stranger", [True, False])
async def test_the_first_look_pins_nothing_for_an_address_on_another_server(
    ehr: EHR, *, stranger: bool
) -> None:
    """C5: the issuer that it shares is only known then."""

    def rows() -> Endpoint:
        neighbour(issuers=[ehr.issuer], pinned_hosts=[ehr.host])
        endpoint = make_endpoint(fhir_base_url=ehr.base, issuers=[], pinned_hosts=[])
        url = "https://evil.example/a" if stranger else f"{ehr.origin}/a"
        store(endpoint, "authorization_endpoint", url)
        return endpoint

    endpoint = await in_database(rows)
    config = await registry.endpoint_for_slug("general")
    if stranger:
        with pytest.raises(DiscoveryInvalid, match=r"another server than evil\.example"):
            await discovery.pin_first(config, actor="ann")
    else:
        await discovery.pin_first(config, actor="ann")

    await in_database(endpoint.refresh_from_db)
    assert endpoint.pinned_hosts == ([] if stranger else [ehr.host])


def test_a_tenants_own_smart_configuration_is_no_stranger() -> None:
    """C10: tenants of one server have hosts of their own, and publish there anyway."""
    neighbour()
    endpoint = make_endpoint(issuers=[ISSUER], pinned_hosts=SERVER)
    root = "https://ehr.example/.well-known/smart-configuration"
    put(endpoint, "smart-configuration", root)

    assert endpoint.overrides.get().url == root
    with pytest.raises(ValidationError, match=r"another server than ehr\.example"):
        put(endpoint, "authorization_endpoint", "https://ehr.example/authorize")


class TestPublishedAsAnother:
    """Two lines of a vendor's list that are mixed up would send codes and secrets astray."""

    @pytest.fixture
    async def endpoint(self, ehr: EHR) -> Endpoint:
        ehr.publish(
            revocation_endpoint=f"{ehr.origin}/revoke",
            introspection_endpoint="/revoke2",
            registration_endpoint=f"{ehr.origin}/register",
        )
        endpoint = await in_database(
            make_endpoint,
            fhir_base_url=ehr.base, issuers=[ehr.issuer], pinned_hosts=[ehr.host],
        )  # fmt: skip
        await discovery.launch_endpoints(await registry.endpoint_for_slug("general"))
        return endpoint

    @pytest.mark.parametrize(
        ("path", "named"),
        [
            ("/revoke", "Revocation endpoint"),
            ("/revoke/", "Revocation endpoint"),
            ("/revoke2", "Introspection endpoint"),
            ("/authorize", "Authorization endpoint"),
            ("/register", "Client registration endpoint"),
            ("/issuer", "Issuer"),
            ("/fhir/r4/.well-known/smart-configuration", "SMART configuration"),
        ],
    )
    async def test_is_used_only_once_a_person_confirms_it(
        self, ehr: EHR, endpoint: Endpoint, path: str, named: str
    ) -> None:
        url = ehr.origin + path
        with pytest.raises(ValidationError, match=f"publishes as {named}, not as Token endpoint"):
            await in_database(put, endpoint, "token_endpoint", url)
        with pytest.raises(ValidationError, match="tick below"):
            await in_database(put, endpoint, "token_endpoint", url, confirmed=f"{ehr.origin}/x")
        assert not await in_database(endpoint.overrides.exists)

        await in_database(put, endpoint, "token_endpoint", url, confirmed=url)
        event = await in_database(AuditEvent.objects.get, action="override.set")
        assert (event.detail["after"], event.detail["published_as"]) == (url, [named])

    @pytest.mark.parametrize("path", ["/token", "/else", "/revoke?for=tokens"])
    async def test_nobody_is_asked_about_another_address(
        self, ehr: EHR, endpoint: Endpoint, path: str
    ) -> None:
        await in_database(put, endpoint, "token_endpoint", ehr.origin + path)

        event = await in_database(AuditEvent.objects.get, action="override.set")
        assert "published_as" not in event.detail

    async def test_nobody_is_asked_where_the_ehr_has_one_address_for_both(
        self, ehr: EHR, endpoint: Endpoint
    ) -> None:
        ehr.publish(revocation_endpoint=f"{ehr.origin}/token")
        discovery.forget()
        await discovery.launch_endpoints(await registry.endpoint_for_slug("general"))
        await in_database(put, endpoint, "token_endpoint", f"{ehr.origin}/token")

        assert await in_database(endpoint.overrides.exists)
