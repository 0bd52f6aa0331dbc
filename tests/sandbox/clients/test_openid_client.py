"""npm `openid-client`, certified and unchanged, as another developer's app at the running sandbox.

Each test goes the whole way: discovery, launch, forms, id_token with signature, FHIR, refresh,
introspection, revocation. Only documented hooks of the library are used.
"""

import json
from typing import Any

import pytest

from tests.sandbox.clients import conftest
from tests.sandbox.clients.conftest import SECRET, Record, Sandbox, node_app

SCOPE = "openid fhirUser launch/patient offline_access patient/Patient.rs"
EHR_SCOPE = SCOPE.replace("launch/patient", "launch")
SERVICE_SCOPE = "athena/service/Athenanet.MDP.*"
WEB = ("--kind=web",)
BASIC = (*WEB, "--client-secret-env=STRANGERS_SECRET")
PUBLIC = ("--kind=public",)


def registered(sandbox: Sandbox, client_id: str, *options: str, **more: Any) -> Record:
    usual = {"scope": SCOPE, "secret": SECRET}
    return conftest.registered(sandbox, client_id, *options, **usual | more)


def check(told: Record, settings: Record) -> None:
    """Check what the app received, from the launch to the revoked token."""
    assert told["claims"]["iss"] == settings["issuer"]
    assert told["claims"]["aud"] == settings["client_id"]
    assert (told["token_type"], told["expires_in"]) == ("bearer", 3600)
    assert told["read"]["status"] == 200
    assert told["read"]["body"]["id"] == told["patient"]
    assert told["refreshed"] == {
        "scope": told["scope"], "patient": told["patient"], "is_new": True,
    }  # fmt: skip
    assert told["after"] == {"read": 401, "refresh": "invalid_grant"}


@pytest.mark.parametrize(
    ("client_id", "alg", "profile"),
    [
        ("node-rs384", "RS384", "strict"),
        ("node-es384", "ES384", "strict"),
        ("node-es384-athena", "ES384", "athena"),
    ],
)
def test_private_key_jwt(
    sandbox: Sandbox, node: str, client_id: str, alg: str, profile: str
) -> None:
    """ "Using a self-hosted JWKS URL": the audience is the one that registration names (S24, S25,
    S50)."""
    settings = registered(sandbox, client_id, *WEB, f"--profile={profile}", alg=alg)
    settings["audience"] = settings["assertion_audience"]
    with node_app(node, settings) as origin:
        told = json.loads(sandbox.allow(f"{origin}/start", username="patient").text)
    check(told, settings)
    assert told["introspection"]["active"] is True
    assert told["introspection"]["patient"] == told["patient"]


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_newest_practice_needs_no_hook_at_all(sandbox: Sandbox, node: str, alg: str) -> None:
    """The library itself takes the issuer as audience and checks `iss` (RFC 9207; S17, S25)."""
    settings = registered(sandbox, f"node-bcp-{alg}", *WEB, "--profile=bcp", alg=alg)
    with node_app(node, settings) as origin:
        told = json.loads(sandbox.allow(f"{origin}/start", username="patient").text)
    check(told, settings)


@pytest.mark.parametrize(
    ("world", "client_id", "options"),
    [
        ("strict", "node-strict-secret", BASIC),
        ("bcp", "node-bcp-keys", WEB),
        ("bcp", "node-bcp-public", PUBLIC),
    ],
)
def test_world_that_tells_the_truth_is_taken_at_its_word(
    sandbox: Sandbox, node: str, world: str, client_id: str, options: tuple[str, ...]
) -> None:
    """Discovery needs no hook; in bcp the library then requires `iss` (S2, S3, S17, S22)."""
    settings = registered(sandbox, client_id, *options, f"--world={world}")
    with node_app(node, settings) as origin:
        told = json.loads(sandbox.allow(f"{origin}/start", username="patient").text)
    check(told, settings)
    assert f"/sandbox/{world}/" in told["claims"]["iss"]


def test_promised_issuer_is_missed_by_the_library_itself(sandbox: Sandbox, node: str) -> None:
    """openid-client refuses an answer without `iss` where bcp has promised one (S2, S17, S66)."""
    quirk = "--quirk=authorize-iss-missing"
    settings = registered(sandbox, "node-bcp-without", *WEB, "--world=bcp", quirk)
    with node_app(node, settings) as origin:
        refused = sandbox.allow(f"{origin}/start", username="patient")
    assert refused.status == 500
    assert 'response parameter "iss" (issuer) missing' in refused.text


def test_secret_in_a_basic_header(sandbox: Sandbox, node: str) -> None:
    """ "passed in a basic authorization header on every request": both parts are url-encoded
    (S22)."""
    settings = registered(sandbox, "node: basic", *BASIC)
    with node_app(node, settings) as origin:
        told = json.loads(sandbox.allow(f"{origin}/start", username="patient").text)
    check(told, settings)
    assert told["introspection"]["client_id"] == "node: basic"


def test_public_app_with_pkce(sandbox: Sandbox, node: str) -> None:
    """ "native or single-page browser apps that cannot securely store a client secret" (S13)."""
    settings = registered(sandbox, "node-public", *PUBLIC)
    with node_app(node, settings) as origin:
        told = json.loads(sandbox.allow(f"{origin}/start", username="patient").text)
    check(told, settings)
    assert told["introspection"] == 401


def test_launch_from_the_ehr(sandbox: Sandbox, node: str) -> None:
    """The EHR opens the app and tells it the encounter (S14, S36)."""
    settings = registered(sandbox, "node-launched", *BASIC, scope=EHR_SCOPE)
    with node_app(node, settings):
        told = json.loads(sandbox.allow("/sandbox/launch?client_id=node-launched").text)
    check(told, settings)
    assert told["encounter"]


@pytest.mark.parametrize(
    ("client_id", "options", "auth_method"),
    [
        ("node-service", ("--kind=service", "--client-secret-env=STRANGERS_SECRET"), "basic"),
        ("node-service-jwt", ("--kind=service", "--profile=bcp"), "private_key_jwt"),
    ],
)
def test_service_without_a_person(
    sandbox: Sandbox, node: str, client_id: str, options: tuple[str, ...], auth_method: str
) -> None:
    """ "only an access token is returned for 2-legged OAuth" (S21, S29)."""
    settings = registered(sandbox, client_id, *options, scope=SERVICE_SCOPE)
    assert auth_method in settings["auth_method"]
    with node_app(node, settings) as origin:
        told = json.loads(sandbox.allow(f"{origin}/service").text)
    assert told == {
        "access_token": "string", "token_type": "bearer", "expires_in": 3600,
        "scope": SERVICE_SCOPE,
    }  # fmt: skip
