"""What vendors publish, kind by kind, in documents of our own: each registers without a word, or
says in one sentence what an administrator has to do."""

import json
from typing import Any

import pytest

from smartapp.diagnosis import ehr_side
from smartapp.registrations import discovery, registry
from tests.registrations.ehr import EHR
from tests.registrations.test_register_ehr import register

pytestmark = pytest.mark.django_db(transaction=True)

SMART = "/fhir/r4/.well-known/smart-configuration"
OPENID = "/issuer/.well-known/openid-configuration"
CAPABILITIES = [
    "launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
    "client-confidential-asymmetric", "sso-openid-connect", "context-ehr-patient",
    "context-standalone-patient", "permission-offline", "permission-patient", "permission-user",
    "permission-v1", "permission-v2",
]  # fmt: skip


def publish(ehr: EHR, **changes: Any) -> None:
    ehr.publish(**{"capabilities": CAPABILITIES, "jwks_uri": f"{ehr.issuer}/keys", **changes})


SILENT = {
    "as SMART says": {},
    "PKCE as a lone string": {"code_challenge_methods_supported": "S256"},
    "more than one method": {"code_challenge_methods_supported": ["plain", "S256"]},
    "null lists": {
        "token_endpoint_auth_signing_alg_values_supported": None,
        "token_endpoint_auth_methods_supported": None,
    },
    "scopes as a list in a list": {"scopes_supported": [["openid", "patient/*.rs"]]},
    "scopes twice": {"scopes_supported": ["openid", "openid"]},
    "members that nobody knows": {"udap_versions_supported": ["1"], "subject_types": {"a": 1}},
    "a misspelt member": {"token_endpoint_auth_methods": ["private_key_jwt"]},
    "draft capabilities": {"capabilities": [*CAPABILITIES, "context-passthrough-banner"]},
    "private_key_jwt, not the capability": {
        "capabilities": [one for one in CAPABILITIES if "asymmetric" not in one],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    },
    "all in one string of a list": {
        "capabilities": [" ".join(CAPABILITIES)],
        "code_challenge_methods_supported": ["plain,S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic, private_key_jwt"],
    },
    "lone strings": {
        "token_endpoint_auth_methods_supported": "private_key_jwt",
        "token_endpoint_auth_signing_alg_values_supported": "ES384 RS384",
    },
    "empty lists": {
        "token_endpoint_auth_methods_supported": [],
        "token_endpoint_auth_signing_alg_values_supported": [],
    },
    "lists of objects": {
        "token_endpoint_auth_methods_supported": [{"method": "private_key_jwt"}],
        "token_endpoint_auth_signing_alg_values_supported": [None],
    },
    "a path from the root": {"token_endpoint": "/token", "revocation_endpoint": "/revoke"},
    "a grant among the methods": {
        "code_challenge_methods_supported": ["authorization_code", "S256"],
        "grant_types_supported": ["S256"],
    },
}

SAID = {
    "no PKCE": ({"code_challenge_methods_supported": None}, "--pkce-unannounced"),
    "plain alone": ({"code_challenge_methods_supported": ["plain"]}, "Nobody can launch"),
    "no token endpoint": ({"token_endpoint": None}, "Nobody can launch"),
    "an empty token endpoint": ({"token_endpoint": ""}, "Nobody can launch"),
    "a token endpoint in its network": (
        {"token_endpoint": "https://10.1.2.3/token"},
        "token_endpoint: address 10.1.2.3 is not public, so nobody can sign in.",
    ),
    "a token endpoint by its name there": (
        {"token_endpoint": "https://authserver/token"},
        "token_endpoint: authserver is a name inside somebody's network, so nobody can sign in.",
    ),
    "brackets": ({"token_endpoint": "https://e.example/[tenant]/token"}, "placeholder in brackets"),
    "https:// twice": ({"token_endpoint": "https://https://e.example/token"}, "is there twice"),
    "half an address": (
        {"token_endpoint": "login.example/token"},
        "token_endpoint is not a whole address: login.example/token. Used is http",
    ),
    "words for none": (
        {"revocation_endpoint": "N/A"}, "revocation_endpoint is not a whole address: N/A."
    ),
    "an issuer that is no address": (
        {"issuer": "urn:oid:1.2.3"}, "The issuer in discovery is not used: urn:oid:1.2.3 ("
    ),
    "an issuer with a placeholder": (
        {"issuer": "https://login.example/{tenantid}/v2.0"}, "has a placeholder in brackets"
    ),
    "a payer without issuer": (
        {
            "issuer": None,
            "jwks_uri": None,
            "capabilities": [one for one in CAPABILITIES if one != "sso-openid-connect"],
        },
        "take openid and fhirUser out of the scopes",
    ),
    "an issuer that is nowhere": (
        {"issuer": None, "jwks_uri": None},
        "If there is none, take openid and fhirUser out",
    ),
    "an empty issuer": ({"issuer": "", "jwks_uri": None}, "enter the expected issuer"),
    "no capabilities": ({"capabilities": None}, "The EHR lists no capabilities; this registration"),
    "capabilities as a lone string": ({"capabilities": "launch-ehr"}, "does not list"),
    "older scopes only": (
        {"capabilities": [one for one in CAPABILITIES if one != "permission-v2"]},
        ".read in place of .rs",
    ),
    "revocation over http": (
        {"revocation_endpoint": "ftp://ehr.example/revoke"},
        "Not used: revocation_endpoint",
    ),
}  # fmt: skip


async def warnings(ehr: EHR) -> list[str]:
    said: list[str] = (await register(ehr.base))["warnings"]
    return said


@pytest.mark.parametrize("changes", SILENT.values(), ids=SILENT)
async def test_what_harms_nobody_is_registered_without_a_word(
    ehr: EHR, changes: dict[str, Any]
) -> None:
    publish(ehr, **changes)

    assert await warnings(ehr) == []
    config = await registry.endpoint_for_iss(ehr.base)
    assert (await discovery.launch_endpoints(config)).token_endpoint == f"{ehr.origin}/token"


@pytest.mark.parametrize(("changes", "sentence"), SAID.values(), ids=SAID)
async def test_what_stands_in_the_way_is_said_with_the_way_out(
    ehr: EHR, changes: dict[str, Any], sentence: str
) -> None:
    publish(ehr, **changes)

    said = await warnings(ehr)
    assert any(sentence in one for one in said), said
    assert not any("undefined" in one or "None" in one for one in said)


@pytest.mark.parametrize("before", [b"\n\n", b"\xef\xbb\xbf"], ids=["blank lines", "BOM"])
async def test_what_stands_before_the_document_harms_nobody(ehr: EHR, before: bytes) -> None:

    publish(ehr)
    _, document, headers = ehr.answers[SMART]
    ehr.answers[SMART] = 200, before + json.dumps(document).encode(), headers

    assert await warnings(ehr) == []


async def test_issuer_without_openid_configuration_is_found_by_the_published_keys(
    ehr: EHR,
) -> None:
    publish(ehr)
    del ehr.answers[OPENID]

    assert await warnings(ehr) == []


async def test_issuer_without_any_keys_names_the_override(ehr: EHR) -> None:
    publish(ehr, jwks_uri=None)
    del ehr.answers[OPENID]

    (said,) = await warnings(ehr)
    assert "as Keys of the issuer (JWKS)" in said
    assert "followed by /auth, the FHIR base URL" in said


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"issuer": "https://a.example" "token_endpoint": "x"}', "the document there is broken"),
        (b'{"capabilities": ["launch-ehr",]}', "publish a corrected copy"),
        (b"<!doctype html><title>Developer portal</title>", "web page came"),
        (b"", "Compare the FHIR base URL"),
        (b'["a"]', "Compare the FHIR base URL"),
    ],
    ids=["comma missing", "comma too many", "web page", "empty", "list"],
)
async def test_what_is_no_document_is_told_from_one_that_is_broken(
    ehr: EHR, body: bytes, sentence: str
) -> None:
    ehr.answers[SMART] = 200, body, {}

    (said,) = await warnings(ehr)
    assert sentence in said
    assert ("broken" in said) is body.startswith(b"{")


async def test_null_in_place_of_an_endpoint_is_said(ehr: EHR) -> None:
    publish(ehr)
    ehr.answers[SMART][1]["token_endpoint"] = None

    (said,) = await warnings(ehr)
    assert "No token_endpoint." in said


async def test_blanks_around_addresses_are_not_part_of_them(ehr: EHR) -> None:
    publish(ehr, issuer=f" {ehr.issuer} ", token_endpoint=f"{ehr.origin}/token\n")

    assert await warnings(ehr) == []
    config = await registry.endpoint_for_iss(ehr.base)
    assert config.issuers == (ehr.issuer,)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"resourceType": "OperationOutcome", "issue": []}, "FHIR resource (OperationOutcome)"),
        ({"resourceType": "CapabilityStatement"}, "FHIR resource (CapabilityStatement)"),
        ({"error": "maintenance"}, "JSON"),
        ({}, "JSON"),
    ],
    ids=str,
)
async def test_another_document_pins_no_host(ehr: EHR, document: dict[str, Any], what: str) -> None:
    """Otherwise launches would stop as soon as the right document names hosts of its own."""
    ehr.answers[SMART] = 200, document, {}

    (said,) = await warnings(ehr)
    assert f"The {what} there is no SMART configuration" in said
    publish(ehr, token_endpoint="https://login.example/token")
    assert await warnings(ehr) == []


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        ({"resourceType": "Conformance", "fhirVersion": "1.0.2"}, "1.0.2"),
        ({"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}, "3.0.2"),
        ({"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}, "5.0.0"),
    ],
    ids=["DSTU2", "STU3", "R5"],
)
async def test_a_server_of_another_version_is_said(
    ehr: EHR, statement: dict[str, Any], version: str
) -> None:
    publish(ehr)
    ehr.answers["/fhir/r4/metadata"] = 200, statement, {}

    (said,) = await warnings(ehr)
    assert said.startswith(f"The server speaks FHIR {version}, and this app reads 4.0. Ask")


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}, {}),
        (200, {"resourceType": "CapabilityStatement"}, {}),
        (401, {"resourceType": "OperationOutcome"}, {}),
        (200, b"<CapabilityStatement/>", {}),
        (200, {"fhirVersion": "1.0.2"}, {}),
        (200, b" " * (ehr_side.MAX_METADATA_BYTES + 1), {}),
        (302, b"", {"Location": "https://sign-in.example/"}),
    ],
    ids=["R4", "not said", "not public", "XML", "something else", "too large", "a sign-in page"],
)
async def test_a_server_that_does_not_say_another_version_is_not_doubted(
    ehr: EHR, answer: tuple[int, Any, dict[str, str]]
) -> None:
    publish(ehr)
    ehr.answers["/fhir/r4/metadata"] = answer

    assert await warnings(ehr) == []
