"""The addresses that other programs read: public keys, health, and the sandbox's documents."""

import json
from typing import Any

import pytest

from tests.demo_server import Demo
from tests.journeys.outside import Browser, Page, command, ehr_launch

JWKS_ADDRESSES = ["/.well-known/jwks/sandbox.json", "/.well-known/jwks.json"]
PUBLIC_MEMBERS = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}


def keys_of(page: Page) -> list[dict[str, Any]]:
    assert page.status == 200
    keys: list[dict[str, Any]] = json.loads(page.text)["keys"]
    return keys


@pytest.mark.parametrize("address", JWKS_ADDRESSES)
class TestJWKS:
    async def test_shows_public_members_and_nothing_else(
        self, address: str, browser: Browser
    ) -> None:
        keys = keys_of(await browser.get(address))
        assert {key["alg"] for key in keys} >= {"RS384", "ES384"}
        for key in keys:
            assert set(key) == {"kty", "kid", "use", "alg"} | PUBLIC_MEMBERS[key["kty"]]
            assert key["use"] == "sig"
        assert len({key["kid"] for key in keys}) == len(keys)

    async def test_may_be_kept_for_five_minutes_and_leaves_no_cookie(
        self, address: str, browser: Browser
    ) -> None:
        await browser.allow(ehr_launch())  # a browser with cookies gets the same
        page = await browser.get(address)
        assert page.headers["Cache-Control"] == "public, max-age=300"
        assert page.headers["Content-Type"] == "application/json"
        assert "Set-Cookie" not in page.headers
        assert "Vary" not in page.headers

    async def test_an_unchanged_copy_is_not_sent_again(
        self, address: str, browser: Browser
    ) -> None:
        etag = (await browser.get(address)).headers["ETag"]
        for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            again = await browser.get(address, headers={"If-None-Match": sent})
            assert (again.status, again.text) == (304, "")
            assert again.headers["ETag"] == etag
            assert again.headers["Cache-Control"] == "public, max-age=300"
        other = await browser.get(address, headers={"If-None-Match": '"other"'})
        assert other.status == 200

    async def test_head_is_get_without_the_body(self, address: str, browser: Browser) -> None:
        whole, head = await browser.get(address), await browser.request("HEAD", address)
        assert (head.status, head.text) == (200, "")
        for name in ("ETag", "Cache-Control", "Content-Length", "Content-Type"):
            assert head.headers[name] == whole.headers[name]

    async def test_cannot_be_written(self, address: str, browser: Browser) -> None:
        page = await browser.request("POST", address)
        assert (page.status, page.headers["Allow"]) == (405, "GET, HEAD")


async def test_an_unknown_key_set_is_not_found(browser: Browser) -> None:
    for address in ("/.well-known/jwks/nobody.json", "/.well-known/jwks/../jwks.json.json"):
        assert (await browser.get(address)).status == 404


async def test_the_exported_keys_are_the_published_ones(demo: Demo, browser: Browser) -> None:
    exported = json.loads(await command(demo.env, "export_jwks sandbox"))
    assert exported == json.loads((await browser.get(JWKS_ADDRESSES[0])).text)


async def test_alive_and_ready(browser: Browser) -> None:
    """The app is ready as soon as the demo says that it runs."""
    alive, ready = await browser.get("/healthz"), await browser.get("/readyz")
    assert alive.status == 200
    assert (ready.status, json.loads(ready.text)) == (200, {"ready": True, "missing": []})
    for page in (alive, ready):
        assert "Set-Cookie" not in page.headers
        assert "no-store" in page.headers["Cache-Control"]


async def test_the_sandbox_describes_itself(browser: Browser) -> None:
    base = "/sandbox/fhir/r4"
    smart = await browser.json(f"{base}/.well-known/smart-configuration")
    oauth = f"{browser.origin}/sandbox/oauth2/v1"
    assert smart["authorization_endpoint"] == f"{oauth}/authorize"
    assert smart["token_endpoint"] == f"{oauth}/token"
    assert smart["introspection_endpoint"] == f"{oauth}/introspect"
    assert smart["revocation_endpoint"] == f"{oauth}/revoke"
    assert smart["jwks_uri"] == f"{oauth}/keys"
    openid = await browser.json(f"{smart['issuer']}/.well-known/openid-configuration")
    assert openid["issuer"] == smart["issuer"]
    assert openid["jwks_uri"] == smart["jwks_uri"]
    statement = await browser.json(f"{base}/metadata")
    (extension,) = statement["rest"][0]["security"]["extension"]
    assert {part["url"]: part["valueUri"] for part in extension["extension"]}["token"] == (
        f"{oauth}/token"
    )
    for key in (await browser.json(smart["jwks_uri"]))["keys"]:
        assert set(key) <= {"kty", "kid", "use", "alg"} | PUBLIC_MEMBERS[key["kty"]]


async def test_the_sandbox_gives_nothing_without_a_token(browser: Browser) -> None:
    for path in ("Patient", "Patient/x", "Observation?patient=x"):
        assert (await browser.get(f"/sandbox/fhir/r4/{path}")).status == 401
    for endpoint in ("token", "introspect", "revoke"):
        page = await browser.request("POST", f"/sandbox/oauth2/v1/{endpoint}", data={"token": "x"})
        assert page.status in {400, 401}
        assert "error" in json.loads(page.text)


async def test_the_sign_in_page_names_the_two_people(browser: Browser) -> None:
    page = await browser.get("/connect/sandbox/")
    form = page.form("password")
    assert form is not None
    assert {"username", "password"} <= form.names
    for words in ("clinician / sandbox", "patient / sandbox"):
        assert words in page.words
    refused = await browser.submit(page, form, username="clinician", password="wrong")
    assert refused.form("password") is not None
    assert (await browser.get("/sandbox/oauth2/v1/logout")).status == 200
