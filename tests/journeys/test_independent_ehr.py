"""The app at an EHR made by others: npm `oidc-provider`, certified and unchanged.

Its refresh tokens rotate, and a client that sends one twice ends the grant. Each flow is complete
and over real HTTP: discovery, authorization, id_token, patient, page, refresh, revocation.
"""

import asyncio
import html
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from smartapp import http
from smartapp.database import in_database
from smartapp.exchange import pipeline
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.keys.material import NewKey
from smartapp.protocol import token
from smartapp.protocol.errors import InvalidGrant
from smartapp.registrations import registry
from tests.journeys.inside import expire, printed, tokens_of, uuid_of
from tests.journeys.outside import Browser, Page
from tests.node import node_server, node_with
from tests.serving import free_port

SCRIPT = Path(__file__).parent / "node" / "ehr.mjs"
SECRET = "elsewhere: 100% + & co"
SCOPE = "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"
SERVICE_SCOPE = "system/Patient.rs"
METHODS: dict[str, dict[str, Any]] = {
    "RS384": {"token_endpoint_auth_method": "private_key_jwt"},
    "ES384": {"token_endpoint_auth_method": "private_key_jwt"},
    # It has a copy of our keys instead of their address.
    "RS384-imported": {"token_endpoint_auth_method": "private_key_jwt"},
    "ES384-imported": {"token_endpoint_auth_method": "private_key_jwt"},
    "basic": {"token_endpoint_auth_method": "client_secret_basic", "client_secret": SECRET},
    "public": {"token_endpoint_auth_method": "none"},
}
SERVICES = [name for name in METHODS if name != "public"]


def clients(app: str, keys: list[NewKey]) -> list[dict[str, Any]]:
    """Return every client as the EHR knows it: one for each method, with and without a person."""
    found = []
    for name, method in METHODS.items():
        client = method | _keys(name, app, keys)
        person = {
            "redirect_uris": [f"{app}/callback/elsewhere/"],
            "grant_types": ["authorization_code", "refresh_token"],
        }
        service = {
            "redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"],
        }  # fmt: skip
        found.append({"client_id": name, **client, **person})
        if name in SERVICES:
            found.append({"client_id": f"service-{name}", **client, **service})
    return found


def _keys(name: str, app: str, keys: list[NewKey]) -> dict[str, Any]:
    alg, _, imported = name.partition("-")
    if METHODS[name]["token_endpoint_auth_method"] != "private_key_jwt":
        return {}
    known = (
        {"jwks": {"keys": [key.public_jwk for key in keys]}}
        if imported
        else {"jwks_uri": f"{app}/.well-known/jwks/our-keys.json"}
    )
    return {"token_endpoint_auth_signing_alg": alg, **known}


@pytest.fixture(scope="module")
def elsewhere(server: str, our_keys: list[NewKey]) -> Iterator[str]:
    """The other EHR, which knows all our clients; yields its origin."""
    node = node_with(SCRIPT.parent, "oidc-provider", oldest=20)
    settings = {
        "port": free_port(), "launch_url": f"{server}/launch", "clients": clients(server, our_keys),
    }  # fmt: skip
    with node_server(node, SCRIPT, settings, "/log") as origin:
        yield origin


@pytest.fixture
async def browser(origin: str) -> AsyncIterator[Browser]:
    async with Browser(origin) as one:
        yield one
    await http.close()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", SECRET)


def register(elsewhere: str, name: str, *, service: bool = False) -> None:
    method = METHODS[name]["token_endpoint_auth_method"]
    alg = name.partition("-")[0] if method == "private_key_jwt" else "RS384"
    secret = ("--client-secret-env", "CLIENT_SECRET") if name == "basic" else ()
    sheet = json.loads(printed(
        "register_ehr", f"{elsewhere}/fhir", "--name", "Elsewhere", "--slug",
        "service" if service else "elsewhere", "--key-set", "our-keys", "--auth-method", method,
        "--client-id", f"service-{name}" if service else name, "--alg", alg, *secret,
        "--scope", SERVICE_SCOPE if service else SCOPE,
        "--standalone-scope", "" if service else SCOPE.replace("launch", "launch/patient", 1),
        "--json",
    ))  # fmt: skip
    assert [one for one in sheet["warnings"] if "OAuth encodes" not in one] == []
    assert sheet["issuers"] == [elsewhere]


class Log:
    """What the EHR has answered to one client since the test began."""

    def __init__(self, browser: Browser, elsewhere: str, client_id: str) -> None:
        self._browser, self._url, self._client_id = browser, f"{elsewhere}/log", client_id
        self._seen = 0

    async def new(self) -> Counter[tuple[str, int]]:
        """Count the new entries: (grant type or event, status)."""
        log = await self._browser.json(self._url)
        mine = [entry for entry in log if entry["client"] == self._client_id]
        new, self._seen = mine[self._seen :], len(mine)
        return Counter(
            (entry.get("grant") or entry["route"], entry.get("status", 0)) for entry in new
        )


async def launched(browser: Browser, start: str) -> Page:
    page = await browser.get(start)
    assert (page.status, page.path.split("/")[1]) == (200, "launches"), page.words
    return page


def introspected(page: Page) -> str:
    """Ask the EHR about the launch's tokens as an administrator; return the text of the page."""
    administrator = Client(headers={"Host": "127.0.0.1"})
    administrator.force_login(get_user_model().objects.create_superuser("admin"))
    answer = administrator.post(f"/admin/launches/launch/{uuid_of(page)}/tokens/")
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize("leg", ["ehr", "standalone"])
@pytest.mark.parametrize("name", METHODS)
async def test_a_launch_a_refresh_and_a_disconnect(
    browser: Browser, elsewhere: str, name: str, leg: str
) -> None:
    """C30, C51, C60 to C64, C90, C120, C122, C130, C133."""
    log = Log(browser, elsewhere, name)
    await log.new()
    await in_database(register, elsewhere, name)
    start = f"{elsewhere}/open" if leg == "ehr" else "/connect/elsewhere/"
    page = await launched(browser, start)
    context = await browser.context(page)
    assert (context["kind"], context["patient"]) == (leg, "p-1")
    assert context["fhirUser"] == f"{elsewhere}/fhir/Practitioner/d-1"
    assert context["id_token"] == {"iss": elsewhere, "sub": "d-1"}
    assert context["refreshable"] is True
    assert "Ida Elsewhere" in page.words
    assert await log.new() == {("authorization_code", 200): 1}

    first = await tokens_of(page)
    await expire(page)
    again = await browser.get(page.url)
    assert "Ida Elsewhere" in again.words
    second = await tokens_of(page)
    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    assert await log.new() == {("refresh_token", 200): 1}

    # Client, issuer and user, of the access token and of the refresh token.
    assert (await in_database(introspected, again)).count("the same as here") == 6

    (end,) = (form for form in again.forms if form.action.endswith("/end/"))
    assert (await browser.submit(again, end)).status == 410
    assert await log.new() == {("revocation", 200): 2, ("grant revoked", 0): 1}
    bearer = {"Authorization": f"Bearer {second.access_token}"}
    record = await browser.get(f"{elsewhere}/fhir/Patient/p-1", headers=bearer)
    assert record.status == 401


@pytest.mark.parametrize("name", SERVICES)
async def test_a_token_without_a_person(browser: Browser, elsewhere: str, name: str) -> None:
    """C145."""
    await in_database(register, elsewhere, name, service=True)
    command = ("backend_token", "service", "--scope", SERVICE_SCOPE, "--show-token")
    lines = (await in_database(printed, *command)).splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    assert (told["token_type"], told["scope"]) == ("Bearer", SERVICE_SCOPE)
    bearer = {"Authorization": f"Bearer {told['access_token']}"}
    record = await browser.json(f"{elsewhere}/fhir/Patient/p-1", headers=bearer)
    assert record["id"] == "p-1"


@pytest.mark.parametrize("name", ["RS384", "ES384", "basic", "public"])
async def test_a_refresh_token_is_used_once_whoever_comes_and_a_replay_ends_everything(
    browser: Browser, elsewhere: str, name: str
) -> None:
    """Twenty pages at the moment of expiry send one refresh (C123, C125, T20).

    When somebody else sends a token a second time, the EHR ends the grant and the person is told.
    """
    log = Log(browser, elsewhere, name)
    await log.new()
    await in_database(register, elsewhere, name)
    page = await launched(browser, f"{elsewhere}/open")
    old = await tokens_of(page)
    await log.new()

    await expire(page)
    pages = await asyncio.gather(*(browser.get(page.url) for _ in range(20)))
    assert {one.status for one in pages} == {200}
    assert all("Ida Elsewhere" in one.words for one in pages)
    assert await log.new() == {("refresh_token", 200): 1}

    config = await registry.endpoint_for_slug("elsewhere")
    replay = token.refresh_request(refresh_token=old.refresh_token or "", scope=None)
    with pytest.raises(InvalidGrant):
        asked = Request(config, Purpose.REFRESH, old.token_endpoint, replay, old.token_endpoint)
        await pipeline.tokens(await pipeline.admit(asked))
    assert await log.new() == {("refresh_token", 400): 1, ("grant revoked", 0): 1}

    await expire(page)
    ended = await browser.get(page.url)
    assert ended.status == 410
    assert "The EHR ended this app's access" in ended.words
    assert "Ida Elsewhere" not in ended.words
    assert (await browser.get(page.url)).status == 410
    assert await log.new() == {("refresh_token", 400): 1}
