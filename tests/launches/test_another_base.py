"""An endpoint that is given another FHIR base URL is another EHR: no launch, sign-in under way or
revocation of the one before meets it (T17, C14)."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from smartapp.database import in_database
from smartapp.registrations import registering, registry
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.registering import Wanted
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


@pytest.fixture
def other() -> Iterator[ScriptedEHR]:
    """Another EHR, which has people of the same ids."""
    with ScriptedEHR() as ehr:
        yield ehr


def move(ehr: ScriptedEHR) -> tuple[str, ...]:
    """Do what `register_ehr` does for a slug that there is; return what it warns of."""
    wanted = Wanted(fhir_base_url=ehr.fhir_base_url, name="Scripted Hospital", slug="scripted")
    registering.register(wanted, now=timezone.now(), actor="test")
    registry.forget()
    return registering.left_open(Registration.objects.get())


def trusted(ehr: ScriptedEHR) -> None:
    """Let everything be known of the EHR that a launch there needs."""
    Endpoint.objects.filter(enabled=True).update(
        pinned_hosts=[ehr.base.removeprefix("http://")], issuers=[ehr.issuer]
    )
    registry.forget()


async def test_an_open_launch_stays_with_its_own(
    browser: Browser, ehr: ScriptedEHR, other: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    [warning] = await in_database(move, other)
    assert f"still open at {ehr.fhir_base_url}: 1." in warning
    await in_database(trusted, other)
    page = await browser.get(f"/launches/{uuid}/")
    assert page.status == 404
    ended = await browser.http.post(f"{browser.app}/launches/{uuid}/end/")
    assert ended.status == 410  # the page that says that it is over
    assert len(ehr.revocations) == 2
    assert other.requests == []
    assert (
        await in_database(registering.left_open, await in_database(Registration.objects.get)) == ()
    )


async def test_a_sign_in_under_way_brings_its_code_nowhere_else(
    browser: Browser, ehr: ScriptedEHR, other: ScriptedEHR, ehr_launch: Start
) -> None:
    back = await browser.to_callback(ehr_launch())
    await in_database(move, other)
    await in_database(trusted, other)
    answer = await browser.get(back)
    assert answer.status == 404
    assert other.requests == []
    assert ehr.token_requests == []


async def test_the_other_one_launches_under_the_same_slug(
    browser: Browser, ehr: ScriptedEHR, other: ScriptedEHR, ehr_launch: Start
) -> None:
    await browser.launch(ehr_launch())
    await in_database(move, other)
    await in_database(trusted, other)
    refused = await browser.get(ehr_launch())
    assert refused.status == 404
    started = await browser.get(f"/launch?iss={other.fhir_base_url}&launch=CANARY-launch")
    assert started.headers["Location"].startswith(other.base)


async def test_back_at_its_base_it_is_what_it_was(
    browser: Browser, ehr: ScriptedEHR, other: ScriptedEHR, ehr_launch: Start
) -> None:
    """A base that was entered by mistake costs nobody their launch."""
    uuid = await browser.launch(ehr_launch())
    before = await in_database(Endpoint.objects.get)
    await in_database(move, other)
    assert await in_database(move, ehr) == ()
    after = await in_database(lambda: Endpoint.objects.get(enabled=True))
    assert (after.pk, after.slug, after.pinned_hosts) == (
        before.pk,
        "scripted",
        before.pinned_hosts,
    )
    assert (await browser.get(f"/launches/{uuid}/")).status == 200
