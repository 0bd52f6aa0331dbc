"""Every way to authenticate, with and without a person, in every profile of the sandbox EHR.

The app and the sandbox meet over real HTTP, registered at each other by their own commands. Each
flow is complete: launch, page, refresh, disconnect, or for a service its token. The sandbox's
request log shows what the EHR received, so one method cannot pass for another.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.utils import timezone

from smartapp.database import in_database
from smartapp.keys import memory
from smartapp.keys.models import KeySet, SigningKey
from smartapp.registrations.models import Endpoint
from smartapp.sandbox.models import RequestRecord
from tests.journeys.inside import expire, printed, tokens_of
from tests.journeys.outside import Browser, ehr_launch, patients

SECRET = "every way: 100% + ü"
STANDALONE_SCOPE = "launch/patient openid fhirUser offline_access patient/Patient.rs"
EHR_SCOPE = STANDALONE_SCOPE.replace("launch/patient", "launch")
SERVICE_SCOPE = "system/Patient.rs"
AUTH_METHODS = {
    "hosted": "private_key_jwt",
    "imported": "private_key_jwt",
    "basic": "client_secret_basic",
    "public": "none",
}
ALGS = {"athena": ("RS256", "RS384", "ES384"), "strict": ("RS384", "ES384")}
ALGS["bcp"] = ALGS["strict"]


@dataclass(frozen=True)
class Way:
    """How we authenticate, and at which kind of EHR."""

    method: str
    profile: str
    alg: str = "RS384"

    def __str__(self) -> str:
        signed = (self.alg,) if self.signs else ()
        return "-".join((self.method, self.profile, *signed))

    @property
    def signs(self) -> bool:
        return AUTH_METHODS[self.method] == "private_key_jwt"

    @property
    def preset(self) -> str:
        return "athenahealth-preview" if self.profile == "athena" else "sandbox"


WAYS = [
    *(
        Way(method, profile, alg)
        for method in ("hosted", "imported")
        for profile, algs in ALGS.items()
        for alg in algs
    ),
    *(Way(method, profile) for method in ("basic", "public") for profile in ALGS),
]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", SECRET)


@pytest.fixture
async def browser(origin: str) -> AsyncIterator[Browser]:
    async with Browser(origin) as one:
        yield one


@dataclass(frozen=True)
class Portal:
    """The EHR's side: what its developer portal knows about us, and its log of our requests."""

    origin: str
    folder: Path

    def register(self, way: Way, kind: str) -> dict[str, Any]:
        """Register our app there, or register it again; return the portal's answer."""
        record: dict[str, Any] = json.loads(printed(
            "sandbox_client", str(way), f"--kind={kind}", f"--profile={way.profile}",
            *self._credentials(way), *self._addresses(kind), "--json",
        ))  # fmt: skip
        return record

    def _credentials(self, way: Way) -> list[str]:
        if way.method == "hosted":
            return [f"--jwks-url={self.origin}/.well-known/jwks/our-keys.json"]
        if way.method == "imported":
            KeySet.objects.update(imported_by_vendor=True)
            copy = self.folder / "jwks.json"
            copy.write_text(printed("export_jwks", "our-keys"))
            return [f"--jwks-file={copy}"]
        return ["--client-secret-env=CLIENT_SECRET"] if way.method == "basic" else []

    def _addresses(self, kind: str) -> list[str]:
        if kind == "service":
            return []
        callback = f"--redirect-uri={self.origin}/callback/every-way/"
        return [callback, f"--launch-url={self.origin}/launch"]


@pytest.fixture
def portal(origin: str, tmp_path: Path) -> Portal:
    return Portal(origin, tmp_path)


def register(portal: Portal, way: Way, *, service: bool = False) -> None:
    """Register app and EHR at each other, as their administrators do."""
    kind = "service" if service else "public" if way.method == "public" else "web"
    record = portal.register(way, kind)
    scopes = [SERVICE_SCOPE] if service else [EHR_SCOPE, "--standalone-scope", STANDALONE_SCOPE]
    secret = ("--client-secret-env", "CLIENT_SECRET") if way.method == "basic" else ()
    sheet = json.loads(printed(
        "register_ehr", record["fhir_base_url"], "--name", "Every way",
        "--slug", "service" if service else "every-way", "--client-id", str(way),
        "--preset", way.preset, "--auth-method", AUTH_METHODS[way.method], *secret,
        "--alg", way.alg, "--key-set", "our-keys", "--audience", record["assertion_audience"],
        "--issuer", record["issuer"], "--scope", *scopes, "--json",
    ))  # fmt: skip
    assert [one for one in sheet["warnings"] if "OAuth encodes" not in one] == []
    RequestRecord.objects.all().delete()


def sent(endpoint: str) -> list[dict[str, str]]:
    """Return the parameters that the EHR received there, oldest first; it refused none."""
    rows = list(RequestRecord.objects.filter(endpoint=endpoint).order_by("id"))
    assert [row.reason for row in rows if not row.accepted] == []
    return [row.parameters for row in rows]


def check_authentication(way: Way, parameters: dict[str, str]) -> None:
    """Exactly one method was used, and it is the registered one (C61 to C64, C120, C133)."""
    assert ("client_assertion" in parameters) == way.signs
    assert "client_secret" not in parameters
    assert ("client_id" in parameters) == (way.method == "public")
    if way.signs:
        assert parameters["client_assertion alg"] == way.alg
        signer = SigningKey.objects.get(alg=way.alg, signs_from__isnull=False, withdrawn_at=None)
        assert parameters["client_assertion kid"] == signer.kid


@pytest.mark.parametrize("leg", ["ehr", "standalone"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_launch_a_refresh_and_a_disconnect(
    portal: Portal, browser: Browser, way: Way, leg: str
) -> None:
    """3-legged (C30, C60 to C66, C120 to C122, C133)."""
    await in_database(register, portal, way)
    start = ehr_launch(str(way)) if leg == "ehr" else "/connect/every-way/"
    page = await browser.allow(start)
    assert (page.status, page.path.split("/")[1]) == (200, "launches"), page.words
    context = await browser.context(page)
    assert (context["kind"], context["scope"]["missing"]) == (leg, [])
    assert context["patient_name"] in page.words
    first = (await tokens_of(page)).access_token

    await expire(page)
    again = await browser.get(page.url)
    assert again.status == 200, again.words
    assert context["patient_name"] in again.words
    second = (await tokens_of(page)).access_token
    assert second != first

    (end,) = (form for form in again.forms if form.action.endswith("/end/"))
    assert (await browser.submit(again, end)).status == 410
    assert (await browser.get(page.url)).status == 410
    bearer = {"Authorization": f"Bearer {second}"}
    record = f"{context['fhirUser'].rpartition('/')[0].rpartition('/')[0]}/Patient"
    refused = await browser.get(f"{record}/{context['patient']}", headers=bearer)
    assert refused.status == 401

    tokens, revocations = await in_database(sent, "token"), await in_database(sent, "revoke")
    grants = [parameters["grant_type"] for parameters in tokens]
    assert grants == ["authorization_code", "refresh_token"]
    hints = [parameters["token_type_hint"] for parameters in revocations]
    assert hints == ["refresh_token", "access_token"]
    for parameters in (*tokens, *revocations):
        await in_database(check_authentication, way, parameters)


@pytest.mark.parametrize("way", [way for way in WAYS if way.method != "public"], ids=str)
async def test_a_token_without_a_person(portal: Portal, browser: Browser, way: Way) -> None:
    """2-legged (C145); the token opens records at the EHR."""
    await in_database(register, portal, way, service=True)
    command = ("backend_token", "service", "--scope", SERVICE_SCOPE, "--show-token")
    lines = (await in_database(printed, *command)).splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    assert (told["token_type"], told["scope"]) == ("Bearer", SERVICE_SCOPE)
    base = await in_database(Endpoint.objects.values_list("iss", flat=True).get, slug="service")
    bearer = {"Authorization": f"Bearer {told['access_token']}"}
    (patient,) = (await patients(browser))[:1]
    assert (await browser.json(f"{base}/Patient/{patient}", headers=bearer))["id"] == patient
    (parameters,) = await in_database(sent, "token")
    assert parameters["grant_type"] == "client_credentials"
    await in_database(check_authentication, way, parameters)


async def test_an_imported_copy_is_what_decides_when_the_next_key_signs(
    portal: Portal, browser: Browser
) -> None:
    """An EHR with imported keys never fetches ours.

    So no new key signs before an administrator has confirmed that the EHR has the new copy; after
    that it does.
    """
    way = Way("imported", "strict", "ES384")

    def rotate(*step: str) -> None:
        printed("rotate_keys", "our-keys", "--alg", "ES384", *step)

    async def kid_of_a_launch() -> str:
        memory.forget()  # otherwise a running process follows a command within ten seconds
        await in_database(RequestRecord.objects.all().delete)
        page = await browser.allow(ehr_launch(str(way)))
        assert page.status == 200, page.words
        (parameters,) = await in_database(sent, "token")
        return parameters["client_assertion kid"]

    await in_database(register, portal, way)
    old = await kid_of_a_launch()
    await in_database(rotate, "--publish")
    # As if the wait were over that is enough for an EHR that fetches.
    waiting = SigningKey.objects.filter(signs_from=None, withdrawn_at=None)
    long_ago = timezone.now() - timedelta(days=3)
    await in_database(waiting.update, published_at=long_ago, known_from=long_ago)
    with pytest.raises(CommandError, match="confirm"):
        await in_database(rotate, "--sign")
    await in_database(printed, "rotate_keys", "--auto")
    assert await kid_of_a_launch() == old

    await in_database(portal.register, way, "web")
    await in_database(rotate, "--confirm")
    await in_database(rotate, "--sign")
    new = await kid_of_a_launch()
    assert new != old
    row = await in_database(SigningKey.objects.get, kid=new)
    assert row.confirmed_at is not None
