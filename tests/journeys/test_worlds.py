"""The app at each of the sandbox's worlds: it follows what each announces."""

import json
from collections.abc import Iterator

import pytest

from tests.demo_server import Demo
from tests.journeys.outside import Browser, ehr_launch, run

WORLDS = {
    # Preview announces what athenahealth announces; its app still follows the bcp rules.
    "preview": "--world preview --profile bcp",
    "strict": "--world strict",
    "bcp": "--world bcp",
}


@pytest.fixture(scope="module")
def bases(demo: Demo) -> Iterator[dict[str, str]]:
    """Connect the app with each world; yields the FHIR base from each world's sheet."""
    yield {world: connect(demo, world, options) for world, options in WORLDS.items()}


def connect(demo: Demo, slug: str, options: str) -> str:
    client = json.loads(
        run(
            demo.env,
            f"sandbox_client {slug} --kind web --jwks-url {demo.url}/.well-known/jwks/{slug}.json"
            f" --redirect-uri {demo.url}/callback/{slug}/ --launch-url {demo.url}/launch --json"
            f" {options}",
        ).stdout
    )
    base: str = client["fhir_base_url"]
    registered = run(
        demo.env,
        f"register_ehr {base} --slug {slug} --name {slug} --client-id {slug} --preset sandbox"
        f" --audience {client['assertion_audience']}",
    )
    assert registered.returncode == 0, registered.stderr
    return base


@pytest.mark.parametrize("world", WORLDS)
async def test_launches_from_the_ehr_and_by_the_patient(
    demo: Demo, bases: dict[str, str], browser: Browser, world: str
) -> None:
    """Each world is a separate EHR with its own base, issuer and rules (S2, S3, C10)."""
    assert bases[world] == f"{demo.url}/sandbox/{world}/fhir/r4"
    launched = await browser.context(await browser.allow(ehr_launch(world)))
    assert (launched["registration"], launched["kind"]) == (world, "ehr")
    assert launched["id_token"]["iss"].startswith(f"{demo.url}/sandbox/{world}/okta/")
    assert launched["fhirUser"].startswith(bases[world])
    standalone = await browser.allow(f"/connect/{world}/", username="patient")
    assert (await browser.context(standalone))["kind"] == "standalone"


@pytest.mark.usefixtures("bases")
class TestIssuerOfTheAnswer:
    """`iss` in an authorization response (RFC 9207; C51, S17)."""

    @pytest.mark.parametrize("fault", ["authorize-iss-missing", "authorize-iss-wrong"])
    async def test_where_it_is_promised_it_is_demanded(self, browser: Browser, fault: str) -> None:
        refused = await browser.allow(ehr_launch("bcp", fault=fault))
        assert refused.status == 400, refused.words
        assert "/launches/" not in refused.url

    @pytest.mark.parametrize("world", ["strict", "preview"])
    async def test_where_nobody_promised_it_it_may_be_missing(
        self, browser: Browser, world: str
    ) -> None:
        page = await browser.allow(ehr_launch(world, fault="authorize-iss-missing"))
        assert (await browser.context(page))["registration"] == world

    async def test_a_wrong_one_is_refused_though_nobody_promised_it(self, browser: Browser) -> None:
        refused = await browser.allow(ehr_launch("strict", fault="authorize-iss-wrong"))
        assert refused.status == 400, refused.words


@pytest.mark.parametrize("profile", ["athena", "strict", "bcp"])
async def test_each_profile_where_athenahealths_discovery_is_announced(
    demo: Demo, browser: Browser, profile: str
) -> None:
    """The registration supplies what discovery does not say (S2, S25, S65)."""
    connect(demo, "preview", f"--world preview --profile {profile}")
    page = await browser.allow(ehr_launch("preview"))
    assert (await browser.context(page))["registration"] == "preview"
    assert "Type 2 diabetes mellitus" in page.words
    assert (await browser.get(page.url)).status == 200
