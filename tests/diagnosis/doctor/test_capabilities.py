"""What a registration uses against what its EHR lists: C17."""

import json

import pytest

from smartapp.diagnosis import capabilities
from smartapp.protocol.discovery import Discovery, parse_discovery
from smartapp.registrations.registry import EndpointConfig
from tests.registrations.factories import BASE, NOW, changed

CONFIG = changed(
    EndpointConfig(
        endpoint_id=1,
        slug="general",
        name="General Hospital",
        fhir_base_url=BASE,
        issuers=(),
        pinned_hosts=frozenset(),
        registration_id=1,
        registration_slug="general",
        registration_name="General Hospital",
        client_secret="",
        key_set_slug="general",
        preset="",
        updated_at=NOW,
    ),
    auth_method="none",
    scope="launch",
)
LEAST = {"launch-ehr", "context-ehr-patient", "client-public"}


def test_a_launch_from_the_ehr_needs_the_least() -> None:
    assert capabilities.needed(CONFIG).keys() == LEAST


@pytest.mark.parametrize(
    ("scope", "capability"),
    [
        ("launch openid", {"sso-openid-connect"}),
        ("launch offline_access", {"permission-offline"}),
        ("launch online_access", {"permission-online"}),
        ("launch patient/Observation.rs", {"permission-patient", "permission-v2"}),
        ("launch patient/Observation.rs?category=x", {"permission-patient", "permission-v2"}),
        ("launch patient/Observation.read", {"permission-patient", "permission-v1"}),
        ("launch user/*.*", {"permission-user", "permission-v1"}),
        ("launch fhirUser profile launch/encounter", set()),
    ],
)
def test_each_scope_needs_its_own(scope: str, capability: set[str]) -> None:
    assert capabilities.needed(changed(CONFIG, scope=scope)).keys() == LEAST | capability


def test_patients_need_standalone_launch_and_their_own_record() -> None:
    config = changed(CONFIG, standalone_scope="launch/patient")
    assert capabilities.needed(config).keys() == LEAST | {
        "launch-standalone",
        "context-standalone-patient",
    }


@pytest.mark.parametrize(
    ("method", "capability"),
    [
        ("private_key_jwt", "client-confidential-asymmetric"),
        ("client_secret_basic", "client-confidential-symmetric"),
        ("none", "client-public"),
    ],
)
def test_each_authentication_needs_its_own(method: str, capability: str) -> None:
    assert capability in capabilities.needed(changed(CONFIG, auth_method=method))


def test_what_is_not_listed_is_said_with_what_needs_it() -> None:
    body = b'{"capabilities": ["launch-ehr", "client-public"]}'
    discovery = parse_discovery(body, fhir_base_url=BASE)

    (one,) = capabilities.missing(CONFIG, discovery)
    assert one.seen == "The EHR does not list context-ehr-patient, needed for the EHR's patient."
    assert one.fix.endswith("ask the vendor how the app is told whose chart is open.")


def test_a_2_legged_registration_needs_its_authentication_only() -> None:
    """C145."""
    config = changed(CONFIG, scope="system/Patient.rs", auth_method="private_key_jwt")
    assert capabilities.needed(config).keys() == {"client-confidential-asymmetric"}


def test_what_to_do_is_known_for_everything_that_can_be_needed() -> None:
    scopes = "launch openid offline_access online_access patient/*.rs user/*.read"
    for method in ("private_key_jwt", "client_secret_basic", "none"):
        config = changed(
            CONFIG, scope=scopes, standalone_scope="launch/patient", auth_method=method
        )
        other = parse_discovery(b'{"capabilities": ["context-banner"]}', fhir_base_url=BASE)
        assert len(capabilities.missing(config, other)) == len(capabilities.needed(config)) >= 10


@pytest.mark.parametrize("body", [b"{}", b'{"capabilities": []}', b'{"capabilities": null}'])
def test_an_absent_list_is_said_in_one_sentence(body: bytes) -> None:
    discovery = parse_discovery(body, fhir_base_url=BASE)

    (one,) = capabilities.missing(CONFIG, discovery)
    assert one.seen == (
        "The EHR lists no capabilities; this registration needs launch-ehr, context-ehr-patient, "
        "client-public."
    )


@pytest.mark.parametrize(
    "name", ["token_endpoint_auth_methods_supported", "token_endpoint_auth_methods"]
)
@pytest.mark.parametrize(
    ("method", "capability"),
    [
        ("private_key_jwt", "client-confidential-asymmetric"),
        ("client_secret_basic", "client-confidential-symmetric"),
    ],
)
def test_a_listed_authentication_method_counts_as_its_capability(
    name: str, method: str, capability: str
) -> None:
    config = changed(CONFIG, auth_method=method)
    body: dict[str, object] = {"capabilities": ["launch-ehr", "context-ehr-patient"]}
    (lacking,) = capabilities.missing(config, parse(body))
    assert capability in lacking.seen

    assert capabilities.missing(config, parse(body | {name: [method]})) == ()


def parse(document: dict[str, object]) -> Discovery:
    return parse_discovery(json.dumps(document).encode(), fhir_base_url=BASE)


@pytest.mark.parametrize(
    ("method", "listed", "endpoint", "is_advised"),
    [
        # Glewlwyd 2.7.5, which then refuses to revoke, and Canaille 0.3.6.
        ("private_key_jwt", ["client_secret_basic"], "/revoke", True),
        ("client_secret_basic", ["private_key_jwt", "client_secret_post"], "/revoke", True),
        ("client_secret_basic", ["client_secret_basic"], "/revoke", False),
        ("private_key_jwt", [], "/revoke", False),
        ("private_key_jwt", None, "/revoke", False),
        ("private_key_jwt", ["client_secret_basic"], None, False),
        ("none", ["client_secret_basic"], "/revoke", False),
    ],
)
def test_a_method_that_is_not_listed_for_revocations_is_told(
    method: str, listed: list[str] | None, endpoint: str | None, *, is_advised: bool
) -> None:
    document = {
        "revocation_endpoint": endpoint,
        "revocation_endpoint_auth_methods_supported": listed,
    }
    published = parse_discovery(json.dumps(document).encode(), fhir_base_url=BASE)
    found = capabilities.revocation(changed(CONFIG, auth_method=method), published)
    assert bool(found) is is_advised
