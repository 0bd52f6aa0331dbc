"""Thousands of practices may be behind one endpoint: people see the name that they chose."""

import pytest
from django.utils import timezone

from smartapp.brands.models import Brand, BrandAddress, BrandEndpoint, BrandList
from smartapp.database import in_database
from smartapp.launches.models import Launch
from smartapp.protocol.authorization import MAX_URL_CHARACTERS
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

NAME = "Maple Street Family Practice"


def make_brand(fhir_base_url: str, **changes: object) -> Brand:
    listed, _ = BrandList.objects.get_or_create(name="list", imported_at=timezone.now())
    lookup = registry.normalised_iss(fhir_base_url)
    address, _ = BrandAddress.objects.get_or_create(lookup=lookup)
    members = {"key": "1", "name": NAME, "sort_key": "maple", "name_words": "maple", **changes}
    brand = Brand.objects.create(brand_list=listed, **members)
    BrandEndpoint.objects.create(brand=brand, address=address)
    return brand


@pytest.fixture
async def brand(ehr: ScriptedEHR, registered: Endpoint) -> Brand:
    return await in_database(make_brand, f"{ehr.fhir_base_url}/")


async def test_name_is_on_the_page_and_in_the_list_of_what_is_open(
    browser: Browser, brand: Brand
) -> None:
    uuid = await browser.launch(f"/connect/scripted/?brand={brand.pk}")
    page = await (await browser.get(f"/launches/{uuid}/")).text()
    home = await (await browser.get("/")).text()

    assert NAME in page
    assert NAME in home[home.index("Open in this browser") : home.index(">Health systems<")]
    assert "Scripted EHR" in page, "the registration, beside it"


async def test_name_is_on_the_page_that_leads_to_the_ehr(
    browser: Browser, ehr: ScriptedEHR, brand: Brand
) -> None:
    ehr.discovery = {"capabilities": ["launch-standalone", "authorize-post"]}
    many = " ".join(
        f"patient/Observation.rs?category=c{n}" for n in range(MAX_URL_CHARACTERS // 20)
    )
    scope = f"launch/patient openid fhirUser {many}"
    await in_database(lambda: Registration.objects.update(standalone_scope=scope))
    page = await (await browser.get(f"/connect/scripted/?brand={brand.pk}")).text()

    assert "On the way to" in page
    assert NAME in page


async def test_who_starts_again_does_so_as_the_same_brand(
    browser: Browser, ehr: ScriptedEHR, brand: Brand
) -> None:
    callback = await browser.to_callback(f"/connect/scripted/?brand={brand.pk}")
    address, _, query = callback.partition("?")
    refused = await browser.get(f"{address}?error=access_denied&{query.partition('&')[2]}")

    assert f'href="/connect/scripted/?brand={brand.pk}"' in await refused.text()


async def test_brand_that_goes_leaves_the_connection(browser: Browser, brand: Brand) -> None:
    uuid = await browser.launch(f"/connect/scripted/?brand={brand.pk}")
    await in_database(BrandList.objects.all().delete)
    page = await browser.get(f"/launches/{uuid}/")

    assert page.status == 200
    assert "Scripted Hospital" in await page.text()


@pytest.mark.parametrize(
    "changes", [{"hidden": True}, {"withdrawn_at": timezone.now()}], ids=["hidden", "gone"]
)
async def test_brand_that_is_not_shown_is_not_named(
    browser: Browser, ehr: ScriptedEHR, registered: Endpoint, changes: dict[str, object]
) -> None:
    brand = await in_database(lambda: make_brand(ehr.fhir_base_url, **changes))
    await browser.launch(f"/connect/scripted/?brand={brand.pk}")

    assert (await in_database(Launch.objects.get)).brand_id is None


@pytest.mark.parametrize("asked", ["0", "-1", "x", "٣", "9" * 40, "%00", ""])
async def test_what_is_no_brand_of_this_endpoint_is_not_named(
    browser: Browser, registered: Endpoint, asked: str
) -> None:
    other = await in_database(make_brand, "https://elsewhere.example/r4")
    for text in (asked, str(other.pk)):
        await browser.launch(f"/connect/scripted/?brand={text}")

    launches = await in_database(lambda: list(Launch.objects.values_list("brand", flat=True)))
    assert launches == [None, None]
