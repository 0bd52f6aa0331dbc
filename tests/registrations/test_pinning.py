"""The first discovery pins, and nothing else does: C14."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.protocol.errors import DiscoveryInvalid
from smartapp.registrations import discovery, presets, registry, trust
from smartapp.registrations.models import DiscoverySnapshot, Endpoint, Member, Registration
from tests.registrations.ehr import EHR
from tests.registrations.factories import NOW, make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)


async def never_read(ehr: EHR) -> registry.EndpointConfig:
    await in_database(make_endpoint, fhir_base_url=ehr.base, issuers=[], pinned_hosts=[])
    return await registry.endpoint_for_slug("general")


async def test_who_pins_second_changes_nothing(ehr: EHR) -> None:
    """Two machines read discovery at once, and the EHR answers them differently."""
    config = await never_read(ehr)
    await discovery.pin_first(config, actor="one")
    ehr.publish(token_endpoint="https://evil.example/token", issuer="https://evil.example")

    await discovery.pin_first(config, actor="two")

    endpoint = await in_database(Endpoint.objects.get)
    assert (endpoint.pinned_hosts, endpoint.issuers) == ([ehr.host], [ehr.issuer])
    assert (await in_database(AuditEvent.objects.get)).actor == "one"


@pytest.mark.parametrize("moved", ["base", "discovery"])
async def test_what_was_read_before_the_endpoint_moved_is_not_pinned(
    ehr: EHR, moved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hosts of one EHR are none of the next one that is entered in its place."""
    config, observe = await never_read(ehr), discovery.observe

    def move() -> None:
        if moved == "base":
            base = "https://next.example/fhir"
            Endpoint.objects.update(fhir_base_url=base, iss=base)
        else:
            Endpoint.objects.get().overrides.create(
                member=Member.SMART_CONFIGURATION, url="https://next.example/smart",
                reason="x", set_by="ann", set_at=NOW,
            )  # fmt: skip

    async def then_moved(config: registry.EndpointConfig) -> trust.Observation:
        observation = await observe(config)
        await in_database(move)
        return observation

    monkeypatch.setattr(discovery, "observe", then_moved)
    await discovery.pin_first(config, actor="maintain")

    endpoint = await in_database(Endpoint.objects.get)
    assert (endpoint.pinned_hosts, endpoint.issuers) == ([], [])
    assert not await in_database(AuditEvent.objects.exists)


async def test_two_at_once_write_one_snapshot(ehr: EHR) -> None:
    config = await never_read(ehr)

    await asyncio.gather(*(discovery.pin_first(config, actor="x") for _ in range(4)))

    assert await in_database(DiscoverySnapshot.objects.count) == 1
    assert await in_database(AuditEvent.objects.count) == 1


async def test_an_issuer_that_is_no_address_is_not_pinned(ehr: EHR) -> None:
    ehr.publish(issuer="not a url")
    observation = await discovery.pin_first(await never_read(ehr), actor="x")

    assert observation.issuers == ()
    assert any("issuer in discovery is not used" in warning for warning in observation.warnings)


async def test_an_issuer_that_an_administrator_gave_stays(ehr: EHR) -> None:
    await in_database(
        make_endpoint, fhir_base_url=ehr.base, issuers=["https://a.example"], pinned_hosts=[]
    )
    await discovery.pin_first(await registry.endpoint_for_slug("general"), actor="x")

    assert (await in_database(Endpoint.objects.get)).issuers == ["https://a.example"]


async def test_accepting_counts_for_the_next_launch(ehr: EHR) -> None:
    config = await never_read(ehr)
    await discovery.pin_first(config, actor="x")
    config = await registry.endpoint_for_slug("general")

    hosts = [*config.pinned_hosts, "new.example"]
    await in_database(trust.accept, config.endpoint_id, hosts, now=NOW, actor="ann")

    assert "new.example" in (await registry.endpoint_for_slug("general")).pinned_hosts


async def test_looking_again_soon_writes_nothing(ehr: EHR) -> None:
    """With trust of zero seconds every launch looks; none of them waits for the write lock."""
    config = await never_read(ehr)
    await discovery.pin_first(config, actor="x")
    seen = (await in_database(DiscoverySnapshot.objects.get)).last_seen_at

    await discovery.observe(config)
    assert (await in_database(DiscoverySnapshot.objects.get)).last_seen_at == seen

    def age() -> None:
        DiscoverySnapshot.objects.update(last_seen_at=seen - timedelta(minutes=10))

    await in_database(age)
    await discovery.observe(config)
    assert (await in_database(DiscoverySnapshot.objects.get)).last_seen_at > seen


async def test_an_endpoint_deleted_meanwhile_leaves_nothing_behind(ehr: EHR) -> None:
    config = await never_read(ehr)
    await in_database(lambda: Endpoint.objects.all().delete())

    await discovery.fetch_discovery(config)
    await discovery.pin_first(config, actor="x")

    assert await in_database(DiscoverySnapshot.objects.count) == 0


@pytest.mark.parametrize(
    ("other_hosts", "pinned"),
    [(["login.example"], False), (["{host}"], True), ([], True)],
    ids=["another server", "the same server", "never read"],
)
async def test_issuer_of_another_server_is_refused(
    ehr: EHR, other_hosts: list[str], pinned: bool
) -> None:
    """C5: two EHRs may share an authorization server, but no two servers an issuer."""
    config = await never_read(ehr)
    hosts = [host.format(host=ehr.host) for host in other_hosts]
    await in_database(
        make_endpoint, slug="other", fhir_base_url="https://other.example/fhir",
        issuers=[ehr.issuer], pinned_hosts=hosts,
    )  # fmt: skip
    if pinned:
        await discovery.pin_first(config, actor="x")
    else:
        with pytest.raises(DiscoveryInvalid, match="already, whose tokens come from"):
            await discovery.pin_first(config, actor="x")
    assert bool((await in_database(Endpoint.objects.get, slug="general")).pinned_hosts) is pinned


async def test_what_was_never_read_is_not_accepted(ehr: EHR) -> None:
    """C5: only the first look pins the first hosts, and it looks at the issuer."""
    config = await never_read(ehr)
    await discovery.fetch_discovery(config)

    with pytest.raises(DiscoveryInvalid, match="nothing was ever accepted"):
        await in_database(trust.accept, config.endpoint_id, [ehr.host], now=NOW, actor="ann")
    assert (await in_database(Endpoint.objects.get)).pinned_hosts == []


@pytest.mark.parametrize(
    "other",
    ["stays", "moves too", "is the same EHR", "is off"],
)
async def test_hosts_of_a_server_that_is_not_the_issuers_are_not_accepted(
    ehr: EHR, other: str
) -> None:
    """C5; but a server that moves does so for all its EHRs, and one of them must be the first."""
    config = await never_read(ehr)
    await discovery.pin_first(config, actor="x")
    ehr.publish(token_endpoint="https://new.example/token")
    base = ehr.base if other == "is the same EHR" else f"{ehr.origin}/second"

    def make() -> registry.EndpointConfig:
        row = make_endpoint(
            "other", fhir_base_url=base, issuers=[ehr.issuer], pinned_hosts=[ehr.host],
            enabled=other != "is off", launchable=False,
        )  # fmt: skip
        return registry.describe(row)

    second = await in_database(make)
    if other == "moves too":
        below = "/.well-known/smart-configuration"
        ehr.answers[f"/second{below}"] = ehr.answers[f"/fhir/r4{below}"]
        await discovery.observe(second)
    await discovery.observe(await registry.endpoint_for_slug("general"))
    accept = partial(trust.accept, config.endpoint_id, ["new.example"], now=NOW, actor="ann")
    if other == "stays":
        with pytest.raises(DiscoveryInvalid, match="another server than new"):
            await in_database(accept)
    else:
        await in_database(accept)
    endpoint = await in_database(Endpoint.objects.get, slug="general")
    assert ("new.example" in endpoint.pinned_hosts) is (other != "stays")


async def test_the_first_look_asks_for_what_the_ehr_lists(ehr: EHR) -> None:
    """Only in the place of the preset's scopes: what an administrator entered stays."""
    config = await never_read(ehr)
    usual = presets.defaults(presets.PRESETS[""])["scope"]
    typed = "launch openid patient/Patient.rs"
    await in_database(Registration.objects.update, scope=usual, standalone_scope=typed, preset="")
    ehr.publish(scopes_supported=["patient/Procedure.rs", "launch"])

    await discovery.pin_first(config, actor="one")

    registration = await in_database(Registration.objects.get)
    assert registration.scope == f"{usual} patient/Procedure.rs"
    assert registration.standalone_scope == typed
