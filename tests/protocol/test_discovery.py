"""Discovery documents of EHRs (SMART App Launch 2.2 §Conformance; C10 to C14)."""

import json
from typing import Any

import pytest

from smartapp.protocol import discovery
from smartapp.protocol.errors import DiscoveryIncomplete, DiscoveryInvalid, PKCEUnannounced

BASE = "https://api.example/fhir/r4"
ISSUER = "https://athena.okta.example/oauth2/aus1"
GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://api.example/oauth2/v1/authorize",
    "token_endpoint": "https://api.example/oauth2/v1/token",
    "introspection_endpoint": "https://api.example/oauth2/v1/introspect",
    "revocation_endpoint": "https://api.example/oauth2/v1/revoke",
    "jwks_uri": "https://keys.example:8443/oauth2/v1/keys",
    "grant_types_supported": ["authorization_code", "client_credentials"],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "code_challenge_methods_supported": ["S256"],
    "capabilities": ["launch-ehr", "permission-v2"],
    "scopes_supported": ["openid"],
}
OPENID = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/v1/keys"}


def parse(**changes: Any) -> discovery.Discovery:
    return discovery.parse_discovery(json.dumps({**GOOD, **changes}).encode(), fhir_base_url=BASE)


@pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
def test_the_suffix_follows_the_whole_base(base: str) -> None:
    """C10; smart-app-launch_2.2.0@29: not at the host's root, as RFC 8414 would have it."""
    assert discovery.discovery_url(base) == f"{BASE}/.well-known/smart-configuration"


def test_a_document_like_athenahealths_is_read() -> None:
    """C13: wrong authentication methods and grants in it do not matter."""
    found = parse()
    assert found.issuer == ISSUER
    assert found.authorization_endpoint == GOOD["authorization_endpoint"]
    assert found.revocation_endpoint == GOOD["revocation_endpoint"]
    assert found.management_endpoint is None
    assert found.capabilities == {"launch-ehr", "permission-v2"}
    assert found.scopes_supported == ("openid",)
    assert found.authorization_response_iss_parameter_supported is False
    assert found.document == GOOD
    assert found.notes == ()
    assert discovery.validate_for_launch(found) == discovery.LaunchEndpoints(
        GOOD["authorization_endpoint"], GOOD["token_endpoint"]
    )


def test_hosts_are_those_of_every_endpoint_but_not_the_issuers() -> None:
    """C14: the issuer's host is expected to differ; it is no endpoint."""
    assert discovery.hosts(parse()) == {"api.example", "keys.example:8443"}


def test_relative_endpoints_resolve_against_the_fhir_base() -> None:
    """C11; smart-app-launch_2.2.0@379."""
    found = parse(authorization_endpoint="auth/authorize", token_endpoint="/oauth2/token")
    assert found.authorization_endpoint == f"{BASE}/auth/authorize"
    assert found.token_endpoint == "https://api.example/oauth2/token"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize(
    "value", ["http://api.example/x", 5, ["https://api.example/x"], "https://a@b.example/x"]
)
def test_an_endpoint_that_codes_would_go_to_must_be_https(name: str, value: object) -> None:
    """C11."""
    with pytest.raises(DiscoveryInvalid, match=name):
        parse(**{name: value})


@pytest.mark.parametrize(
    "name",
    ["jwks_uri", "introspection_endpoint", "revocation_endpoint", "management_endpoint"],
)
def test_a_bad_address_of_a_lesser_endpoint_is_as_good_as_none(name: str) -> None:
    found = parse(**{name: "http://api.example/x"})
    assert getattr(found, name) is None
    assert found.notes == (f"Not used: {name}: not https.",)


@pytest.mark.parametrize("empty", [None, ""])
def test_null_and_empty_mean_absent(empty: object) -> None:
    found = parse(token_endpoint=empty, issuer=empty)
    assert found.token_endpoint is None
    assert found.issuer is None


def test_wrong_types_of_lists_and_issuer_count_as_nothing() -> None:
    found = parse(capabilities={"launch-ehr": True}, issuer=5, scopes_supported=["openid", 7])
    assert found.capabilities == frozenset()
    assert found.issuer is None
    assert found.scopes_supported == ("openid",)
    assert len(found.notes) == 2


@pytest.mark.parametrize(
    ("value", "required"),
    [(True, True), ("true", True), ("True", True), ("false", False), ([], False)],
)
def test_the_issuer_parameter_is_required_when_announced(value: object, required: bool) -> None:
    """C51; RFC 9207 §3: the stricter reading of "true" in quotes."""
    found = parse(authorization_response_iss_parameter_supported=value)
    assert found.authorization_response_iss_parameter_supported is required


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization_endpoint", None),
        ("token_endpoint", None),
        ("code_challenge_methods_supported", ["plain"]),
        ("code_challenge_methods_supported", "plain"),
        ("code_challenge_methods_supported", []),
        ("code_challenge_methods_supported", None),
        ("code_challenge_methods_supported", {"S256": True}),
    ],
)
def test_a_launch_needs_both_endpoints_and_s256(name: str, value: object) -> None:
    """C12, T5: no fallback to `plain`."""
    found = parse(**{name: value})
    with pytest.raises(DiscoveryIncomplete):
        discovery.validate_for_launch(found)


@pytest.mark.parametrize("value", [None, [], [None], 5])
def test_an_administrator_may_say_that_pkce_is_taken_unannounced(value: object) -> None:
    """Oracle Health lists it at four of five of its endpoints, and supports it at all."""
    found = parse(code_challenge_methods_supported=value)
    launch = discovery.validate_for_launch(found, takes_pkce_unannounced=True)
    assert launch.token_endpoint == GOOD["token_endpoint"]


@pytest.mark.parametrize("value", [["plain"], "plain", ["SHA256"], "plain,RS256"])
def test_nobody_may_say_so_where_other_methods_are_listed(value: object) -> None:
    """T5: the EHR has said what it supports."""
    found = parse(code_challenge_methods_supported=value)
    with pytest.raises(DiscoveryIncomplete, match="only"):
        discovery.validate_for_launch(found, takes_pkce_unannounced=True)


@pytest.mark.parametrize("value", [["s256"], "plain, s256"])
def test_a_misspelt_method_says_no_more_than_an_absent_list(value: object) -> None:
    found = parse(code_challenge_methods_supported=value)
    with pytest.raises(PKCEUnannounced, match="s256 only"):
        discovery.validate_for_launch(found)
    launch = discovery.validate_for_launch(found, takes_pkce_unannounced=True)
    assert launch.token_endpoint == GOOD["token_endpoint"]


@pytest.mark.parametrize(
    "value",
    [
        "S256",
        "plain S256",
        ["plain", ["S256"]],
        ["S256", "x"],
        "plain,S256",
        "plain, S256",
        [" S256"],
    ],
)
@pytest.mark.parametrize("capabilities", ["launch-ehr permission-v2", "launch-ehr, permission-v2"])
def test_a_list_is_read_from_what_real_servers_write_in_its_place(
    value: object, capabilities: str
) -> None:
    found = parse(code_challenge_methods_supported=value, capabilities=capabilities)
    assert discovery.validate_for_launch(found).token_endpoint == GOOD["token_endpoint"]
    assert found.capabilities == {"launch-ehr", "permission-v2"}
    assert found.notes == ()


@pytest.mark.parametrize("body", [b"<html>", b"\n <!DOCTYPE html>", b"\xef\xbb\xbf<html></html>"])
def test_a_web_page_is_called_one(body: bytes) -> None:
    with pytest.raises(DiscoveryInvalid, match="a web page came"):
        discovery.parse_discovery(body, fhir_base_url=BASE)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"token_endpoint": "https://x.example"}).encode("utf-16"),
        b")]}',\n" + json.dumps({"token_endpoint": "https://x.example"}).encode(),
        json.dumps([{"token_endpoint": "https://x.example"}]).encode(),
        b'{"token_endpoint": "https://x.example",}',
    ],
)
def test_a_document_that_is_there_and_broken_is_told_from_a_wrong_address(body: bytes) -> None:
    with pytest.raises(DiscoveryInvalid) as refused:
        discovery.parse_discovery(body, fhir_base_url=BASE)
    assert refused.value.rule == "malformed"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_blanks_around_an_endpoint_are_none_of_it(name: str) -> None:
    assert getattr(parse(**{name: f" {GOOD['token_endpoint']}\n"}), name) == GOOD["token_endpoint"]


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"issuer": 1, "issuer": 2}'])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(DiscoveryInvalid):
        discovery.parse_discovery(body, fhir_base_url=BASE)


def test_http_is_for_development_only() -> None:
    body = json.dumps({**GOOD, "token_endpoint": "/sandbox/oauth2/v1/token"}).encode()
    base = "http://127.0.0.1:8000/sandbox/fhir/r4"
    found = discovery.parse_discovery(body, fhir_base_url=base, allow_http=True)
    assert found.token_endpoint == "http://127.0.0.1:8000/sandbox/oauth2/v1/token"
    with pytest.raises(DiscoveryInvalid):
        discovery.parse_discovery(body, fhir_base_url=base)


class TestOpenIDConfiguration:
    def test_it_lies_below_the_issuer(self) -> None:
        """C91; a trailing slash of the issuer does not double."""
        url = f"{ISSUER}/.well-known/openid-configuration"
        assert discovery.openid_configuration_url(ISSUER) == url
        assert discovery.openid_configuration_url(f"{ISSUER}/") == url

    def test_it_names_the_keys(self) -> None:
        body = json.dumps(OPENID).encode()
        found = discovery.parse_openid_configuration(body, issuer=ISSUER)
        assert found == discovery.OpenIDConfiguration(ISSUER, OPENID["jwks_uri"])

    @pytest.mark.parametrize(
        ("published", "used"),
        [
            ("https://login.example/out", "https://login.example/out"),
            ("http://login.example/out", None),
            ("javascript:alert(1)", None),
            (["https://login.example/out"], None),
            ("", None),
        ],
    )
    def test_it_names_where_people_sign_out(self, published: object, used: str | None) -> None:
        """C134: an invalid address does not make the keys unusable."""
        body = json.dumps(OPENID | {"end_session_endpoint": published}).encode()
        found = discovery.parse_openid_configuration(body, issuer=ISSUER)
        assert found.end_session_endpoint == used

    def test_sign_out_says_who_we_are_and_not_who_the_person_is(self) -> None:
        """C134, T10: no id_token in a URL."""
        made = discovery.logout_url(
            "https://login.example/out?tenant=1",
            client_id="a b",
            post_logout_redirect_uri="https://app.example/signed-out/",
        )
        assert made == (
            "https://login.example/out?tenant=1&client_id=a+b"
            "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-out%2F"
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"issuer": f"{ISSUER}/"},
            {"issuer": None},
            {"jwks_uri": None},
            {"jwks_uri": "/keys"},
            {"jwks_uri": "http://athena.okta.example/keys"},
        ],
    )
    def test_another_issuer_or_no_safe_key_address_is_refused(self, change: dict[str, Any]) -> None:
        """OpenID Connect Discovery §4.3: one server must not speak for another."""
        with pytest.raises(DiscoveryInvalid):
            discovery.parse_openid_configuration(
                json.dumps({**OPENID, **change}).encode(), issuer=ISSUER
            )
