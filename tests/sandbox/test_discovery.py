"""What the sandbox says about itself (S1, S2, S43)."""

from typing import Any

import pytest
from django.test import Client as Browser

from tests.sandbox.conftest import FHIR_BASE, ISSUER, OAUTH, PUBLIC_URL, App, assert_refused

PATHS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "introspection_endpoint": "introspect",
    "revocation_endpoint": "revoke",
    "jwks_uri": "keys",
}


@pytest.fixture
def configuration(browser: Browser) -> dict[str, Any]:
    answer = browser.get(f"{FHIR_BASE}/.well-known/smart-configuration")
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] == "*"
    document: dict[str, Any] = answer.json()
    return document


def test_smart_configuration_has_the_members_that_athena_has(
    configuration: dict[str, Any],
) -> None:
    """S2."""
    assert set(configuration) == {
        "issuer", "jwks_uri", "authorization_endpoint", "token_endpoint",
        "introspection_endpoint", "revocation_endpoint", "grant_types_supported",
        "response_types_supported", "code_challenge_methods_supported",
        "token_endpoint_auth_methods_supported", "token_endpoint_auth_methods", "capabilities",
    }  # fmt: skip
    assert configuration["code_challenge_methods_supported"] == ["S256"]
    assert configuration["grant_types_supported"] == ["authorization_code", "client_credentials"]
    assert {"code", "token", "code id_token"} < set(configuration["response_types_supported"])
    for name in ("token_endpoint_auth_methods_supported", "token_endpoint_auth_methods"):
        assert set(configuration[name]) == {
            "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt",
            "none",
        }  # fmt: skip
    assert set(configuration["capabilities"]) == {
        "launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
        "client-confidential-asymmetric", "sso-openid-connect", "authorize-post",
        "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
        "context-banner", "context-style", "permission-offline", "permission-patient",
        "permission-user", "permission-v1", "permission-v2", "health-cards",
    }  # fmt: skip


def test_preview_announces_the_same_at_addresses_of_its_own(
    configuration: dict[str, Any], browser: Browser
) -> None:
    """S2."""
    preview = discovered(browser, "preview")
    assert preview.keys() == configuration.keys()
    own = {name for name in preview if preview[name] != configuration[name]}
    assert own == {name for name in preview if name.endswith(("_endpoint", "_uri", "issuer"))}


def discovered(browser: Browser, world: str) -> dict[str, Any]:
    document: dict[str, Any] = browser.get(
        f"/sandbox/{world}/fhir/r4/.well-known/smart-configuration"
    ).json()
    return document


def test_strict_world_announces_smart_to_the_letter(
    configuration: dict[str, Any], browser: Browser
) -> None:
    """It adds the refresh grant and the algorithms, and drops what it does not accept (S2, Q34)."""
    strict = discovered(browser, "strict")
    assert set(strict["grant_types_supported"]) - set(configuration["grant_types_supported"]) == {
        "refresh_token"
    }
    assert strict["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic", "private_key_jwt", "none",
    ]  # fmt: skip
    assert {"RS384", "ES384"} <= set(strict["token_endpoint_auth_signing_alg_values_supported"])
    assert strict["response_types_supported"] == ["code"]
    assert {"permission-online", "sso-openid-connect"} <= set(strict["capabilities"])
    assert {"openid", "patient/*.rs"} <= set(strict["scopes_supported"])
    assert "token_endpoint_auth_methods" not in strict
    assert not {"health-cards", "context-standalone-encounter"} & set(strict["capabilities"])


def test_only_the_bcp_world_promises_iss(configuration: dict[str, Any], browser: Browser) -> None:
    """Promised only where `iss` is always sent: clients then require it (S2, S17, RFC 9207)."""
    flag = "authorization_response_iss_parameter_supported"
    strict, bcp = (discovered(browser, world) for world in ("strict", "bcp"))
    assert bcp[flag] is True
    assert set(bcp) - set(strict) == {flag}
    assert flag not in configuration
    openid = browser.get(f"{bcp['issuer']}/.well-known/openid-configuration").json()
    assert openid[flag] is True
    assert openid["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic", "private_key_jwt", "none",
    ]  # fmt: skip


def test_addresses_are_below_public_url_whatever_the_host(browser: Browser) -> None:
    """S1."""
    answer = browser.get(
        f"{FHIR_BASE}/.well-known/smart-configuration", headers={"Host": "localhost"}
    )
    document = answer.json()
    assert document["issuer"] == ISSUER
    assert {name: document[name] for name in PATHS} == {
        name: f"{PUBLIC_URL}{OAUTH}/{path}" for name, path in PATHS.items()
    }


def test_issuer_has_an_openid_configuration_and_the_fhir_base_none(browser: Browser) -> None:
    """S1."""
    document = browser.get(f"{ISSUER}/.well-known/openid-configuration").json()
    assert document["issuer"] == ISSUER
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    nowhere = browser.get(f"{FHIR_BASE}/.well-known/openid-configuration")
    assert nowhere.status_code == 404


def test_keys_are_public_and_cacheable(db: None, browser: Browser) -> None:
    """S43."""
    answer = browser.get(f"{OAUTH}/keys")
    assert answer["Cache-Control"] == "public, max-age=300"
    key = answer.json()["keys"][0]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert browser.get(f"{OAUTH}/keys").json() == answer.json()


def test_keys_may_be_asked_for_by_client(app: App, browser: Browser) -> None:
    """athenahealth's page has the parameter, its discovery has not; both work (S43)."""
    named = browser.get(f"{OAUTH}/keys", {"client_id": app.client_id})
    assert named.json() == browser.get(f"{OAUTH}/keys").json()
    stranger = browser.get(f"{OAUTH}/keys", {"client_id": "stranger"})
    assert_refused(stranger, 400, "invalid_request", "not registered")


def test_keys_of_the_preview_world_may_not_be_cached(db: None, browser: Browser) -> None:
    """Q13, S43."""
    answer = browser.get(f"{OAUTH.replace('sandbox', 'sandbox/preview')}/keys")
    assert answer["Cache-Control"] == "no-cache, no-store"
    assert answer.json()["keys"]
