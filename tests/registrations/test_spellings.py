"""Bases that were registered before spellings counted as one, and differ in nothing else."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError

from smartapp.database import in_database
from smartapp.diagnosis import own_side
from smartapp.protocol.errors import UnknownEndpoint
from smartapp.registrations import registering, registry
from smartapp.registrations.models import Endpoint
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)

SPELLINGS = (
    ("https://h.example:443/r4", "https://h.example/r4"),
    ("https://H.example/r4", "https://h.example/r4"),
    ("https://h.example/r4", "https://H.EXAMPLE:443/r4"),
    ("https://H.example/r4", "https://h.example:443/r4"),
)


def migrate() -> None:
    import_module("smartapp.registrations.migrations.0009_write_spellings").write(apps, None)
    registry.forget()


@pytest.fixture
def two(request: pytest.FixtureRequest) -> tuple[str, str]:
    """As the versions before stored them: looked up by their letters."""
    one, other = request.param
    for slug, base in (("one", one), ("other", other)):
        make_endpoint(slug, registration=make_registration(slug), fhir_base_url=base, iss=base)
    return one, other


@pytest.mark.parametrize("two", SPELLINGS, indirect=True)
class TestTwoInUse:
    async def test_launches_lead_to_one_of_them_and_it_is_said(
        self, two: tuple[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        await in_database(migrate)
        said = caplog.text
        assert "one EHR in two spellings" in said
        assert all(base in said for base in two)

        reached = {(await registry.endpoint_for_iss(base)).slug for base in two}
        assert len(reached) == 1
        left = ({"one", "other"} - reached).pop()
        config = await registry.endpoint_for_slug(left)
        found = [one async for one in own_side.configuration(config)]
        assert any(one.check == "one-place" and one.level == "problem" for one in found)
        (opened,) = reached
        config = await registry.endpoint_for_slug(opened)
        found = [one async for one in own_side.configuration(config)]
        assert not any(one.check == "one-place" for one in found)

    def test_the_other_is_saved_only_switched_off(self, two: tuple[str, str]) -> None:
        migrate()
        for endpoint in Endpoint.objects.order_by("pk"):
            registering.set_base(endpoint, endpoint.fhir_base_url)
            if registry.opened_instead(endpoint):
                with pytest.raises(ValidationError, match="Another enabled endpoint"):
                    registering.refuse_second(endpoint)
                endpoint.enabled = False
            registering.refuse_second(endpoint)
            endpoint.save()

    async def test_migrating_twice_changes_nothing(self, two: tuple[str, str]) -> None:
        await in_database(migrate)
        before = await in_database(lambda: list(Endpoint.objects.values_list("pk", "iss")))
        await in_database(migrate)
        assert await in_database(lambda: list(Endpoint.objects.values_list("pk", "iss"))) == before


async def test_one_alone_is_found_in_every_spelling(caplog: pytest.LogCaptureFixture) -> None:
    base = "https://H.example:443/r4"
    await in_database(lambda: make_endpoint(fhir_base_url=base, iss=base))
    with pytest.raises(UnknownEndpoint):
        await registry.endpoint_for_iss("https://h.example/r4")
    await in_database(migrate)
    assert (await registry.endpoint_for_iss("https://h.example/r4/")).fhir_base_url == base
    assert "two spellings" not in caplog.text
