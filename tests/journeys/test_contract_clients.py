"""Other clients at the sandbox EHR, written by hand from the specification."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import encode_basic_auth, web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.demo_server import Demo
from tests.journeys.outside import Browser, Page, command, ehr_launch, patients
from tests.serving import free_port

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"


class Client:
    """A client program that serves its keys at its own address, with a redirect URI next to it."""

    def __init__(self, key: ECKey | RSAKey, alg: str) -> None:
        self.key, self.alg = key, alg
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.jwks_url, self.redirect_uri = f"{self.origin}/jwks", f"{self.origin}/callback"
        self.jwks_fetches = 0

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False, use="sig", alg=self.alg)]}

    async def serve_jwks(self, _: web.Request) -> web.Response:
        self.jwks_fetches += 1
        return web.json_response(self.jwks)

    def assertion(self, client_id: str, audience: str, **changed: Any) -> str:
        claims = {
            "iss": client_id, "sub": client_id, "aud": audience, "jti": secrets.token_urlsafe(16),
            "exp": int(time.time()) + 240, **changed,
        }  # fmt: skip
        header = {"alg": self.alg, "kid": self.key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self.key, algorithms=[self.alg])


def ec_key() -> ECKey:
    return ECKey.generate_key("P-384", parameters={"kid": secrets.token_hex(4)})


async def landed(_: web.Request) -> web.Response:
    return web.Response(text="the client has it")


def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": secrets.token_hex(4)})


KEYS: dict[str, Callable[[], ECKey | RSAKey]] = {"ES384": ec_key, "RS384": rsa_key}


@pytest.fixture(params=list(KEYS))
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    one = Client(KEYS[request.param](), request.param)
    app = web.Application()
    app.router.add_get("/jwks", one.serve_jwks)
    app.router.add_get("/callback", landed)
    app.router.add_get("/go", landed)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", urlsplit(one.origin).port).start()
    yield one
    await runner.cleanup()


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(client_id, secret)}


async def post(browser: Browser, url: str, fields: dict[str, str], **more: Any) -> Page:
    return await browser.request("POST", url, data=fields, **more)


async def token(browser: Browser, url: str, fields: dict[str, str], **more: Any) -> dict[str, Any]:
    page = await post(browser, url, fields, **more)
    assert page.status == 200, page.text
    assert page.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = json.loads(page.text)
    assert found["token_type"].lower() == "bearer"
    return found


async def authorized(
    browser: Browser, client_id: str, redirect_uri: str, verifier: str
) -> tuple[str, dict[str, Any]]:
    """Launch from the EHR by hand up to the code; return it with the EHR's discovery."""
    made = await browser.json(ehr_launch(client_id, format="json"))
    smart = await browser.json(made["iss"] + "/.well-known/smart-configuration")
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri,
        "scope": SCOPE, "state": "state-of-the-client-0123456789", "aud": made["iss"],
        "launch": made["launch"], "nonce": "nonce-of-the-client",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }  # fmt: skip
    page = await browser.allow(f"{smart['authorization_endpoint']}?{urlencode(query)}")
    assert page.url.startswith(redirect_uri), page.words
    answer = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert answer["state"] == query["state"]
    return answer["code"], smart


async def test_a_web_client_with_signed_assertions(
    demo: Demo, browser: Browser, client: Client
) -> None:
    client_id = f"web-{client.alg}"
    printed = await command(
        demo.env,
        f"sandbox_client {client_id} --kind web --name 'By hand' --jwks-url {client.jwks_url}"
        f" --redirect-uri {client.redirect_uri} --launch-url {client.origin}/go --json",
    )
    record = json.loads(printed)
    verifier = secrets.token_urlsafe(48)
    code, smart = await authorized(browser, client_id, client.redirect_uri, verifier)
    url = smart["token_endpoint"]

    def credentials(**changed: Any) -> dict[str, str]:
        assertion = client.assertion(client_id, record["assertion_audience"], **changed)
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    exchange = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }  # fmt: skip
    for refused in (
        exchange | credentials(aud="https://elsewhere.invalid/"),
        exchange | credentials(exp=int(time.time()) - 60),
        exchange | credentials(exp=int(time.time()) + 3600),
        exchange,
    ):
        page = await post(browser, url, refused)
        assert (page.status, json.loads(page.text)["error"]) == (401, "invalid_client")
    used = credentials()
    tokens = await token(browser, url, exchange | used)
    assert client.jwks_fetches >= 1
    replayed = await post(browser, url, exchange | used)
    assert json.loads(replayed.text)["error"] == "invalid_client"

    keys = KeySet.import_key_set(await browser.json(smart["jwks_uri"]))
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (smart["issuer"], client_id)
    assert claims["nonce"] == "nonce-of-the-client"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    record_url = f"/sandbox/fhir/r4/Patient/{tokens['patient']}"
    assert (await browser.json(record_url, headers=bearer))["id"] == tokens["patient"]
    forbidden = f"/sandbox/fhir/r4/Condition?patient={tokens['patient']}"
    assert (await browser.get(forbidden, headers=bearer)).status == 403

    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = await token(browser, url, refresh | {"scope": SCOPE} | credentials())
    assert refreshed["access_token"] != tokens["access_token"]
    asked = {"token": refreshed["access_token"], "token_type_hint": "access_token"}
    seen = await post(browser, smart["introspection_endpoint"], asked | credentials())
    assert json.loads(seen.text)["active"] is True
    ended = {"token": tokens["refresh_token"], "token_type_hint": "refresh_token"}
    revoked = await post(browser, smart["revocation_endpoint"], ended | credentials())
    assert revoked.status == 200
    page = await post(browser, url, refresh | {"scope": SCOPE} | credentials())
    assert json.loads(page.text)["error"] == "invalid_grant"
    assert (await browser.get(record_url, headers=bearer)).status == 401


async def test_a_code_used_twice_ends_what_it_gave(
    demo: Demo, browser: Browser, client: Client
) -> None:
    client_id = f"twice-{client.alg}"
    await command(
        demo.env,
        f"sandbox_client {client_id} --kind public --auth-method none"
        f" --redirect-uri {client.redirect_uri} --launch-url {client.origin}/go",
    )
    verifier = secrets.token_urlsafe(48)
    code, smart = await authorized(browser, client_id, client.redirect_uri, verifier)
    exchange = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri,
        "client_id": client_id,
    }  # fmt: skip
    for wrong in ({}, {"code_verifier": secrets.token_urlsafe(48)}):
        page = await post(browser, smart["token_endpoint"], exchange | wrong)
        assert (page.status, "error" in json.loads(page.text)) == (400, True)
    exchange["code_verifier"] = verifier
    tokens = await token(browser, smart["token_endpoint"], exchange)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    record_url = f"/sandbox/fhir/r4/Patient/{tokens['patient']}"
    assert (await browser.get(record_url, headers=bearer)).status == 200
    again = await post(browser, smart["token_endpoint"], exchange)
    assert json.loads(again.text)["error"] == "invalid_grant"
    assert (await browser.get(record_url, headers=bearer)).status == 401


async def test_a_service_with_signed_assertions(
    demo: Demo, browser: Browser, client: Client, tmp_path: Path
) -> None:
    """Its keys are fetched from its address, or imported from a file."""
    imported = tmp_path / "jwks.json"
    imported.write_text(json.dumps(client.jwks))
    for number, way in enumerate((f"--jwks-url {client.jwks_url}", f"--jwks-file {imported}")):
        client_id = f"service-{client.alg}-{number}"
        printed = await command(
            demo.env,
            f"sandbox_client {client_id} --kind service {way} --scope system/Patient.rs --json",
        )
        record = json.loads(printed)
        fields = {
            "grant_type": "client_credentials",
            "scope": "system/Patient.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": client.assertion(client_id, record["assertion_audience"]),
        }
        tokens = await token(browser, record["token_endpoint"], fields)
        assert tokens["scope"] == "system/Patient.rs"
        assert not {"refresh_token", "id_token", "patient"} & set(tokens)
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        for patient in (await patients(browser))[:2]:
            found = await browser.json(f"/sandbox/fhir/r4/Patient/{patient}", headers=bearer)
            assert (found["resourceType"], found["id"]) == ("Patient", patient)
        more = fields | {"scope": "system/Observation.rs"}
        more["client_assertion"] = client.assertion(client_id, record["assertion_audience"])
        page = await post(browser, record["token_endpoint"], more)
        assert json.loads(page.text)["error"] == "invalid_scope"
    assert client.jwks_fetches == 1


@pytest.mark.parametrize("profile", ["athena", "strict", "bcp"])
async def test_a_service_with_a_secret_in_each_profile(
    demo: Demo, browser: Browser, profile: str
) -> None:
    secret, client_id = secrets.token_urlsafe(24), f"secret-{profile}"
    printed = await command(
        demo.env | {"CLIENT_SECRET": secret},
        f"sandbox_client {client_id} --kind service --auth-method client_secret_basic"
        f" --client-secret-env CLIENT_SECRET --profile {profile} --json",
    )
    assert secret not in printed
    url = json.loads(printed)["token_endpoint"]
    fields = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    tokens = await token(browser, url, fields, headers=basic(client_id, secret))
    # athenahealth sends the number as a string in 2-legged answers.
    assert int(tokens["expires_in"]) > 0
    wrong = await post(browser, url, fields, headers=basic(client_id, "wrong"))
    assert (wrong.status, json.loads(wrong.text)["error"]) == (401, "invalid_client")
