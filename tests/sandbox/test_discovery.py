"""What the sandbox says about itself (S1, S2, S43)."""

from typing import Any

import pytest
from django.test import Client as Browser

from tests.sandbox.conftest import FHIR_BASE, ISSUER, OAUTH, PUBLIC_URL


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
    assert "permission-online" not in configuration["capabilities"]
    assert "launch-ehr" in configuration["capabilities"]


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
    for name in ("authorization", "token", "introspection", "revocation"):
        assert document[f"{name}_endpoint"].startswith(f"{PUBLIC_URL}{OAUTH}/")


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


def test_keys_of_the_preview_world_may_not_be_cached(db: None, browser: Browser) -> None:
    """Q13, S43."""
    answer = browser.get(f"{OAUTH.replace('sandbox', 'sandbox/preview')}/keys")
    assert answer["Cache-Control"] == "no-cache, no-store"
    assert answer.json()["keys"]
